"""Records that were kept aside, each with its reason: nothing is ever lost silently."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import Kind, Rejection
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database
from glucoflow.store.tables import RejectRow
from glucoflow.store.values import Reject, RejectCount

_ROWS_A_STATEMENT = 500


class Rejects:
    """What was refused, and why."""

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
    ) -> tuple[Reject, ...]:
        """The latest first. `run_id` is the run that met a record first."""
        query = select(RejectRow).order_by(RejectRow.last_seen_at.desc(), RejectRow.id.desc()).limit(limit)
        given = {"user_id": user_id, "connection_id": connection_id, "run_id": run_id}
        query = query.filter_by(**{name: value for name, value in given.items() if value is not None})
        with self._database.read() as session:
            return tuple(_reject(row) for row in session.scalars(query))

    def counts(
        self, *, user_id: str | None = None, connection_id: str | None = None, run_id: str | None = None
    ) -> tuple[RejectCount, ...]:
        """How many by kind, field and reason, the most frequent first. `run_id` is the run that met them first."""
        groups = (RejectRow.kind, RejectRow.field, RejectRow.reason)
        n = func.count()
        query = select(*groups, n, func.max(RejectRow.last_seen_at)).group_by(*groups).order_by(n.desc(), *groups)
        given = {"user_id": user_id, "connection_id": connection_id, "run_id": run_id}
        query = query.filter_by(**{name: value for name, value in given.items() if value is not None})
        with self._database.read() as session:
            return tuple(
                RejectCount(kind=cast("Kind", kind), field=field, reason=reason, n=count, last_seen_at=seen)
                for kind, field, reason, count, seen in session.execute(query)
            )

    def payload(self, reject_id: int) -> bytes:
        """The record as it was sent. Raises Rejected if there is no such reject, WrongKey if it cannot be decrypted."""
        with self._database.read() as session:
            row = session.get(RejectRow, reject_id)
            if row is None:
                raise Rejected("reject", f"there is none with the number {reject_id}")
            return self._cipher.open(row.payload, f"Reject {reject_id}")


def sealed(rejected: Sequence[Rejection], kind: Kind, cipher: Cipher) -> list[dict[str, Any]]:
    """Rows for `keep`, made outside its transaction; twins within one page become one."""
    rows = {}
    for rejection in rejected:
        mark = _fingerprint(rejection, kind)
        rows[mark] = {
            "kind": kind,
            "key": rejection.key,
            "field": rejection.field,
            "reason": rejection.reason,
            "payload": cipher.seal(rejection.payload),
            "fingerprint": mark,
        }
    return list(rows.values())


def keep(session: Session, database: Database, rows: list[dict[str, Any]], ids: dict[str, str], now: datetime) -> None:
    """Insert `rows` with `ids` (run, connection, user); those known already are only marked as seen again."""
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        part = [{**row, **ids, "at": now, "last_seen_at": now} for row in rows[start : start + _ROWS_A_STATEMENT]]
        insert = database.insert(RejectRow).values(part)
        session.execute(
            insert.on_conflict_do_update(
                index_elements=["connection_id", "fingerprint"], set_={"last_seen_at": insert.excluded.last_seen_at}
            )
        )


def _fingerprint(rejection: Rejection, kind: Kind) -> str:
    """A record without a key is known by its content."""
    hasher = hashlib.blake2b(digest_size=16)
    known_by = rejection.payload if rejection.key is None else rejection.key.encode()
    for part in (kind.encode(), known_by, rejection.field.encode(), rejection.reason.encode()):
        hasher.update(len(part).to_bytes(4, "big") + part)
    return hasher.hexdigest()


def _reject(row: RejectRow) -> Reject:
    return Reject(
        id=row.id,
        run_id=row.run_id,
        connection_id=row.connection_id,
        user_id=row.user_id,
        kind=cast("Kind", row.kind),
        key=row.key,
        field=row.field,
        reason=row.reason,
        at=row.at,
        last_seen_at=row.last_seen_at,
    )
