"""Leases: who may work on a connection, and until when. The lease, not the orchestrator, frees a dead worker's people.

A worker that lost its lease may still write documents (harmless: they are idempotent) but moves no checkpoint.
"""

import logging
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, and_, func, or_, select, update

from glucoflow.store.connection_rows import connection_of
from glucoflow.store.database import Database
from glucoflow.store.future import has_come
from glucoflow.store.owners import is_gone
from glucoflow.store.tables import ConnectionRow
from glucoflow.store.values import Connection

log = logging.getLogger(__name__)

LONGEST_POLL = timedelta(hours=8)
"""No poll is put off for longer, unless a provider said no and its next no is to count."""


class Leases:
    """Claims on connections. `owner` must be unique to one run of one worker: `new_owner` makes one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def claim_due(
        self,
        owner: str,
        now: datetime,
        lease_for: timedelta,
        limit: int,
        user_id: str | None = None,
        force: bool = False,
    ) -> list[Connection]:
        """Up to `limit` connections that are due and that nobody holds, now held by `owner`; longest due first.

        Two workers never get the same one. `force` takes connections that are not due yet; only `connected` ones count.
        """
        free = or_(ConnectionRow.lease_until.is_(None), has_come(ConnectionRow.lease_until, now))
        query = select(ConnectionRow).where(ConnectionRow.state == "connected", free)
        if not force:
            query = query.where(_is_due(now))
        if user_id is not None:
            query = query.where(ConnectionRow.user_id == user_id)
        return self._take(query, owner, now + lease_for, limit)

    def count_due(self, now: datetime) -> int:
        """How many connections are due, whoever works on them."""
        due = (ConnectionRow.state == "connected", _is_due(now))
        with self._database.read() as session:
            return session.scalar(select(func.count()).select_from(ConnectionRow).where(*due)) or 0

    def claim(self, connection_id: str, owner: str, now: datetime, lease_for: timedelta) -> Connection | None:
        """One connection, for a backfill; None while somebody else holds it, or if it is not connected."""
        free = or_(
            ConnectionRow.lease_until.is_(None),
            has_come(ConnectionRow.lease_until, now),
            ConnectionRow.lease_owner == owner,
        )
        query = select(ConnectionRow).where(ConnectionRow.id == connection_id, ConnectionRow.state == "connected", free)
        taken = self._take(query, owner, now + lease_for, 1, waits=True)
        return taken[0] if taken else None

    def release(self, connection_id: str, owner: str) -> bool:
        """Give it back. False (and nothing done) if `owner` does not hold it."""
        held = (ConnectionRow.id == connection_id, ConnectionRow.lease_owner == owner)
        with self._database.write() as session:
            done = session.execute(
                update(ConnectionRow)
                .where(*held)
                .values(lease_owner=None, lease_until=None)
                .returning(ConnectionRow.id)
            )
            return done.first() is not None

    def release_all(self, owner: str) -> int:
        """Give back all that `owner` holds, as at an orderly stop; how many those were."""
        with self._database.write() as session:
            done = session.execute(
                update(ConnectionRow)
                .where(ConnectionRow.lease_owner == owner)
                .values(lease_owner=None, lease_until=None)
                .returning(ConnectionRow.id)
            )
            return len(done.all())

    def _take(
        self, query: Select[tuple[ConnectionRow]], owner: str, until: datetime, limit: int, *, waits: bool = False
    ) -> list[Connection]:
        # PostgreSQL skips the rows that another worker is just taking, of which there are others; one that was asked
        # for by name is waited for. SQLite lets only one writer in at a time.
        query = query.order_by(ConnectionRow.next_poll_at, ConnectionRow.id).limit(limit)
        _free_what_is_gone(self._database)
        with self._database.write() as session:
            rows = session.scalars(query.with_for_update(skip_locked=not waits, key_share=True)).all()
            for row in rows:
                row.lease_owner, row.lease_until = owner, until
            session.flush()
            return [connection_of(row) for row in rows]


def _is_due(now: datetime) -> ColumnElement[bool]:
    due = ConnectionRow.next_poll_at
    return or_(has_come(due, now), and_(ConnectionRow.refusals == 0, has_come(due, now, LONGEST_POLL)))


def is_held(connection: Connection, now: datetime) -> bool:
    """Whether somebody works on it just now, as far as can be known."""
    until, owner = connection.lease_until, connection.lease_owner
    return until is not None and until > now and owner is not None and not is_gone(owner)


def _free_what_is_gone(database: Database) -> None:
    """A process that ended without giving its leases back holds nobody up."""
    held = select(ConnectionRow.lease_owner).where(ConnectionRow.lease_owner.is_not(None)).distinct()
    with database.read() as session:
        gone = [owner for owner in session.scalars(held) if owner is not None and is_gone(owner)]
    if gone:
        log.info("leases of processes that are gone were freed", extra={"owners": len(gone)})
        theirs = update(ConnectionRow).where(ConnectionRow.lease_owner.in_(gone))
        with database.write() as session:
            session.execute(theirs.values(lease_owner=None, lease_until=None))
