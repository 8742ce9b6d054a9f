"""The audit trail: who looked at, changed, exported, shared or deleted what, and when. Kept for a year."""

from datetime import datetime, timedelta
from typing import Literal, cast

import msgspec
from sqlalchemy import delete, select

from glucoflow.store.access_tables import AuditRow
from glucoflow.store.database import Database

KEPT = timedelta(days=366)
Action = Literal["opened", "looked at", "changed", "exported", "shared", "deleted", "logged in", "failed to log in"]


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was done. `user_id`: whose data it concerns; `place`: the address it came from."""

    who: str
    action: Action
    what: str = ""
    user_id: str | None = None
    account_id: str | None = None
    share_id: str | None = None
    place: str = ""


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A deed as it was kept: `times` within the hour that ended `at`, for looks; else once."""

    at: datetime
    deed: Deed
    times: int


class Audit:
    """What was done."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, deed: Deed, now: datetime) -> None:
        """Keep it. Looks at one page within one hour are one row. What is older than a year goes with a log-in."""
        once = _once(deed, now) if deed.action == "looked at" else None
        values = {**msgspec.structs.asdict(deed), "at": now, "times": 1, "once": once}
        made = self._database.insert(AuditRow).values(**values)
        if once is not None:
            made = made.on_conflict_do_update(index_elements=["once"], set_={"times": AuditRow.times + 1, "at": now})
        with self._database.write() as session:
            session.execute(made)
            if deed.action == "logged in":  # now and then is often enough
                session.execute(delete(AuditRow).where(AuditRow.at <= now - KEPT))

    def of_person(self, user_id: str, limit: int = 200) -> tuple[AuditEntry, ...]:
        """What concerned one person, the newest first."""
        return self._list(limit, AuditRow.user_id == user_id)

    def list(self, limit: int = 200) -> tuple[AuditEntry, ...]:
        """Everything, the newest first."""
        return self._list(limit)

    def _list(self, limit: int, *where: object) -> tuple[AuditEntry, ...]:
        query = select(AuditRow).where(*where).order_by(AuditRow.at.desc(), AuditRow.id.desc()).limit(limit)  # type: ignore[arg-type]
        with self._database.read() as session:
            return tuple(_entry(row) for row in session.scalars(query))


def _once(deed: Deed, now: datetime) -> str:
    parts = (deed.account_id or deed.share_id or deed.who, deed.user_id or "", deed.what, f"{now:%Y%m%d%H}")
    return "\x1f".join(parts)


def _entry(row: AuditRow) -> AuditEntry:
    deed = Deed(
        who=row.who, action=cast("Action", row.action), what=row.what, user_id=row.user_id,
        account_id=row.account_id, share_id=row.share_id, place=row.place,
    )  # fmt: skip
    return AuditEntry(at=row.at, deed=deed, times=row.times)
