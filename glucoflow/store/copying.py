"""A whole store carried from one database to another, SQLite or PostgreSQL, and proven to have arrived.

Both are at the newest revision. What is read is one moment of the source, what is written is one transaction of the
target: all of it or nothing. Each table is compared by its number of rows and by a checksum over their values, which
does not depend on their order or on how a database writes a time.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Integer, Table, delete, func, insert, select, text

from glucoflow.checksums import Sum
from glucoflow.model.errors import Fatal, Misconfigured, Unavailable
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database
from glucoflow.store.error_translation import explained
from glucoflow.store.migrate import HEAD, canary, revision
from glucoflow.store.tables import Base
from glucoflow.store.upgrade import ONE_AT_A_TIME, upgrade

_ROWS_A_STEP = 500
_SOMEBODYS = ("people", "login_accounts", "partners", "invites")
"""Tables in which somebody has a row as soon as an installation is used."""
_LOOKS, _LOOK_EVERY_S = 10, 0.2

OnTable = Callable[[str, int], None]
"""Told the table and how many rows of it have been carried."""


class CopiedTable(msgspec.Struct, frozen=True, kw_only=True):
    """What both databases hold of it."""

    name: str
    rows: int
    checksum: str


def copy_store(
    source: Database, target: Database, cipher: Cipher, on_table: OnTable = lambda _table, _rows: None
) -> tuple[CopiedTable, ...]:
    """Carry everything from `source` to the unused `target`, and compare both.

    `cipher` holds the source's keys. Raises Misconfigured where the target is used or the source is not at this
    version, WrongKey where the keys are others, Fatal where the two differ afterwards; the target is as before then.
    """
    with ONE_AT_A_TIME, source.moment() as here, target.connect() as there, there.begin():
        _refuse_other_version(here)
        found = canary(here)
        if found is not None:
            cipher.check(found)
        _prepare(there, cipher)
        copied = tuple(_carry(here, there, table, on_table) for table in _tables())
        if target.is_postgres:
            for table in _tables():
                _go_on_counting(there, table)
        for one in copied:
            arrived = contents(there, Base.metadata.tables[one.name])
            if arrived != one:
                raise Fatal(
                    f"The table {one.name} did not arrive as it was: {one.rows:,} rows left, {arrived.rows:,} came.",
                    remedy="Nothing was kept of the copy; the old database is as it was. Please report this.",
                )
    return copied


def snapshot(source: Database, to: Path, cipher: Cipher) -> None:
    """One moment of a store as an SQLite file at `to`, which must not be there, while others work on it.

    Raises Unavailable where it cannot be written, else as `copy_store`.
    """
    if source.is_postgres:
        with closing(Database.in_file(to)) as target:
            copy_store(source, target, cipher)
        return
    with explained(), closing(sqlite3.connect(to)) as copy:
        to.chmod(0o600)
        source.back_up(copy)
        copy.execute("PRAGMA journal_mode=DELETE").close()  # one file, with nothing beside it


def contents(connection: Connection, table: Table) -> CopiedTable:
    """Rows and checksum of a table as it is."""
    seen = Sum()
    for _ in _rows(connection, table, seen):
        pass
    return CopiedTable(name=table.name, rows=seen.n, checksum=seen.text())


def refuse_used(connection: Connection) -> None:
    """Raises Misconfigured where somebody is in this database already, or another version made it."""
    found = revision(connection)
    if found is None:
        return
    if found != HEAD:
        raise Misconfigured(
            f"The database that is to be filled is at revision {found}, this version works with {HEAD}.",
            remedy="Use an empty database.",
        )
    for name in _SOMEBODYS:
        table = Base.metadata.tables[name]
        if connection.scalar(select(func.count()).select_from(table)):
            raise Misconfigured(
                f"The database that is to be filled is in use: there are rows in its table {name}.",
                remedy="Nothing was changed. Use an empty database; to give this one up, delete it yourself first.",
            )


def _line(row: Sequence[Any]) -> bytes:
    return msgspec.json.encode([one.isoformat() if isinstance(one, datetime) else one for one in row])


def _tables() -> Sequence[Table]:
    return Base.metadata.sorted_tables


def _rows(connection: Connection, table: Table, seen: Sum) -> Iterator[dict[str, Any]]:
    names = [column.name for column in table.columns]
    for row in connection.execution_options(yield_per=_ROWS_A_STEP).execute(select(table)):
        seen.add(_line(row))
        yield dict(zip(names, row, strict=True))


def _carry(here: Connection, there: Connection, table: Table, on_table: OnTable) -> CopiedTable:
    seen = Sum()
    rows = _rows(here, table, seen)
    while part := list(islice(rows, _ROWS_A_STEP)):
        there.execute(insert(table), part)
        on_table(table.name, seen.n)
    return CopiedTable(name=table.name, rows=seen.n, checksum=seen.text())


def _refuse_other_version(here: Connection) -> None:
    found = revision(here)
    if found != HEAD:
        raise Misconfigured(
            f"The database that is to be copied is at revision {found}, this version works with {HEAD}.",
            remedy="Run `glucoflow provision` with it first, which brings it up to date.",
        )


def _prepare(there: Connection, cipher: Cipher) -> None:
    """Tables that nobody has used, empty."""
    refuse_used(there)
    if revision(there) is None:
        upgrade(there, None, cipher)
    for table in reversed(_tables()):  # what an unused installation leaves: its key's canary, sessions, counted calls
        there.execute(delete(table))


def _go_on_counting(there: Connection, table: Table) -> None:
    """PostgreSQL counts ids in a sequence of its own, which rows that bring their id along do not move."""
    key = list(table.primary_key.columns)
    if len(key) != 1 or not isinstance(key[0].type, Integer) or table.autoincrement_column is None:
        return
    newest = there.scalar(select(func.max(key[0])))
    if newest is not None:
        there.execute(
            text("SELECT setval(pg_get_serial_sequence(:table, :column), :newest)"),
            {"table": table.name, "column": key[0].name, "newest": newest},
        )


def _others_on(database: Database) -> int:
    """How many other connections work on this database. On SQLite one stands for any number."""
    if database.is_postgres:
        with database.connect() as connection:
            return int(connection.scalar(text(_SESSIONS)) or 0)
    return int(not database.is_ours_alone())


_SESSIONS = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'glucoflow' AND pid <> pg_backend_pid()
"""


def refuse_busy(database: Database, what: str) -> None:
    """Raises Unavailable where something else works on it, and goes on to."""
    for _ in range(_LOOKS):  # PostgreSQL counts a connection for a moment after it was closed
        if not _others_on(database):
            return
        time.sleep(_LOOK_EVERY_S)
    raise Unavailable(
        f"Something works on {what} just now.",
        remedy="Stop glucoflow first: `up` (Ctrl-C), or the services web and worker. Nothing was changed.",
    )
