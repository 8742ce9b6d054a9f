"""One connection's progress, as `ingest` sees it: checkpoint, counts and rejected records move in one transaction."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from sqlalchemy import delete, or_, select, update
from sqlalchemy.orm import Session

from glucoflow.model.errors import GlucoflowError, Retryable
from glucoflow.model.ingestion import Counts, Kind, RejectedRecord, Seen, Window
from glucoflow.provider import Account
from glucoflow.store import accounts, unread
from glucoflow.store.connection_rows import learn
from glucoflow.store.connections import SYNC
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database
from glucoflow.store.future import FAR_AHEAD
from glucoflow.store.rejected import keep, sealed, settle
from glucoflow.store.tables import CheckpointRow, ConnectionRow, RejectedRecordRow, RunRow
from glucoflow.store.values import Unread

_AS_IT_IS = {"synchronize_session": False}
"""No row of a transaction is held in memory before its UPDATE, so that none has to be looked through after it."""


class StoreLedger:
    """Satisfies `ingest.Ledger` for one run of one worker that holds the connection's lease.

    What writes is one transaction. It raises Retryable if the lease is lost (another worker has the connection, or it
    was disconnected or deleted) and Unavailable if the database fails; nothing is written then.
    """

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
        """`scope` names whose checkpoint moves; with `lease_for`, whatever is written also renews the lease."""
        self._database = database
        self._cipher = cipher
        self._connection_id = connection_id
        self._run_id = run_id
        self._owner = owner
        self._scope = scope
        self._lease_for = lease_for
        self._bound: Account | None = None
        self._lineage: str | None = None
        self._known: _Known | None = None

    def hold(self) -> None:
        """Raises Retryable if the lease is lost: from then on nothing is to be written anywhere."""
        with self._database.read() as session:
            row = session.get(ConnectionRow, self._connection_id)
            if row is None or row.lease_owner != self._owner:
                raise _lost()

    def speaks_of(self, lineage: str, *, new: bool) -> bool:
        """Checkpoints speak of this index from now on; those of another one, which is gone, are forgotten.

        `new`: it was just made, so that none of the person's checkpoints is of it. Returns whether any was forgotten.
        """
        self._lineage = lineage
        mine = CheckpointRow.connection_id == self._connection_id
        self._known = None
        with self._database.read() as session:
            known = session.scalars(select(CheckpointRow.lineage).where(mine).distinct()).all()
        if not new and set(known) <= {lineage}:
            return False
        with self._database.write() as session:
            other = CheckpointRow.lineage != lineage
            gone = delete(CheckpointRow).where(mine, other)
            if new:
                owner = select(ConnectionRow.user_id).filter_by(id=self._connection_id).scalar_subquery()
                theirs = CheckpointRow.connection_id.in_(select(ConnectionRow.id).where(ConnectionRow.user_id == owner))
                gone = delete(CheckpointRow).where(theirs, other | CheckpointRow.lineage.is_(None))
            forgotten = session.execute(gone.returning(CheckpointRow.kind)).all()
            session.execute(update(CheckpointRow).where(mine).values(lineage=lineage))
        return bool(forgotten)

    def checkpoint(self, kind: Kind) -> datetime | None:
        """How far this kind is safely stored in this ledger's scope."""
        return self._now_known().positions.get(kind)

    def read_at(self, kind: Kind) -> datetime | None:
        """See `values.Checkpoint`."""
        return self._now_known().read_at.get(kind)

    def bind(self, account: Account, now: datetime) -> None:
        """Take this for the connection's account. Raises OtherAccount where it has another, or somebody else has it.

        What is bound already costs no transaction, and within a run no question.
        """
        if account == self._bound:
            return
        with self._database.read() as session:
            row = session.get(ConnectionRow, self._connection_id)
            known = row is not None and accounts.is_bound(row, account)
            provider = row.provider if row is not None else ""
        if not known:
            with self._database.write() as session:
                # In one order, before our own: of two people with one account one must be the first.
                query = select(ConnectionRow).filter_by(provider=provider).order_by(ConnectionRow.id)
                session.scalars(query.with_for_update(key_share=True)).all()
                other = accounts.bind(session, self._held(session, now), account)
            if other is not None:
                raise other
        self._bound = account

    def advance(
        self,
        kind: Kind,
        to: datetime | None,
        counts: Counts,
        rejected: Sequence[RejectedRecord],
        now: datetime,
        read: Window | None = None,
        seen: Seen | None = None,
    ) -> None:
        """Add a page's counts and rejected records, and move the checkpoint to `to`, never back: all or nothing.

        Unread windows inside `read`, the page's window, are forgotten, and what was rejected before and is settled now.
        What the page taught is kept with the connection, the earliest moment of each.
        """
        rows, known = sealed(rejected, kind, self._cipher), self._now_known()
        gaps = self.unread(kind) if read is not None else ()
        self._known = None  # until all of this is through
        with self._database.write() as session:
            connection = self._held(session, now)
            self._add(session, counts, now)
            if to is not None:
                self._move(session, kind, to, now)
            if read is not None and gaps:
                unread.close(session, connection.id, kind, read)
            ids = {"run_id": self._run_id, "connection_id": connection.id, "user_id": connection.user_id}
            if seen is not None:
                if known.has_rejected:
                    settle(session, connection.id, kind, seen, {row["fingerprint"] for row in rows})
                learn(connection, seen.learned)
            keep(session, self._database, rows, ids, now, None if seen is None else seen.window)
        known.has_rejected = known.has_rejected or bool(rows)
        if to is not None:
            known.moved(kind, to, now)
        self._known = None if gaps else known

    def pass_over(self, kind: Kind, window: Window, error: GlucoflowError, to: datetime | None, now: datetime) -> None:
        """Remember a window that cannot be read, and move the checkpoint to `to`, beyond it."""
        self._known = None
        with self._database.write() as session:
            unread.put(session, self._held(session, now).id, kind, window, error, now)
            if to is not None:
                self._move(session, kind, to, now)

    def stopped(self, kind: Kind, at: datetime, error: GlucoflowError, now: datetime) -> None:
        """Remember that a kind cannot be read from `at` on. The checkpoint stays. A backfill keeps it to itself."""
        self._known = None
        with self._database.write() as session:
            connection = self._held(session, now)
            if self._scope == SYNC:
                unread.put_stopped(session, connection.id, kind, at, error, now)

    def finished(self, kinds: Collection[Kind], read_at: datetime, now: datetime) -> None:
        """These kinds were read to their end by a run that began at `read_at` (see `values.Checkpoint`)."""
        known, self._known = self._now_known(), None
        stopped = [kind for kind in kinds if known.stopped(kind) is not None]
        with self._database.write() as session:
            connection = self._held(session, now)
            if self._scope == SYNC:
                for kind in stopped:
                    unread.close_stopped(session, connection.id, kind)
            mine = {"connection_id": self._connection_id, "scope": self._scope}
            rows = update(CheckpointRow).filter_by(**mine).where(CheckpointRow.kind.in_(kinds))
            session.execute(rows.values(read_at=read_at), execution_options=_AS_IT_IS)
        if not stopped:
            known.read_at |= {kind: read_at for kind in kinds if kind in known.positions}
            self._known = known

    def stopped_until(self, kind: Kind) -> datetime | None:
        """When a kind that stopped shall be tried again; None if it did not stop."""
        row = self._now_known().stopped(kind)
        return None if row is None else row.next_try_at

    def unread(self, kind: Kind) -> tuple[Unread, ...]:
        """The windows of a kind that were passed over, the one to be tried again first first."""
        return tuple(one for one in self._now_known().of(kind) if one.end is not None)

    def tried_again(self, tried: Unread, holes: Sequence[tuple[Window, GlucoflowError]], now: datetime) -> None:
        """An unread window was tried again, and this is what of it is unread still."""
        self._known = None
        with self._database.write() as session:
            self._held(session, now)
            unread.replace(session, tried.id, holes, now)

    def forget(self) -> None:
        """Forget the checkpoints of this ledger's scope: a finished backfill, asked for again, reads all again."""
        self._known = None
        with self._database.write() as session:
            session.execute(delete(CheckpointRow).filter_by(connection_id=self._connection_id, scope=self._scope))

    def _held(self, session: Session, now: datetime) -> ConnectionRow:
        """The connection, locked, its lease renewed."""
        mine = {"id": self._connection_id, "lease_owner": self._owner}
        if self._lease_for is None:
            row = session.scalar(select(ConnectionRow).filter_by(**mine).with_for_update(key_share=True))
        else:
            renewed = update(ConnectionRow).filter_by(**mine).values(lease_until=now + self._lease_for)
            row = session.scalar(renewed.returning(ConnectionRow), execution_options=_AS_IT_IS)
        if row is None:
            raise _lost()
        return row

    def _add(self, session: Session, counts: Counts, now: datetime) -> None:
        """To the run's row."""
        more = {name: getattr(RunRow, name) + getattr(counts, name) for name in counts.__struct_fields__}
        row = update(RunRow).where(RunRow.id == self._run_id).values(**more, updated_at=now)
        if session.execute(row.returning(RunRow.id), execution_options=_AS_IT_IS).first() is None:
            raise Retryable("The run's record is gone.", remedy="Start the run again; the checkpoints are safe.")

    def _now_known(self) -> "_Known":
        """What the store holds of this connection, looked up once: nobody else writes it while we have the lease."""
        if self._known is None:
            mine = {"connection_id": self._connection_id}
            with self._database.read() as session:
                checkpoints = session.scalars(select(CheckpointRow).filter_by(**mine, scope=self._scope)).all()
                self._known = _Known(
                    positions={cast("Kind", row.kind): row.position for row in checkpoints},
                    read_at={cast("Kind", row.kind): row.read_at for row in checkpoints},
                    unread=[unread.unread_of(row) for row in unread.rows_of(session, self._connection_id)],
                    has_rejected=session.scalar(select(RejectedRecordRow.id).filter_by(**mine).limit(1)) is not None,
                )
        return self._known

    def _move(self, session: Session, kind: Kind, to: datetime, now: datetime) -> None:
        place = self._place(kind)
        moved = {"position": to, "updated_at": now}
        behind = or_(CheckpointRow.position < to, CheckpointRow.position > now + FAR_AHEAD)
        first = self._database.insert(CheckpointRow).values(**place, **moved, lineage=self._lineage)
        session.execute(first.on_conflict_do_update(index_elements=list(place), set_=moved, where=behind))

    def _place(self, kind: Kind) -> dict[str, str]:
        return {"connection_id": self._connection_id, "scope": self._scope, "kind": kind}


def _lost() -> Retryable:
    return Retryable(
        "This connection was taken over by another worker, disconnected or deleted while it was read.",
        remedy="Nothing is lost: whoever holds it now goes on from the last checkpoint.",
    )


@dataclass
class _Known:
    """What the store says of one connection; `unread` with those tried longest ago first."""

    positions: dict[Kind, datetime]
    read_at: dict[Kind, datetime | None]
    unread: list[Unread]
    has_rejected: bool

    def of(self, kind: Kind) -> list[Unread]:
        return [one for one in self.unread if one.kind == kind]

    def stopped(self, kind: Kind) -> Unread | None:
        """The row that says that a kind stopped."""
        return min((one for one in self.of(kind) if one.end is None), key=lambda one: one.id, default=None)

    def moved(self, kind: Kind, to: datetime, now: datetime) -> None:
        position = self.positions.get(kind)
        if position is None or to > position or position > now + FAR_AHEAD:
            self.positions[kind] = to
