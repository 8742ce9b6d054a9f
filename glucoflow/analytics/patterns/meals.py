"""What glucose does after a meal, where meals are known, and what it does at such times without one."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
import numpy as np

from glucoflow.analytics.resampling import UNRELATED, difference_of_days, level_of_days
from glucoflow.analytics.series import Ints, Series, epoch_ms
from glucoflow.model.localtime import DAY_MS, HOUR_MS, MINUTE_MS

Sitting = Literal["breakfast", "lunch", "dinner", "other"]
BEFORE_MS, AFTER_MS = 15 * MINUTE_MS, 3 * HOUR_MS
FEWEST_READINGS = 0.7
SAME_MEAL_MS = 30 * MINUTE_MS
FEWEST_DAYS = 5
"""Of meals, and of matched times without one."""

SPELL_MS, LATER_MS = 30 * MINUTE_MS, 60 * MINUTE_MS
"""A rise is the mean of the half hour from one hour on, minus the mean of the half hour before."""
LAG_MS = LATER_MS + SPELL_MS
_HOURS: tuple[tuple[Sitting, range], ...] = (
    ("breakfast", range(5, 11)),
    ("lunch", range(11, 16)),
    ("dinner", range(17, 23)),
)


class MealResponse(msgspec.Struct, frozen=True, kw_only=True):
    """One meal: the mean of the 15 minutes before, the peak of the 3 hours after, and the minutes to it."""

    time: datetime
    offset_min: int
    sitting: Sitting
    before_mg_dl: float
    peak_mg_dl: float
    minutes_to_peak: int

    @property
    def rise_mg_dl(self) -> float:
        return self.peak_mg_dl - self.before_mg_dl


class MealEffect(msgspec.Struct, frozen=True, kw_only=True):
    """How much more glucose rose after meals than at matched times without one, in mg/dL (95 % interval).

    `matched` says what the times were: the same clock time on other days, or the hours right before the same meals. A
    rise is a difference within its day, so that a run of high days does not count.
    """

    rise: float
    rise_without: float
    low: float
    high: float
    p_value: float
    days: int
    matched: Literal["same time of other days", "the hours before"]


def meal_responses(series: Series, meals: Sequence[datetime]) -> tuple[MealResponse, ...]:
    """The response to each meal that has a reading in the 15 minutes before and 70 % of the 3 hours after.

    Entries within 30 minutes of the one before belong to the same meal.
    """
    used = series.used
    found = []
    for meal in _apart(sorted(meals)):
        at = epoch_ms(meal)
        before, start, end = np.searchsorted(used.utc, (at - BEFORE_MS, at, at + AFTER_MS)).tolist()
        worn = int(used.interval_ms[start:end].sum())
        if before == start or worn < FEWEST_READINGS * AFTER_MS:
            continue
        peak = start + int(used.mg_dl[start:end].argmax())
        offset = int(used.offset_min[start])
        found.append(
            MealResponse(
                time=meal,
                offset_min=offset,
                sitting=sitting(at + offset * MINUTE_MS),
                before_mg_dl=float(used.mg_dl[before:start].mean()),
                peak_mg_dl=float(used.mg_dl[peak]),
                minutes_to_peak=round((int(used.utc[peak]) - at) / MINUTE_MS),
            )
        )
    return tuple(found)


def meal_effect(
    series: Series, mine: Sequence[MealResponse], meals: Sequence[datetime], seed: int = 0
) -> MealEffect | None:
    """The rise after meals of one sitting against that at matched times without a meal; None where there are none.

    Matched are the same clock time on at least five days without a meal near it; else, meal by meal, the two hours
    before it where nothing had been eaten: for glucose that no meal moves, both come to no difference on average.
    """
    used = series.used
    eaten = np.array(sorted(epoch_ms(meal) for meal in meals), dtype=np.int64)
    times = np.array([epoch_ms(one.time) for one in mine], dtype=np.int64)
    locals_ = times + np.array([one.offset_min for one in mine], dtype=np.int64) * MINUTE_MS
    rises = np.array([_rise(used, int(at)) for at in times])
    held = ~np.isnan(rises)
    with_days, with_rise = _by_day(locals_[held] // DAY_MS, rises[held])
    if with_days.size < FEWEST_DAYS:
        return None
    other_days, other_rise = _without(used, eaten, int(np.median(locals_ % DAY_MS)))
    if other_days.size >= FEWEST_DAYS:
        days, values = np.concatenate((with_days, other_days)), np.concatenate((with_rise, other_rise))
        having = [True] * with_days.size + [False] * other_days.size
        found = difference_of_days(days, values, having, seed, UNRELATED)
        return MealEffect(
            rise=found.mean_with,
            rise_without=found.mean_without,
            low=found.low,
            high=found.high,
            p_value=found.p_value,
            days=with_days.size,
            matched="same time of other days",
        )
    return _against_before(used, eaten, times[held], locals_[held], rises[held], seed)


def sitting(local_ms: int) -> Sitting:
    """Breakfast 05–10, lunch 11–15, dinner 17–22 o'clock, by the local hour."""
    hour = local_ms // HOUR_MS % 24
    return next((name for name, hours in _HOURS if hour in hours), "other")


