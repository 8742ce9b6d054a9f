"""Connections to a PostgreSQL server that may restart, and to which the network may lead no more."""

import select
import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

if TYPE_CHECKING:
    import psycopg

ASKED_AFTER_S = 30.0
"""A PostgreSQL connection that was idle for so long is asked whether it lives before it is used."""


def postgres_engine(url: URL) -> Engine:
    """Of pooled connections, each looked at before it is used."""
    engine = create_engine(
        url,
        pool_size=20,
        max_overflow=20,
        pool_timeout=30,
        hide_parameters=True,
        connect_args=postgres_options(lock_seconds=15, statement_seconds=30),
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


def postgres_options(lock_seconds: int, statement_seconds: int) -> dict[str, Any]:
    """What a connection is opened with: no statement, lock or forgotten transaction holds anybody up for long."""
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
