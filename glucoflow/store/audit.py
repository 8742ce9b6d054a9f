"""The audit trail: who looked at, changed, exported, shared or deleted what, and when. Kept for a year."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec
from sqlalchemy import ColumnElement, delete, select

from glucoflow.model.same_names import made_of
from glucoflow.store.access_tables import AuditRow
from glucoflow.store.database import Database

KEPT = timedelta(days=366)
Action = Literal[
    "opened",
    "looked at",
    "read by",
    "sent by",
    "changed",
    "exported",
    "shared",
    "deleted",
    "logged in",
    "failed to log in",
]
BY_PROGRAMS = ("read by", "sent by")
"""What programs do all day: one row a day and door, counted."""


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
    """A deed as it was kept: `times` within the hour that ended `at`, for looks, and within the day, for programs."""

    at: datetime
    deed: Deed
    times: int


class Audit:
    """What was done."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, deed: Deed, now: datetime, times: int = 1) -> None:
        """Keep it. Looks at one page within an hour are one row, and so is what a program does by one door in a day."""
        once = _once(deed, now) if deed.action in ("looked at", *BY_PROGRAMS) else None
        values = {**msgspec.structs.asdict(deed), "at": now, "times": times, "once": once}
        made = self._database.insert(AuditRow).values(**values)
        if once is not None:
            again = {"times": AuditRow.times + times, "at": now}
            made = made.on_conflict_do_update(index_elements=["once"], set_=again)
        with self._database.write() as session:
            session.execute(made)

    def forget(self, now: datetime) -> int:
        """What is older than a year goes; how many rows."""
        old = delete(AuditRow).where(AuditRow.at <= now - KEPT).returning(AuditRow.id)
        with self._database.write() as session:
            return len(session.execute(old).all())

    def of_person(self, user_id: str, limit: int = 200) -> tuple[AuditEntry, ...]:
        """What concerned one person, the newest first."""
        return self._list(limit, AuditRow.user_id == user_id)

    def list(self, limit: int = 200) -> tuple[AuditEntry, ...]:
        """Everything, the newest first."""
        return self._list(limit)

    def _list(self, limit: int, *where: ColumnElement[bool]) -> tuple[AuditEntry, ...]:
        query = select(AuditRow).where(*where).order_by(AuditRow.at.desc(), AuditRow.id.desc()).limit(limit)
        with self._database.read() as session:
            return tuple(_entry(row) for row in session.scalars(query))


def _once(deed: Deed, now: datetime) -> str:
    span = f"{now:%Y%m%d}" if deed.action in BY_PROGRAMS else f"{now:%Y%m%d%H}"
    parts = (deed.account_id or deed.share_id or deed.who, deed.user_id or "", deed.action, deed.what, span)
    return "\x1f".join(parts)


def _entry(row: AuditRow) -> AuditEntry:
    return AuditEntry(at=row.at, deed=made_of(row, Deed), times=row.times)
