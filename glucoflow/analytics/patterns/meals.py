"""What glucose does after a meal, where meals are known."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec
import numpy as np

from glucoflow.analytics.series import HOUR_MS, MINUTE_MS, Series, epoch_ms

Sitting = Literal["breakfast", "lunch", "dinner", "other"]
BEFORE_MS, AFTER_MS = 15 * MINUTE_MS, 3 * HOUR_MS
FEWEST_READINGS = 0.7
SAME_MEAL_MS = 30 * MINUTE_MS
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


def sitting(local_ms: int) -> Sitting:
    """Breakfast 05–10, lunch 11–15, dinner 17–22 o'clock, by the local hour."""
    hour = local_ms // HOUR_MS % 24
    return next((name for name, hours in _HOURS if hour in hours), "other")


def _apart(meals: Sequence[datetime]) -> list[datetime]:
    kept: list[datetime] = []
    for meal in meals:
        if not kept or epoch_ms(meal) - epoch_ms(kept[-1]) > SAME_MEAL_MS:
            kept.append(meal)
    return kept
