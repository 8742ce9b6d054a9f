"""Local times without a zone, as files have them, placed on the time line.

In the hour that repeats when clocks go back, the order of the file tells the first pass from the second: once the wall
clock steps back inside that hour, the later pass has begun. A time that the spring change skips is read as the clock
that had not been changed yet.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

from glucoflow.analytics.series import DAY_MS, MINUTE_MS, Ints
from glucoflow.model.errors import UnreadableFile

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


def wall_ms(moment: datetime) -> int:
    """A naive wall-clock time as milliseconds since 1970 on that clock."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def offsets(local: Ints, zone: ZoneInfo | None, ticks: Ints | None = None) -> NDArray[np.int16]:
    """Minutes to subtract from each wall-clock time for UTC, in file order; 0 throughout without a zone.

    `ticks` are seconds of a counter that never repeats (Clarity's Transmitter Time, −1 where absent): where given they
    decide the repeated hour.
    """
    result: NDArray[np.int16] = np.zeros(local.size, dtype=np.int16)
    if zone is None or local.size == 0:
        return result
    days, index = np.unique(local // DAY_MS, return_inverse=True)
    ends = np.array([_day_offsets(int(day), zone) for day in days], dtype=np.int16)
    result = ends[index, 0]
    changing = np.flatnonzero((ends != ends[:, :1]).any(axis=1)[index])
    if changing.size == 0:
        return result
    pairs = np.array([_offset_pair(int(local[i]), zone) for i in changing], dtype=np.int16)
    result[changing] = pairs[:, 0]
    twice = changing[pairs[:, 0] > pairs[:, 1]]
    if twice.size:
        second = _second_pass(local, twice) if ticks is None else _second_by_ticks(local, result, twice, ticks)
        later = {int(i): pairs[k, 1] for k, i in enumerate(changing)}
        for i in twice[second]:
            result[i] = later[int(i)]
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


def _second_by_ticks(local: Ints, first: NDArray[np.int16], twice: Ints, ticks: Ints) -> NDArray[np.bool_]:
    """By the nearest unambiguous row in ticks: the pass whose UTC keeps step with the counter."""
    sure = np.ones(local.size, dtype=np.bool_)
    sure[twice] = False
    sure &= ticks >= 0
    known = np.flatnonzero(sure)
    if known.size == 0:
        return _second_pass(local, twice)
    known = known[np.argsort(ticks[known], kind="stable")]
    at = np.clip(np.searchsorted(ticks[known], ticks[twice]), 0, known.size - 1)
    utc = local - first.astype(np.int64) * MINUTE_MS
    behind = (utc[twice] - utc[known[at]]) - (ticks[twice] - ticks[known[at]]) * 1000
    result: NDArray[np.bool_] = (behind < -30 * MINUTE_MS) & (ticks[twice] >= 0)
    return result
