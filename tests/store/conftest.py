"""A store on SQLite and one on PostgreSQL: every test that asks for `place` or `store` runs on both."""

import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import SecretStr

from glucoflow.model.credentials import Credentials
from glucoflow.store import Connection, Store, open_store
from glucoflow.store.database import Database, database_url
from tests.postgres import Server
from tests.store.provider import Provider
from tests.workers import worker_name

NOW = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
ROOT = Path(__file__).parents[2]


class Place(NamedTuple):
    """Where a test's store is: its data folder, and its database's address (None for SQLite in the folder)."""

    folder: Path
    url: SecretStr | None

    @contextmanager
    def database(self, busy_seconds: float = 15.0) -> Iterator[Database]:
        database = Database(database_url(self.url, self.folder), busy_seconds)
        yield database
        database.close()

    def open(self) -> Store:
        return open_store(self.folder, url=self.url)

    def worker(self, task: str, *arguments: str) -> "subprocess.Popen[str]":
        url = self.url.get_secret_value() if self.url else ""
        command = [sys.executable, "-m", "tests.store.worker", task, str(self.folder), url, *arguments]
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="session")
def migrated(postgres: Server, tmp_path_factory: pytest.TempPathFactory) -> SecretStr:
    """A database with tables, which tests use one after the other: making one for each takes most of their time."""
    name = f"store_{worker_name()}"
    postgres.execute(f"CREATE DATABASE {name}")
    url = SecretStr(postgres.url(name))
    open_store(tmp_path_factory.mktemp("migrated"), url=url).close()
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """An empty database."""
    if request.param == "sqlite":
        return Place(tmp_path, None)
    url: SecretStr = request.getfixturevalue("migrated")
    request.getfixturevalue("postgres").execute(
        "TRUNCATE people, meta, runs, calls, login_waits, login_sessions, login_accounts, spent, receipts, partners "
        "CASCADE",
        f"store_{worker_name()}",
    )
    return Place(tmp_path, url)


@pytest.fixture(params=["sqlite", "postgresql"])
def new_place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A database without tables."""
    if request.param == "sqlite":
        yield Place(tmp_path, None)
        return
    server: Server = request.getfixturevalue("postgres")
    name = f"t{uuid.uuid4().hex[:12]}"
    server.execute(f"CREATE DATABASE {name}")
    yield Place(tmp_path, SecretStr(server.url(name)))
    server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def store(place: Place) -> Iterator[Store]:
    with place.open() as store:
        yield store


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as provider:
        yield provider


def pair(number: int = 0, expires_at: datetime | None = NOW) -> Credentials:
    """The pair that `Provider` accepts at its start; expired unless told otherwise."""
    values = {"access": SecretStr(f"access-{number}"), "refresh": SecretStr(f"refresh-{number}")}
    return Credentials(values=values, expires_at=expires_at)


def connect(store: Store, user_id: str = "anna", expires_at: datetime = NOW) -> Connection:
    """A person with a connection that is due at NOW."""
    if store.people.find(user_id) is None:
        store.people.add(user_id, user_id.title(), NOW - timedelta(days=1))
    return store.connections.add(user_id, "dexcom", "us", NOW, pair(expires_at=expires_at))
