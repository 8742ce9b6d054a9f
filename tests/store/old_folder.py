"""A data folder as an earlier version left it: `uv run python -m tests.store.old_folder REVISION FOLDER` writes one.

Its tables are made by that version's own migrations and have a row or two each, whatever columns they had then. So
nobody has to keep databases of before in the repository, and no revision can be forgotten: all of them are there.
"""

import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import Column, Connection, DateTime, LargeBinary, MetaData, Table, insert, text

from glucoflow.store.crypto import Cipher
from glucoflow.store.database import SQLITE_FILE, Database
from glucoflow.store.keys import KEY_FILE
from glucoflow.store.migrate import CANARY
from glucoflow.store.tables import Base
from glucoflow.store.upgrade import scripts

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
_WORDS = {
    "unit": "mg/dL",
    "zone": "UTC",
    "profile": "adult",
    "state": "connected",
    "provider": "dexcom",
    "flow": "sync",
    "known": "{}",
}


def every_revision() -> list[str]:
    """Oldest first."""
    return [one.revision for one in reversed(list(scripts().walk_revisions()))]


def at_revision(database: Database, revision: str, key: SecretStr | None = None) -> None:
    """The tables of an earlier version, made by its own migrations; from 0004 on these want a key."""
    script = scripts()

    def steps(current: str, _context: MigrationContext) -> list[RevisionStep]:
        return script._upgrade_revs(revision, current)

    environment = EnvironmentContext(Config(), script, fn=steps, destination_rev=revision)
    with database.connect() as connection, connection.begin(), environment:
        cipher = Cipher([key]) if key is not None else None
        environment.configure(connection=connection, target_metadata=Base.metadata, cipher=cipher)
        environment.run_migrations()


def write_folder(folder: Path, revision: str) -> dict[str, int]:
    """A folder with key and store at this revision; how many rows each table has."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = Fernet.generate_key()
    (folder / KEY_FILE).write_bytes(key + b"\n")
    (folder / KEY_FILE).chmod(0o600)
    database = Database.in_file(folder / SQLITE_FILE)
    try:
        at_revision(database, revision, SecretStr(key.decode()))
        with database.connect() as connection, connection.begin():
            return _fill(connection, Fernet(key))
    finally:
        database.close()


def _fill(connection: Connection, fernet: Fernet) -> dict[str, int]:
    then = MetaData()
    then.reflect(connection)
    rows: dict[str, list[Mapping[str, Any]]] = {}
    for table in then.sorted_tables:
        if table.name == "meta":
            connection.execute(insert(table).values(name=CANARY, value=fernet.encrypt(b"glucoflow key canary")))
        elif table.name != "alembic_version":
            rows[table.name] = [_row(table, n, rows, fernet) for n in range(2)]
            connection.execute(insert(table), rows[table.name])
    return {name: len(found) for name, found in rows.items()}


def _row(table: Table, n: int, rows: Mapping[str, list[Mapping[str, Any]]], fernet: Fernet) -> dict[str, Any]:
    return {column.name: _value(column, n, rows, fernet) for column in table.columns}


def _value(column: Column[Any], n: int, rows: Mapping[str, list[Mapping[str, Any]]], fernet: Fernet) -> Any:
    for key in column.foreign_keys:
        return rows[key.column.table.name][n][key.column.name]
    if column.nullable and n == 0:
        return None
    if isinstance(column.type, LargeBinary):
        return fernet.encrypt(b'{"access": "a", "refresh": "r"}')
    if isinstance(column.type, DateTime):
        return (BEGIN + timedelta(days=n)).replace(tzinfo=None)  # as SQLite keeps it
    kind = column.type.python_type
    if issubclass(kind, date):
        return date(2025, 1, 1 + n)
    if issubclass(kind, str):
        return _WORDS.get(column.name, f"{column.name}{n}")
    return n + 1 if column.primary_key else n


def rows_of(database: Database, tables: Mapping[str, int]) -> dict[str, int]:
    """How many rows these tables have now."""
    with database.read() as session:
        return {name: session.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one() for name in tables}  # noqa: S608


if __name__ == "__main__":
    write_folder(Path(sys.argv[2]), sys.argv[1])
