"""One database, SQLite or PostgreSQL, behind two verbs: `read` and `write`, each one short transaction.

No transaction is ever open while something else than the database is waited for.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, NullPool, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.orm import Session

from glucoflow.model.errors import Misconfigured, Unavailable
from glucoflow.store.error_translation import explained
from glucoflow.store.postgres_engine import postgres_engine, postgres_options
from glucoflow.store.sqlite_engine import WRITES, SqliteFile, fold_in, sqlite_engine
from glucoflow.store.tables import Base

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

SQLITE_FILE = "glucoflow.db"
BUSY_SECONDS = 15.0


class Database:
    """The engine of a store. Sessions are short, and a value that leaves one is a frozen copy."""

    def __init__(self, url: URL, busy_seconds: float = BUSY_SECONDS) -> None:
        """Makes an SQLite file that is missing, and its folder, for their owner only.

        Raises Unavailable for a folder that cannot be written.
        """
        self.url = url
        on_sqlite = url.get_backend_name() == "sqlite"
        self._file = SqliteFile(Path(url.database or "")) if on_sqlite else None
        self._engine = sqlite_engine(url, busy_seconds) if on_sqlite else postgres_engine(url)
        self._writer = self._engine.execution_options(**{WRITES: True})
        # Statement by statement, as a transaction at READ COMMITTED sees the world too: without BEGIN and ROLLBACK a
        # question is one way there and back instead of three. SQLite's costs nothing.
        self._reader = self._engine if on_sqlite else self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @classmethod
    def in_file(cls, path: Path) -> Self:
        """The SQLite database in this file."""
        return cls(sqlite_url(path))

    def __repr__(self) -> str:
        return f"Database({self.url.render_as_string(hide_password=True)})"

    @property
    def is_postgres(self) -> bool:
        return self._engine.dialect.name == "postgresql"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session for reading. Raises Unavailable or Misconfigured if the database does not serve."""
        with self._served(), Session(self._reader, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction, all or nothing. On SQLite other writers wait from its first statement on."""
        with self._served(), Session(self._writer, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """A writing connection, for migrations."""
        with self._served(), self._writer.connect() as connection:
            yield connection

    @contextmanager
    def moment(self) -> Iterator[Connection]:
        """One moment of it, for as long as the block reads, while others write."""
        level = {"isolation_level": "REPEATABLE READ"} if self.is_postgres else {}
        with self._served(), self._engine.connect().execution_options(**level) as connection, connection.begin():
            if self.is_postgres:
                connection.execute(text("SET LOCAL statement_timeout = 0"))
            yield connection

    def back_up(self, copy: sqlite3.Connection) -> None:
        """An SQLite database as it is now, into another one, while others write."""
        with self._served(), self._engine.connect() as connection:
            connection.connection.backup(copy)

    def is_ours_alone(self) -> bool:
        """Whether nobody else has this SQLite file open: then, and only then, its journal can be another one."""
        self._engine.dispose()
        path = Path(self.url.database or "").resolve()
        with explained(), closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as own:
            own.execute("PRAGMA busy_timeout=500").close()
            try:
                own.execute("PRAGMA journal_mode=DELETE").close()
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                return False
        return True

    @contextmanager
    def _served(self) -> Iterator[None]:
        if self._file is not None:
            self._file.check()
        with explained():
            yield

    def insert(self, table: type[Base]) -> "sqlite.Insert | postgresql.Insert":
        """An INSERT that knows ON CONFLICT, in this database's dialect."""
        from sqlalchemy.dialects import postgresql, sqlite  # a quarter of a second, which who reads does without

        return postgresql.insert(table) if self.is_postgres else sqlite.insert(table)

    def lock_engine(self) -> Engine:
        """PostgreSQL connections outside the pool, one per lock: closing one frees its lock, as does a crash."""
        return create_engine(
            self._engine.url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
            connect_args=postgres_options(lock_seconds=90, statement_seconds=100),
        )

    def examine(self) -> None:
        """Look at every page of an SQLite file. Raises Unavailable if it is damaged."""
        with self.read() as session:
            if not self.is_postgres and session.execute(text("PRAGMA quick_check(1)")).scalar() != "ok":
                raise Unavailable("The database file is damaged.", remedy="Stop glucoflow and restore the last backup.")

    def close(self) -> None:
        self._engine.dispose()
        if not self.is_postgres and self.url.database:
            fold_in(Path(self.url.database))


def database_url(setting: SecretStr | None, folder: Path) -> URL:
    """The address from the setting, else SQLite in `folder`. Raises Misconfigured for one that cannot be used."""
    url = _parse(setting) if setting is not None and setting.get_secret_value().strip() else None
    if url is not None and url.get_backend_name() == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    path = Path(url.database) if url is not None and url.database else folder / SQLITE_FILE
    return sqlite_url(path)


def sqlite_url(path: Path) -> URL:
    """The address of the SQLite database in this file."""
    return URL.create("sqlite+pysqlite", database=str(path))


def is_missing(url: URL) -> bool:
    """Whether this is an SQLite file that nobody has made yet."""
    return url.get_backend_name() == "sqlite" and not Path(url.database or "").exists()


def _parse(setting: SecretStr) -> URL:
    remedy = "Use postgresql://user:password@host:5432/database, or leave GLUCOFLOW_DATABASE_URL empty for SQLite."
    try:
        url = make_url(setting.get_secret_value().strip())
    except (ArgumentError, ValueError):
        raise Misconfigured("GLUCOFLOW_DATABASE_URL is not a database address.", remedy=remedy) from None
    if url.drivername == "postgres":
        url = url.set(drivername="postgresql")
    if url.get_backend_name() not in {"postgresql", "sqlite"}:
        raise Misconfigured(f"glucoflow cannot use a {url.get_backend_name()} database.", remedy=remedy)
    return url
