"""Local time of a person: their zone, or the zone they travel in."""

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from glucoflow.simulators.chance import Ints
from glucoflow.simulators.scenario import SimulatedPerson


def epoch(moment: datetime) -> int:
    """Whole seconds since 1970 of an aware time. Raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return int(moment.timestamp())


def moment(seconds: int) -> datetime:
    """The UTC time of whole seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def offset(person: SimulatedPerson, at: int) -> int:
    """Seconds that the person's clock is ahead of UTC at a moment."""
    delta = datetime.fromtimestamp(at, _zone_of(person, at)).utcoffset()
    return int(delta.total_seconds()) if delta is not None else 0


def offsets(person: SimulatedPerson, times: Ints) -> Ints:
    """`offset` of each of `times` (in any order)."""
    if times.size == 0:
        return times
    first, last = int(times.min()), int(times.max())
    early = offset(person, first)
    if last - first < 2 * 86_400 and early == offset(person, last) and not person.journeys:
        return np.full(times.size, early, dtype=np.int64)
    return np.array([offset(person, int(at)) for at in times], dtype=np.int64)


def local_dates(person: SimulatedPerson, start: int, end: int) -> list[date]:
    """The local dates that [start, end) touches, in order."""
    first = moment(start + offset(person, start)).date()
    last = moment(end - 1 + offset(person, end - 1)).date()
    return [first + timedelta(days=days) for days in range((last - first).days + 1)]


def at_wall(person: SimulatedPerson, day: date, minute: float) -> int:
    """The moment at which the person's clock shows `minute` of `day` (minutes over 1,440 reach into the next)."""
    noon = epoch(datetime.combine(day, time(12), ZoneInfo(person.zone)))
    wall = datetime.combine(day, time(), _zone_of(person, noon)) + timedelta(seconds=round(minute * 60))
    return epoch(wall)


def suffix(seconds: int) -> str:
    """An offset as ISO 8601 writes it: `-04:00`."""
    sign = "-" if seconds < 0 else "+"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"{sign}{hours:02d}:{minutes:02d}"


def _zone_of(person: SimulatedPerson, at: int) -> ZoneInfo:
    for journey in person.journeys:
        if epoch(journey.start) <= at < epoch(journey.end):
            return _zone(journey.zone)
    return _zone(person.zone)


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