def _against_before(
    used: Series, eaten: Ints, times: Ints, locals_: Ints, rises: np.ndarray, seed: int
) -> MealEffect | None:
    before = np.array([_rise(used, int(at) - LAG_MS) for at in times])
    alone = np.array([not _eaten_within(eaten, int(at) - LAG_MS - HOUR_MS, int(at)) for at in times], dtype=np.bool_)
    usable = alone & ~np.isnan(before)
    days, more = _by_day(locals_[usable] // DAY_MS, (rises - before)[usable])
    if days.size < FEWEST_DAYS:
        return None
    found = level_of_days(days, more, seed, UNRELATED)
    return MealEffect(
        rise=float(rises[usable].mean()),
        rise_without=float(before[usable].mean()),
        low=found.low,
        high=found.high,
        p_value=found.p_value,
        days=days.size,
        matched="the hours before",
    )


def _without(used: Series, eaten: Ints, clock_ms: int) -> tuple[Ints, np.ndarray]:
    """The rise at a clock time on each local day on which nothing was eaten from two hours before on."""
    days, values = [], []
    for day in np.unique(used.local_day).tolist():
        first = int(np.searchsorted(used.local_day, day))
        at = day * DAY_MS + clock_ms - int(used.offset_min[first]) * MINUTE_MS
        if _eaten_within(eaten, at - 2 * HOUR_MS, at + LAG_MS):
            continue
        rise = _rise(used, at)
        if not np.isnan(rise):
            days.append(day)
            values.append(rise)
    return np.array(days, dtype=np.int64), np.array(values)


def _rise(used: Series, at: int) -> float:
    earlier, later = _mean(used, at - SPELL_MS, at), _mean(used, at + LATER_MS, at + LATER_MS + SPELL_MS)
    return later - earlier


def _mean(used: Series, start: int, end: int) -> float:
    first, last = np.searchsorted(used.utc, (start, end)).tolist()
    if used.interval_ms[first:last].sum() < FEWEST_READINGS * (end - start):
        return float("nan")
    return float(used.mg_dl[first:last].mean())


def _eaten_within(eaten: Ints, start: int, end: int) -> bool:
    """Whether anything was eaten in [start, end)."""
    first, last = np.searchsorted(eaten, (start, end)).tolist()
    return bool(last > first)


def _by_day(days: Ints, values: np.ndarray) -> tuple[Ints, np.ndarray]:
    """The mean of each day that has values."""
    named, index = np.unique(days, return_inverse=True)
    return named, np.bincount(index, weights=values) / np.maximum(np.bincount(index), 1)


def _apart(meals: Sequence[datetime]) -> list[datetime]:
    kept: list[datetime] = []
    for meal in meals:
        if not kept or epoch_ms(meal) - epoch_ms(kept[-1]) > SAME_MEAL_MS:
            kept.append(meal)
    return kept
