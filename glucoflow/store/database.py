"""One database, SQLite or PostgreSQL, behind two verbs: `read` and `write`, each one short transaction.

No transaction is ever open while something else than the database is waited for.
"""

import os
import select
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import SecretStr
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from glucoflow.files import private_folder
from glucoflow.model.errors import Misconfigured, Unavailable
from glucoflow.store.error_translation import explained
from glucoflow.store.tables import Base

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy.dialects import postgresql, sqlite

SQLITE_FILE = "glucoflow.db"
BUSY_SECONDS = 15.0
ASKED_AFTER_S = 30.0
"""A PostgreSQL connection that was idle for so long is asked whether it lives before it is used."""

_WRITES = "glucoflow_writes"


class Database:
    """The engine of a store. Sessions are short, and a value that leaves one is a frozen copy."""

    def __init__(self, url: URL, busy_seconds: float = BUSY_SECONDS) -> None:
        """Makes an SQLite file that is missing, and its folder, for their owner only.

        Raises Unavailable for a folder that cannot be written.
        """
        self.url = url
        on_sqlite = url.get_backend_name() == "sqlite"
        self._file = _File(Path(url.database or "")) if on_sqlite else None
        self._engine = _sqlite(url, busy_seconds) if on_sqlite else _postgres(url)
        self._writer = self._engine.execution_options(**{_WRITES: True})
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
            connect_args=_postgres_options(lock_seconds=90, statement_seconds=100),
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


def _postgres(url: URL) -> Engine:
    engine = create_engine(
        url,
        pool_size=20,
        max_overflow=20,
        pool_timeout=30,
        hide_parameters=True,
        connect_args=_postgres_options(lock_seconds=15, statement_seconds=30),
    )

    @event.listens_for(engine, "checkin")
    def used(_connection: object, record: ConnectionPoolEntry) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def alive(connection: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        """Another one is taken where the server has ended this one: then it said so, which no question is needed for.
        After a while a question is asked, since a network forgets silent connections without a word.
        """
        idle = time.monotonic() - record.info.get("used", time.monotonic())
        if _says_something(connection) or (idle > ASKED_AFTER_S and not _answers(connection)):
            raise DisconnectionError

    return engine


def _says_something(connection: "psycopg.Connection[Any]") -> bool:
    """Whether the server speaks unasked, which it does to take its leave; or the connection is closed."""
    if connection.closed:
        return True
    looked = select.poll()
    looked.register(connection.fileno(), select.POLLIN)
    return bool(looked.poll(0))


def _answers(connection: "psycopg.Connection[Any]") -> bool:
    import psycopg

    try:
        connection.execute("SELECT 1").close()
        connection.rollback()
    except psycopg.Error:
        return False
    return True


def _postgres_options(lock_seconds: int, statement_seconds: int) -> dict[str, Any]:
    limits = {
        "lock_timeout": f"{lock_seconds}s",
        "statement_timeout": f"{statement_seconds}s",
        "idle_in_transaction_session_timeout": "60s",
        "timezone": "UTC",
    }
    return {
        "connect_timeout": 5,
        "application_name": "glucoflow",
        "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
    }


def _sqlite(url: URL, busy_seconds: float) -> Engine:
    path = Path(url.database or "").resolve()
    # `mode=rw`: a file that is deleted while we run is not made anew, empty, by the next connection.
    address = URL.create("sqlite+pysqlite", database=path.as_uri(), query={"mode": "rw", "uri": "true"})
    engine = create_engine(address, hide_parameters=True, connect_args={"timeout": busy_seconds})

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: see `begin`
        connection.execute(f"PRAGMA busy_timeout={int(busy_seconds * 1000)}").close()
        _write_ahead(connection, busy_seconds)
        # The usual NORMAL may lose the last commit at a power cut, and with it a new token.
        connection.execute("PRAGMA synchronous=FULL").close()
        connection.execute("PRAGMA foreign_keys=ON").close()
        connection.execute("PRAGMA secure_delete=ON").close()  # what was deleted is not left in free pages

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # A transaction that reads first and writes later fails at once if another wrote in between, whatever the
        # busy time-out; so writers take the lock when they begin.
        writes = connection.get_execution_options().get(_WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def fold_in(path: Path) -> None:
    """Bring what lies in the write-ahead log into the file, so that the file alone is a whole copy.

    Where another process is just reading or writing, the log is left to whoever comes after it.
    """
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as own:
        own.execute("PRAGMA busy_timeout=100").close()
        own.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()


class _File:
    """An SQLite file, made if missing, which must stay the same one for as long as we run on it."""

    def __init__(self, path: Path) -> None:
        """Raises Unavailable where it cannot be made or written."""
        self._path = path
        try:
            private_folder(path.parent)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            with suppress(PermissionError):  # another account's, which we may write: its owner decides
                os.fchmod(descriptor, 0o600)
            os.close(descriptor)
            self._made = self._identity()
        except OSError as error:
            raise Unavailable(
                f"The database {path} cannot be opened ({error.strerror}).",
                remedy="Give the account that runs glucoflow write access to that folder, or set GLUCOFLOW_DATA_DIR.",
            ) from None

    def check(self) -> None:
        """Raises Unavailable if another file, or none, has its name by now."""
        if self._identity() != self._made:
            raise Unavailable(
                f"The database {self._path} was deleted or replaced while glucoflow runs on it.",
                remedy="Stop glucoflow, put the file or its backup back, and start again. What is missing in it is "
                "fetched again; a person whose token was renewed since will be asked to connect again.",
            )

    def _identity(self) -> tuple[int, int]:
        try:
            found = self._path.stat()
        except OSError:
            return 0, 0
        return found.st_dev, found.st_ino


def _write_ahead(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Switch to WAL, so that readers and a writer do not stop one another. The file remembers it.

    SQLite does not wait for its busy time-out here: where two processes switch a new file at once, one is told at
    once that it is locked.
    """
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL").close()
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
