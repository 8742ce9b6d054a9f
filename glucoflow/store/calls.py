"""How many calls an app made of its provider's interface: counted by minute, for all workers together."""

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from glucoflow.model.errors import Retryable
from glucoflow.store.database import Database
from glucoflow.store.tables import CallsRow

_HOUR = 60
"""Minutes. The minute an hour ago still counts as a whole, so that no 60 minutes ever hold more than the cap."""


class Calls:
    """The calls of the last hour."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def take(self, app: str, per_hour: int, now: datetime, calls: int = 1) -> None:
        """Count a call, or several. Raises Retryable, saying when the next one fits, where the hour's `per_hour` would
        be exceeded; nothing is counted then."""
        minute = int(now.timestamp() // 60)
        with self._database.write() as session:
            row = self._database.insert(CallsRow).values(app=app, minute=minute, calls=calls)
            more = {"calls": CallsRow.calls + calls}
            first = session.scalar(
                row.on_conflict_do_update(index_elements=["app", "minute"], set_=more).returning(CallsRow.calls)
            )
            if first == calls:
                session.execute(delete(CallsRow).where(CallsRow.app == app, CallsRow.minute < minute - _HOUR))
            used, oldest = _hour(session, app, minute)
            if used > per_hour:  # leaving by an error takes the count back
                raise Retryable(
                    f"This hour's {per_hour:,} calls of the app are spent.",
                    remedy="Nothing is to be done: what is missing is fetched when the next hour's calls are free.",
                    retry_after=60 * (oldest + _HOUR + 1) - now.timestamp(),
                )

    def used(self, app: str, now: datetime) -> int:
        """The calls of the hour until `now`."""
        with self._database.read() as session:
            return _hour(session, app, int(now.timestamp() // 60))[0]


def _hour(session: Session, app: str, minute: int) -> tuple[int, int]:
    """Calls of the hour, and the oldest minute among them."""
    within = (CallsRow.app == app, CallsRow.minute >= minute - _HOUR, CallsRow.minute <= minute)
    used, oldest = session.execute(select(func.sum(CallsRow.calls), func.min(CallsRow.minute)).where(*within)).one()
    return used or 0, minute if oldest is None else oldest
