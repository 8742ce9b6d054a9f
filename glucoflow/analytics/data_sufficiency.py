"""How much data stands behind a figure: percent active, and whether it is enough to speak of.

Sufficient is what the consensus of 2019 asks for: 14 days with at least 70 % of the expected readings.
"""

import numpy as np

from glucoflow.analytics.series import DAY_MS, Series
from glucoflow.model.glycemia import Sufficiency

DAYS_NEEDED = 14
ACTIVE_NEEDED = 70.0


def covered_ms(series: Series) -> int:
    """The time that used readings stand for."""
    return int(series.interval_ms.sum())


def usual_interval_ms(series: Series) -> int | None:
    """The interval that most readings have; None without readings."""
    if len(series) == 0:
        return None
    kinds = series.interval_ms
    if bool((kinds == kinds[0]).all()):
        return int(kinds[0])
    values, counts = np.unique(kinds, return_counts=True)
    return int(values[counts.argmax()])


def active_percent(series: Series, period_ms: int) -> float | None:
    """Readings present ÷ readings expected in the whole period at the sensor's own interval, at most 100.

    With mixed intervals every reading covers its own, so a change of sensor does not change the meaning. None for an
    empty period.
    """
    if period_ms <= 0:
        return None
    return min(100.0, 100.0 * covered_ms(series) / period_ms)


def sufficiency(series: Series, period_ms: int, days_needed: int = DAYS_NEEDED) -> Sufficiency:
    """Judges a series of used readings against `days_needed` days at 70 %.

    `days` is the worn time in days: what "has 3.1 of 14 days" counts.
    """
    active = active_percent(series, period_ms)
    days = covered_ms(series) / DAY_MS
    period_days = period_ms / DAY_MS
    reason = None
    if len(series) == 0:
        reason = "not enough data: no readings"
    elif period_days < days_needed - 0.05 or (active or 0.0) < ACTIVE_NEEDED:
        reason = f"not enough data: has {days:.1f} of {days_needed} days"
        if period_days >= days_needed - 0.05:
            reason += f" ({active or 0.0:.0f} % of the expected readings, 70 % needed)"
    return Sufficiency(
        sufficient=reason is None, days=round(days, 2), days_needed=days_needed, active_percent=active, reason=reason
    )
