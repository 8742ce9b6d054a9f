"""Connections to an SQLite file that several processes share, and the file itself."""

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL

from glucoflow.files import private_folder
from glucoflow.model.errors import Unavailable

WRITES = "glucoflow_writes"
"""The execution option of a connection that is going to write."""


def sqlite_engine(url: URL, busy_seconds: float) -> Engine:
    """Of connections to one file, whose writers (`WRITES`) take its lock when they begin."""
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
        writes = connection.get_execution_options().get(WRITES)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def fold_in(path: Path) -> None:
    """Bring what lies in the write-ahead log into the file, so that the file alone is a whole copy.

    Where another process is just reading or writing, the log is left to whoever comes after it.
    """
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)) as own:
        own.execute("PRAGMA busy_timeout=100").close()
        own.execute("PRAGMA wal_checkpoint(TRUNCATE)").close()


class SqliteFile:
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
