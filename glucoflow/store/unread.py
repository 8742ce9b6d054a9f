"""What of a connection could not be read. Nothing that a checkpoint passed over is forgotten before it was read."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from glucoflow.model.errors import GlucoflowError, Retryable
from glucoflow.model.ingestion import Kind, Window
from glucoflow.model.same_names import made_of
from glucoflow.store.database import Database
from glucoflow.store.tables import ConnectionRow, UnreadRow
from glucoflow.store.values import Unread

FIRST_WAIT = timedelta(minutes=2)
LONGEST_WAIT = timedelta(hours=6)


class UnreadWindows:
    """Everybody's, for looking at. They are written by the ledger, in one transaction with the checkpoint."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self, *, user_id: str | None = None, connection_id: str | None = None) -> tuple[Unread, ...]:
        """Kinds that stopped first, then windows, the oldest first."""
        query = select(UnreadRow).join(ConnectionRow, ConnectionRow.id == UnreadRow.connection_id)
        if user_id is not None:
            query = query.where(ConnectionRow.user_id == user_id)
        if connection_id is not None:
            query = query.where(ConnectionRow.id == connection_id)
        query = query.order_by(UnreadRow.end.is_not(None), UnreadRow.kind, UnreadRow.start)
        with self._database.read() as session:
            return tuple(unread_of(row) for row in session.scalars(query))


def put(session: Session, connection_id: str, kind: Kind, window: Window, error: GlucoflowError, now: datetime) -> None:
    """Remember a window. One that it touches, or overlaps, is the same trouble: the two become one."""
    start, end = window.start, window.end
    first_at, tries = now, 1
    for row in rows_of(session, connection_id, kind):
        if row.end is not None and row.start <= end and start <= row.end:
            start, end = min(start, row.start), max(end, row.end)
            first_at, tries = min(first_at, row.first_at), max(tries, row.tries)
            session.delete(row)
    session.add(_row(connection_id, kind, start, end, error, now, first_at, tries))  # not tried again, only met


def put_stopped(
    session: Session, connection_id: str, kind: Kind, at: datetime, error: GlucoflowError, now: datetime
) -> None:
    """Remember that nothing of a kind can be read from `at` on."""
    row = stopped(session, connection_id, kind)
    if row is None:
        session.add(_row(connection_id, kind, at, None, error, now, now, 1))
        return
    row.start, row.reason, row.remedy, row.last_at = at, error.message, error.remedy, now
    row.tries += 1
    row.next_try_at = _next_try(row.tries, error, now)


def replace(session: Session, row_id: int, holes: Sequence[tuple[Window, GlucoflowError]], now: datetime) -> None:
    """What is still unread of a window that was tried again; nothing if it was read whole."""
    row = session.get(UnreadRow, row_id)
    if row is None:
        return
    session.delete(row)
    for window, error in _joined(holes):
        session.add(
            _row(row.connection_id, row.kind, window.start, window.end, error, now, row.first_at, row.tries + 1)
        )


def close(session: Session, connection_id: str, kind: Kind, read: Window) -> None:
    """Forget the windows that lie in one that was read."""
    session.execute(
        delete(UnreadRow).where(
            UnreadRow.connection_id == connection_id,
            UnreadRow.kind == kind,
            UnreadRow.start >= read.start,
            UnreadRow.end <= read.end,
        )
    )


def close_stopped(session: Session, connection_id: str, kind: Kind) -> None:
    """The kind was read whole again."""
    row = stopped(session, connection_id, kind)
    if row is not None:
        session.delete(row)


def stopped(session: Session, connection_id: str, kind: Kind) -> UnreadRow | None:
    """The row that says that the kind stopped, if it did."""
    query = select(UnreadRow).filter_by(connection_id=connection_id, kind=kind, end=None).order_by(UnreadRow.id)
    return session.scalars(query).first()


def rows_of(session: Session, connection_id: str, kind: Kind | None = None) -> Sequence[UnreadRow]:
    """All rows of a kind, or of all kinds, those tried longest ago first."""
    query = select(UnreadRow).filter_by(connection_id=connection_id)
    if kind is not None:
        query = query.filter_by(kind=kind)
    return session.scalars(query.order_by(UnreadRow.next_try_at, UnreadRow.id)).all()


def unread_of(row: UnreadRow) -> Unread:
    """The value of a row."""
    return made_of(row, Unread)


def _joined(holes: Sequence[tuple[Window, GlucoflowError]]) -> list[tuple[Window, GlucoflowError]]:
    """Holes in order, those that meet as one."""
    joined: list[tuple[Window, GlucoflowError]] = []
    for window, error in holes:
        if joined and joined[-1][0].end >= window.start:
            joined[-1] = Window(joined[-1][0].start, window.end), joined[-1][1]
        else:
            joined.append((window, error))
    return joined


def _row(
    connection_id: str,
    kind: str,
    start: datetime,
    end: datetime | None,
    error: GlucoflowError,
    now: datetime,
    first_at: datetime,
    tries: int,
) -> UnreadRow:
    return UnreadRow(
        connection_id=connection_id,
        kind=kind,
        start=start,
        end=end,
        reason=error.message,
        remedy=error.remedy,
        tries=tries,
        first_at=first_at,
        last_at=now,
        next_try_at=_next_try(tries, error, now),
    )


def _next_try(tries: int, error: GlucoflowError, now: datetime) -> datetime:
    """2, 4, 8 … minutes later, at most 6 hours; not before the other side said. Polls are spread, so tries are too."""
    wait: timedelta = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(tries - 1, 12))
    asked = error.retry_after if isinstance(error, Retryable) else None
    return now + max(wait, timedelta(seconds=asked or 0))
