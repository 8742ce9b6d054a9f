"""Rejected records, each kept with its reason: nothing is ever lost silently."""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import Kind, RejectedRecord
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database
from glucoflow.store.tables import RejectedRecordRow
from glucoflow.store.values import RejectedRecordCount, StoredRejectedRecord

_ROWS_A_STATEMENT = 500


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


def keep(session: Session, database: Database, rows: list[dict[str, Any]], ids: dict[str, str], now: datetime) -> None:
    """Insert `rows` with `ids` (run, connection, user); those known already are only marked as seen again."""
    for start in range(0, len(rows), _ROWS_A_STATEMENT):
        part = [{**row, **ids, "at": now, "last_seen_at": now} for row in rows[start : start + _ROWS_A_STATEMENT]]
        insert = database.insert(RejectedRecordRow).values(part)
        session.execute(
            insert.on_conflict_do_update(
                index_elements=["connection_id", "fingerprint"], set_={"last_seen_at": insert.excluded.last_seen_at}
            )
        )


def _fingerprint(rejected: RejectedRecord, kind: Kind) -> str:
    """A record without a key is known by its content."""
    hasher = hashlib.blake2b(digest_size=16)
    known_by = rejected.payload if rejected.key is None else rejected.key.encode()
    for part in (kind.encode(), known_by, rejected.field.encode(), rejected.reason.encode()):
        hasher.update(len(part).to_bytes(4, "big") + part)
    return hasher.hexdigest()


def _stored(row: RejectedRecordRow) -> StoredRejectedRecord:
    return StoredRejectedRecord(
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
