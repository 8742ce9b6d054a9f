"""Stores that are migrated already: copies of one, as its migrations would cost more than what many a test does.

That a new one is made is shown in `tests/store`, and by every program that is started on a new folder.
"""

import atexit
import shutil
import sqlite3
import tempfile
from functools import cache
from pathlib import Path

import psycopg
from pydantic import SecretStr

from glucoflow.store import open_store
from glucoflow.store.database import SQLITE_FILE
from glucoflow.store.keys import KEY_FILE
from tests.postgres import Server
from tests.workers import own_name


def lay_store(folder: Path) -> None:
    """An empty SQLite store with its key, unless there is one."""
    if not (folder / SQLITE_FILE).exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in (SQLITE_FILE, KEY_FILE):
            shutil.copy(_sqlite() / name, folder / name)


def lay_postgres(server: Server, folder: Path) -> str:
    """An empty store on PostgreSQL, its key in the folder; its address. The one before it is gone then."""
    folder.mkdir(parents=True, exist_ok=True)
    url = _postgres(server)
    shutil.copy(_sqlite() / KEY_FILE, folder / KEY_FILE)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "DO $$ BEGIN EXECUTE (SELECT 'TRUNCATE ' || string_agg(quote_ident(tablename), ', ') FROM pg_tables "
            "WHERE schemaname = 'public' AND tablename NOT IN ('alembic_version', 'meta')); END $$"
        )
    return url


def lay_fresh_postgres(server: Server, folder: Path) -> str:
    """The same in a database of its own, on a server that a test may stop."""
    server.execute("CREATE DATABASE fresh")
    url = server.url("fresh")
    open_store(folder, url=SecretStr(url)).close()
    return url


@cache
def _sqlite() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="glucoflow-store-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    open_store(folder).close()
    return folder


@cache
def _postgres(server: Server) -> str:
    """A database of this worker, with the key of `_sqlite`."""
    name = f"laid_{own_name()}"
    server.execute(f'CREATE DATABASE "{name}"')
    url = server.url(name)
    key = SecretStr((_sqlite() / KEY_FILE).read_text().strip())
    open_store(_sqlite(), url=SecretStr(url), token_key=key).close()
    return url


def tables_of(file: Path) -> dict[str, int]:
    """Rows by table of an SQLite file, looked at by itself."""
    with sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True) as database:
        names = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        return {name: database.execute(f'select count(*) from "{name}"').fetchone()[0] for name in names}  # noqa: S608
