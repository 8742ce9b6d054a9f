"""Times that a clock which ran ahead left behind: what lies further in the future than anything is put off is now."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import InstrumentedAttribute

FAR_AHEAD = timedelta(days=1)


def has_come(
    column: InstrumentedAttribute[datetime | None], now: datetime, furthest: timedelta = FAR_AHEAD
) -> ColumnElement[bool]:
    """Whether a time is over, or so far ahead that only a wrong clock can have meant it. False where there is none."""
    return or_(column <= now, column > now + furthest)
