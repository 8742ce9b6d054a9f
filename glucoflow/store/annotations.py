"""What people annotate themselves: spans to exclude from the figures, and days on which they kept a protocol."""

from collections.abc import Iterable
from datetime import date, datetime

from sqlalchemy import case, func, select, update

from glucoflow.model.errors import Rejected
from glucoflow.model.said import said
from glucoflow.model.same_names import made_of
from glucoflow.store.database import Database
from glucoflow.store.people import refuse_unknown
from glucoflow.store.tables import ExclusionRow, ProtocolDayRow, ProtocolRow
from glucoflow.store.values import Exclusion, Protocol, ProtocolDay

_DAYS_A_STATEMENT = 1000


class Exclusions:
    """Spans that a person excluded, each with its reason and undoable."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, user_id: str, start: datetime, end: datetime, reason: str, now: datetime) -> Exclusion:
        """Exclude `start` to `end` (half-open). Raises Rejected for an empty span or reason, or an unknown person."""
        if not start < end:
            raise Rejected("exclusion", said("ends after it starts"))
        if not 1 <= len(reason.strip()) <= 500:
            raise Rejected("reason", said("has 1 to 500 characters"))
        row = ExclusionRow(user_id=user_id, start=start, end=end, reason=reason.strip(), created_at=now)
        with self._database.write() as session:
            refuse_unknown(session, user_id)
            session.add(row)
            session.flush()
            return _exclusion(row)

    def undo(self, exclusion_id: int, now: datetime) -> bool:
        """Bring the span back. False if there is no such exclusion, or it was undone before."""
        row = ExclusionRow
        standing = (row.id == exclusion_id, row.undone_at.is_(None))
        with self._database.write() as session:
            done = session.execute(update(row).where(*standing).values(undone_at=now).returning(row.id))
            return done.first() is not None

    def list(
        self,
        user_id: str,
        start: datetime | None = None,
        end: datetime | None = None,
        *,
        include_undone: bool = False,
    ) -> tuple[Exclusion, ...]:
        """Those that touch the span from `start` to `end`, oldest first."""
        row = ExclusionRow
        query = select(row).where(row.user_id == user_id).order_by(row.start, row.id)
        if start is not None:
            query = query.where(row.end > start)
        if end is not None:
            query = query.where(row.start < end)
        if not include_undone:
            query = query.where(row.undone_at.is_(None))
        with self._database.read() as session:
            return tuple(_exclusion(found) for found in session.scalars(query))


class Protocols:
    """What a person records day by day: a habit, a medicine taken or not, a diet."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def record(self, user_id: str, name: str, days: Iterable[ProtocolDay], now: datetime) -> int:
        """Record days of a protocol (made at its first); a day that is recorded already is changed.

        Returns how many days were given. Raises Rejected for a bad name or an unknown person.
        """
        name = name.strip()
        if not 1 <= len(name) <= 100:
            raise Rejected("protocol", said("has a name of 1 to 100 characters"))
        by_day = {each.day: each.kept for each in days}
        with self._database.write() as session:
            refuse_unknown(session, user_id)
            made = self._database.insert(ProtocolRow).values(user_id=user_id, name=name, created_at=now)
            session.execute(made.on_conflict_do_nothing(index_elements=["user_id", "name"]))
            number = session.scalars(select(ProtocolRow.id).filter_by(user_id=user_id, name=name)).one()
            rows = [{"protocol_id": number, "day": day, "kept": kept} for day, kept in sorted(by_day.items())]
            for start in range(0, len(rows), _DAYS_A_STATEMENT):
                insert = self._database.insert(ProtocolDayRow).values(rows[start : start + _DAYS_A_STATEMENT])
                session.execute(
                    insert.on_conflict_do_update(
                        index_elements=["protocol_id", "day"], set_={"kept": insert.excluded.kept}
                    )
                )
        return len(by_day)

    def list(self, user_id: str) -> tuple[Protocol, ...]:
        """A person's protocols by name, with how many days were kept and not."""
        day = ProtocolDayRow
        kept = func.coalesce(func.sum(case((day.kept.is_(True), 1), else_=0)), 0)
        missed = func.coalesce(func.sum(case((day.kept.is_(False), 1), else_=0)), 0)
        query = (
            select(ProtocolRow.name, ProtocolRow.created_at, kept, missed)
            .outerjoin(day, day.protocol_id == ProtocolRow.id)
            .where(ProtocolRow.user_id == user_id)
            .group_by(ProtocolRow.id)
            .order_by(ProtocolRow.name)
        )
        with self._database.read() as session:
            return tuple(
                Protocol(name=name, created_at=created_at, days_kept=int(yes), days_not_kept=int(no))
                for name, created_at, yes, no in session.execute(query)
            )

    def days(
        self, user_id: str, name: str, start: date | None = None, end: date | None = None
    ) -> tuple[ProtocolDay, ...]:
        """The recorded days from `start` up to, not including, `end`, oldest first."""
        row = ProtocolDayRow
        query = select(row).join(ProtocolRow).where(ProtocolRow.user_id == user_id, ProtocolRow.name == name)
        if start is not None:
            query = query.where(row.day >= start)
        if end is not None:
            query = query.where(row.day < end)
        with self._database.read() as session:
            return tuple(ProtocolDay(day=day.day, kept=day.kept) for day in session.scalars(query.order_by(row.day)))

    def forget(self, user_id: str, name: str) -> bool:
        """Delete a protocol with its days. False if there is none."""
        with self._database.write() as session:
            row = session.scalar(select(ProtocolRow).filter_by(user_id=user_id, name=name))
            if row is None:
                return False
            session.delete(row)
        return True


def _exclusion(row: ExclusionRow) -> Exclusion:
    return made_of(row, Exclusion)
