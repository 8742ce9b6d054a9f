"""Rejected records, each kept with its reason: nothing is ever lost silently."""

import hashlib
from collections.abc import Sequence, Set
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from glucoflow.model.errors import Fatal, Rejected
from glucoflow.model.ingestion import Kind, RejectedRecord, Seen, Window
from glucoflow.model.same_names import made_of
from glucoflow.store import unread
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database
from glucoflow.store.tables import ConnectionRow, RejectedRecordRow
from glucoflow.store.values import RejectedRecordCount, StoredRejectedRecord

_ROWS_A_STATEMENT = 500
MONTH = timedelta(days=30)
REPLAYED = Fatal("It holds rejected records, which are to be looked at again.")


class RejectedRecords:
    """What was rejected, and why."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def list(
        self,
        *,
        user_id: str | None = None,
        connection_id: str | None = None,
        run_id: str | None = None,
        limit: int = 100,
    ) -> tuple[StoredRejectedRecord, ...]:
        """The latest first. `run_id` is the run that met a record first."""
        query = (
            select(RejectedRecordRow)
            .order_by(RejectedRecordRow.last_seen_at.desc(), RejectedRecordRow.id.desc())
            .limit(limit)
        )
        given = {"user_id": user_id, "connection_id": connection_id, "run_id": run_id}
        query = query.filter_by(**{name: value for name, value in given.items() if value is not None})
        with self._database.read() as session:
            return tuple(_stored(row) for row in session.scalars(query))

    def counts(
        self, *, user_id: str | None = None, connection_id: str | None = None, run_id: str | None = None
    ) -> tuple[RejectedRecordCount, ...]:
        """How many by kind, field and reason, the most frequent first. `run_id` is the run that met them first."""
        groups = (RejectedRecordRow.kind, RejectedRecordRow.field, RejectedRecordRow.reason)
        n = func.count()
        query = (
            select(*groups, n, func.max(RejectedRecordRow.last_seen_at)).group_by(*groups).order_by(n.desc(), *groups)
        )
        given = {"user_id": user_id, "connection_id": connection_id, "run_id": run_id}
        query = query.filter_by(**{name: value for name, value in given.items() if value is not None})
        with self._database.read() as session:
            return tuple(
                RejectedRecordCount(kind=cast("Kind", kind), field=field, reason=reason, n=count, last_seen_at=seen)
                for kind, field, reason, count, seen in session.execute(query)
            )

    def new_since(self, since: datetime, user_id: str | None = None) -> int:
        """How many came for the first time at `since` or later."""
        query = select(func.count()).select_from(RejectedRecordRow).where(RejectedRecordRow.at >= since)
        if user_id is not None:
            query = query.where(RejectedRecordRow.user_id == user_id)
        with self._database.read() as session:
            return session.scalar(query) or 0

    def ask_again(self, now: datetime, user_id: str | None = None) -> tuple[str, ...]:
        """The windows that rejected records came in are to be read again, by the next sync; whose these are.

        They stand among the unread windows until then. Of rows without a window, 30 days until they were seen.
        """
        row, connection = RejectedRecordRow, ConnectionRow
        query = select(row, connection.user_id).join(connection, connection.id == row.connection_id)
        query = query.where(connection.state == "connected")
        if user_id is not None:
            query = query.where(connection.user_id == user_id)
        people = set()
        with self._database.write() as session:
            for found, owner in session.execute(query.order_by(row.id)).all():
                window = Window(found.window_start or found.at - MONTH, found.window_end or found.at)
                unread.put(session, found.connection_id, found.kind, window, REPLAYED, now)
                session.flush()
                people.add(owner)
        return tuple(sorted(people))

    def payload(self, record_id: int) -> bytes:
        """The record as it was sent. Raises Rejected if it is not there, WrongKey if it cannot be decrypted."""
        with self._database.read() as session:
            row = session.get(RejectedRecordRow, record_id)
            if row is None:
                raise Rejected("number", f"there is none with the number {record_id}")
            return self._cipher.open(row.payload, f"The rejected record {record_id}")


def sealed(rejected: Sequence[RejectedRecord], kind: Kind, cipher: Cipher) -> list[dict[str, Any]]:
    """Rows for `keep`, made outside its transaction; twins within one page become one."""
    rows = {}
    for one in rejected:
        mark = _fingerprint(one, kind)
        rows[mark] = {
            "kind": kind,
            "key": one.key,
            "field": one.field,
            "reason": one.reason,
            "payload": cipher.seal(one.payload),
            "fingerprint": mark,
        }
    return list(rows.values())


def keep(
    session: Session,
    database: Database,
    rows: list[dict[str, Any]],
    ids: dict[str, str],
    now: datetime,
    window: Window | None = None,
) -> None:
    """Insert `rows` with `ids` (run, connection, user) and the window of their page.

    Those known already are only marked as seen again.
    """
    span = {"window_start": window and window.start, "window_end": window and window.end}
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        part = [
            {**row, **ids, **span, "at": now, "last_seen_at": now} for row in rows[start : start + _ROWS_A_STATEMENT]
        ]
        insert = database.insert(RejectedRecordRow).values(part)
        session.execute(
            insert.on_conflict_do_update(
                index_elements=["connection_id", "fingerprint"], set_={"last_seen_at": insert.excluded.last_seen_at}
            )
        )


def settle(session: Session, connection_id: str, kind: Kind, seen: Seen, again: Set[str]) -> None:
    """Forget what was rejected and is understood now, or gone: by its key, and without one, where a page that spans
    the one it came in does not hold it any more. `again` are the fingerprints of what this page holds.
    """
    row = RejectedRecordRow
    known = select(row.id, row.key, row.fingerprint, row.window_start, row.window_end)
    settled = [
        found.id
        for found in session.execute(known.filter_by(connection_id=connection_id, kind=kind))
        if found.fingerprint not in again
        and (found.key in seen.settled if found.key else _within(seen.window, found.window_start, found.window_end))
    ]
    for start in range(0, len(settled), _ROWS_A_STATEMENT):
        session.execute(delete(row).where(row.id.in_(settled[start : start + _ROWS_A_STATEMENT])))


def _within(window: Window, start: datetime | None, end: datetime | None) -> bool:
    return start is not None and end is not None and window.start <= start and end <= window.end


def _fingerprint(rejected: RejectedRecord, kind: Kind) -> str:
    """A record without a key is known by its content."""
    hasher = hashlib.blake2b(digest_size=16)
    known_by = rejected.payload if rejected.key is None else rejected.key.encode()
    for part in (kind.encode(), known_by, rejected.field.encode(), rejected.reason.encode()):
        hasher.update(len(part).to_bytes(4, "big") + part)
    return hasher.hexdigest()


def _stored(row: RejectedRecordRow) -> StoredRejectedRecord:
    return made_of(row, StoredRejectedRecord)
