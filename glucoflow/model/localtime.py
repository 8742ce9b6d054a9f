"""The wall clock of a record: computed once, at ingest, so that no viewer's zone can ever shift a day."""

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from typing import TypeVar
from zoneinfo import ZoneInfo

from glucoflow.model.documents import TimeFields

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 86_400_000

Moment = TypeVar("Moment", time, int)


def in_daily_span(moment: Moment, start: Moment, end: Moment) -> bool:
    """Whether [start, end) of the local day holds a moment of it; the span may go over midnight."""
    return start <= moment < end if start <= end else moment >= start or moment < end


def epoch_ms(time: datetime) -> int:
    """Whole milliseconds since 1970, rounded down (exactly, which a float product is not)."""
    return (time - _EPOCH) // _MILLISECOND


@lru_cache(maxsize=4096)
def _date(day: int) -> tuple[str, int]:
    date = datetime.fromordinal(day + 719_163)
    return date.strftime("%Y-%m-%d"), date.isoweekday()


@lru_cache(maxsize=8192)
def _home_offset(zone: str, quarter_hour: int) -> int:
    """The zone's offset in minutes; zones change theirs on quarter hours only."""
    offset = datetime.fromtimestamp(quarter_hour * 900, ZoneInfo(zone)).utcoffset()
    return int(offset.total_seconds() // 60) if offset else 0


def time_fields(time_ms: int, offset_min: int | None, zone: str | None, home: str) -> TimeFields:
    """The wall clock its owner saw. Without an offset from the provider the home zone's is taken.

    The zone's name is given only where its offset is the record's: on a journey it would be wrong.
    """
    home_offset = _home_offset(home, time_ms // 900_000)
    offset = home_offset if offset_min is None else offset_min
    minutes = time_ms // 60_000 + offset
    day, minute = divmod(minutes, 1440)
    date, weekday = _date(day)
    return TimeFields(
        utc_offset_min=offset,
        zone=zone or (home if offset == home_offset else None),
        minute_of_day=minute,
        hour=minute // 60,
        weekday=weekday,
        date=date,
    )
