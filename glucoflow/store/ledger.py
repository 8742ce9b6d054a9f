"""One connection's progress, as `ingest` sees it: checkpoint, counts and rejected records move in one transaction."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from glucoflow.model.errors import Retryable
from glucoflow.model.ingestion import Counts, Kind, RejectedRecord
from glucoflow.store.connections import SYNC
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database
from glucoflow.store.rejected import keep, sealed
from glucoflow.store.tables import CheckpointRow, ConnectionRow, RunRow


class StoreLedger:
    """Satisfies `connector.Ledger` for one run of one worker that holds the connection's lease."""

    def __init__(
        self,
        database: Database,
        cipher: Cipher,
        connection_id: str,
        run_id: str,
        owner: str,
        *,
        scope: str = SYNC,
        lease_for: timedelta | None = None,
    ) -> None:
        """`scope` names whose checkpoint moves; with `lease_for`, each page also renews the lease."""
        self._database = database
        self._cipher = cipher
        self._connection_id = connection_id
        self._run_id = run_id
        self._owner = owner
        self._scope = scope
        self._lease_for = lease_for

    def checkpoint(self, kind: Kind) -> datetime | None:
        """How far this kind is safely stored in this ledger's scope."""
        with self._database.read() as session:
            return session.scalar(select(CheckpointRow.position).filter_by(**self._place(kind)))

    def advance(
        self, kind: Kind, to: datetime | None, counts: Counts, rejected: Sequence[RejectedRecord], now: datetime
    ) -> None:
        """Add a page's counts and rejected records, and move the checkpoint to `to`, never back: all or nothing.

        Raises Retryable if the lease is lost (another worker has the connection, or it was disconnected or deleted)
        and Unavailable if the database fails; nothing is written then.
        """
        rows = sealed(rejected, kind, self._cipher)
        with self._database.write() as session:
            connection = self._held(session)
            if self._lease_for is not None:
                connection.lease_until = now + self._lease_for
            _add(self._run(session), counts, now)
            if to is not None:
                self._move(session, kind, to, now)
            ids = {"run_id": self._run_id, "connection_id": connection.id, "user_id": connection.user_id}
            keep(session, self._database, rows, ids, now)

    def _held(self, session: Session) -> ConnectionRow:
        row = session.get(ConnectionRow, self._connection_id, with_for_update={"key_share": True})
        if row is None or row.lease_owner != self._owner:
            raise Retryable(
                "This connection was taken over by another worker, disconnected or deleted while it was read.",
                remedy="Nothing is lost: whoever holds it now goes on from the last checkpoint.",
            )
        return row

    def _run(self, session: Session) -> RunRow:
        row = session.get(RunRow, self._run_id, with_for_update=True)
        if row is None:
            raise Retryable("The run's record is gone.", remedy="Start the run again; the checkpoints are safe.")
        return row

    def _move(self, session: Session, kind: Kind, to: datetime, now: datetime) -> None:
        place = self._place(kind)
        row = session.get(CheckpointRow, place)  # the connection's row is locked, so nobody else moves it
        if row is None:
            session.add(CheckpointRow(**place, position=to, updated_at=now))
        elif to > row.position:
            row.position, row.updated_at = to, now

    def _place(self, kind: Kind) -> dict[str, str]:
        return {"connection_id": self._connection_id, "scope": self._scope, "kind": kind}


def _add(row: RunRow, counts: Counts, now: datetime) -> None:
    for name in counts.__struct_fields__:
        setattr(row, name, getattr(row, name) + getattr(counts, name))
    row.updated_at = now
