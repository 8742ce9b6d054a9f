"""Turns at renewing a connection's credentials: one at a time, across threads, processes and machines.

PostgreSQL: a session-level advisory lock on a connection of its own. It holds no transaction open and blocks no row
while the provider is asked, and a crash frees it at once. (A row lock would do neither: the intent must be committed
before the call, and a commit gives the lock up.) PgBouncer needs its session mode for this.
SQLite: a lease in the connection's row, taken by compare-and-set. A crash frees it when it expires.
"""

import hashlib
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import or_, select, text, update
from sqlalchemy.orm import Session

from glucoflow.model.errors import Retryable, Unavailable
from glucoflow.store.database import Database
from glucoflow.store.error_translation import explained
from glucoflow.store.future import has_come
from glucoflow.store.tables import ConnectionRow

LEASE = timedelta(seconds=60)
"""Longer than any one call to a provider's sign-in may take."""
_PATIENCE = 75.0
_LOOK_AGAIN = 0.05


class Turns:
    """Whose turn it is. `sleep` takes seconds."""

    def __init__(self, database: Database, sleep: Callable[[float], None] = time.sleep) -> None:
        self._database = database
        self._sleep = sleep

    @contextmanager
    def take(self, connection_id: str, now: datetime) -> Iterator[None]:
        """Wait for the turn and have it for the length of the block. Raises Retryable if others hold it for too long.

        Whoever waited must read again what the one before may have changed.
        """
        held = self._locked(connection_id) if self._database.is_postgres else self._leased(connection_id, now)
        with held:
            yield

    @contextmanager
    def _locked(self, connection_id: str) -> Iterator[None]:
        key = int.from_bytes(hashlib.blake2b(connection_id.encode(), digest_size=8).digest(), signed=True)
        engine = self._database.lock_engine()
        with explained():
            connection = engine.connect()
        try:
            try:
                with explained():
                    connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": key})
            except Unavailable as error:
                raise Retryable("Another worker is still renewing this connection's credentials.") from error
            yield
        finally:
            connection.close()  # and with it the lock, whatever became of the session meanwhile

    @contextmanager
    def _leased(self, connection_id: str, now: datetime) -> Iterator[None]:
        owner = uuid.uuid4().hex
        started = time.monotonic()
        while True:
            waited = time.monotonic() - started
            if self._try(connection_id, owner, now + timedelta(seconds=waited)):
                break
            if waited > _PATIENCE:
                raise Retryable("Another worker is still renewing this connection's credentials.")
            self._sleep(_LOOK_AGAIN)
        try:
            yield
        finally:
            self._give_back(connection_id, owner)

    def _try(self, connection_id: str, owner: str, now: datetime) -> bool:
        free = or_(ConnectionRow.refresh_owner.is_(None), has_come(ConnectionRow.refresh_until, now))
        with self._database.read() as session:  # most waiting is done without asking for the write lock
            if session.scalar(select(ConnectionRow.id).where(ConnectionRow.id == connection_id, free)) is None:
                return not _exists(session, connection_id)
        with self._database.write() as session:
            taken = session.execute(
                update(ConnectionRow)
                .where(ConnectionRow.id == connection_id, free)
                .values(refresh_owner=owner, refresh_until=now + LEASE)
                .returning(ConnectionRow.id)
            )
            return taken.first() is not None

    def _give_back(self, connection_id: str, owner: str) -> None:
        try:
            with self._database.write() as session:
                session.execute(
                    update(ConnectionRow)
                    .where(ConnectionRow.id == connection_id, ConnectionRow.refresh_owner == owner)
                    .values(refresh_owner=None, refresh_until=None)
                )
        except Unavailable:
            pass  # the lease expires by itself; what happened inside the block matters more


def _exists(session: Session, connection_id: str) -> bool:
    return session.get(ConnectionRow, connection_id) is not None
