"""Local times without a zone, as files have them, placed on the time line.

In the hour that repeats when clocks go back, the order of the file tells the first pass from the second: once the wall
clock steps back inside that hour, the later pass has begun. A time that the spring change skips is read as the clock
that had not been changed yet.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from glucoflow.model.errors import UnreadableFile
from glucoflow.model.localtime import DAY_MS, MINUTE_MS

Ints = NDArray[np.int64]

SORTED_SHARE = 0.8
"""Below this share of steps in one direction a file is unsorted and its order says nothing."""
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clocks have no zone


def zone_named(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises UnreadableFile saying what a name looks like."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnreadableFile(
            f"{name!r} is not a time zone.", remedy="Give one like Europe/Berlin or America/New_York."
        ) from error


def offsets_at(utc_ms: Ints, zone: ZoneInfo) -> Ints:
    """Minutes that the zone's clock is ahead of UTC at moments; zones change theirs on quarter hours only."""
    quarters, index = np.unique(utc_ms // (15 * MINUTE_MS), return_inverse=True)
    found = [datetime.fromtimestamp(int(quarter) * 900, zone).utcoffset() or timedelta() for quarter in quarters]
    return np.array([int(one.total_seconds()) // 60 for one in found], dtype=np.int64)[index]


def possible_offsets(local: Ints, zone: ZoneInfo) -> tuple[Ints, Ints]:
    """Minutes to subtract from each wall-clock time for UTC: the first and the second time the clock shows it.

    They differ in the repeated hour only.
    """
    days, index = np.unique(local // DAY_MS, return_inverse=True)
    ends = np.array([_day_offsets(int(day), zone) for day in days], dtype=np.int64).reshape(-1, 5)
    first = ends[index, 0]
    second = first.copy()
    for i in np.flatnonzero((ends != ends[:, :1]).any(axis=1)[index]).tolist():
        first[i], second[i] = _offset_pair(int(local[i]), zone)
    return first, second


def offsets(local: Ints, first: Ints, second: Ints) -> Ints:
    """The offset of each time in file order: in the repeated hour by the direction in which the file runs."""
    result = first.copy()
    twice = np.flatnonzero(first > second)
    if twice.size:
        later = twice[_second_pass(local, twice)]
        result[later] = second[later]
    return result


def _day_offsets(day: int, zone: ZoneInfo) -> tuple[int, ...]:
    begin, end = day * DAY_MS, (day + 1) * DAY_MS
    return (*_offset_pair(begin, zone), *_offset_pair(end - MINUTE_MS, zone), *_offset_pair(end, zone)[:1])


def _offset_pair(local: int, zone: ZoneInfo) -> tuple[int, int]:
    """Offsets of the first and the second time the clock shows this; for a skipped time, of the clock before it."""
    naive = _EPOCH + timedelta(milliseconds=local)
    first, second = (
        int((zone.utcoffset(naive.replace(fold=fold)) or timedelta()).total_seconds()) // 60 for fold in (0, 1)
    )
    return (first, first) if first < second else (first, second)


def _second_pass(local: Ints, twice: Ints) -> NDArray[np.bool_]:
    """Which of the ambiguous rows belong to the second pass, by the direction in which the file runs."""
    steps = np.sign(np.diff(local))
    forward = steps.sum() >= 0
    order = twice if forward else twice[::-1]
    second = np.zeros(order.size, dtype=np.bool_)
    if abs(steps.sum()) < SORTED_SHARE * steps.size:
        return second
    hour = local[order] // (DAY_MS // 2)
    for k in range(1, order.size):
        same_night = hour[k] == hour[k - 1]
        second[k] = same_night and (second[k - 1] or local[order[k]] < local[order[k - 1]])
    return second if forward else second[::-1]
