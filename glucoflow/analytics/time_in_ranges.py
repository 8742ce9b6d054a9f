"""Time in ranges: shares of worn time by band and by target.

Every reading is judged after rounding half-even to whole mg/dL and counts for its own interval, so that a 15-minute and
a 1-minute sensor give comparable shares. With one interval throughout this is the plain share of readings (iglu's).
"""

import math
from collections.abc import Sequence

import msgspec

from glucoflow.analytics.series import Bools, Series
from glucoflow.model.targets import Targets


class TimeInRanges(msgspec.Struct, frozen=True, kw_only=True):
    """Percent of worn time in the five exclusive bands of the consensus, and in the tight range 70–140."""

    very_low: float
    low: float
    in_range: float
    high: float
    very_high: float
    tight: float

    @property
    def below_70(self) -> float:
        return self.very_low + self.low

    @property
    def above_180(self) -> float:
        return self.high + self.very_high


class TimeInTarget(msgspec.Struct, frozen=True, kw_only=True):
    """Percent of worn time against a person's own targets; the three add up to 100."""

    below: float
    in_range: float
    above: float


def time_in_ranges(series: Series) -> TimeInRanges | None:
    """Shares of a series of used readings; None without readings."""
    if len(series) == 0:
        return None
    g = series.whole
    very_low, below, above, very_high = g < 54, g < 70, g > 180, g > 250
    part = [_percent(series, mask) for mask in (very_low, below & ~very_low, above & ~very_high, very_high)]
    return TimeInRanges(
        very_low=part[0],
        low=part[1],
        high=part[2],
        very_high=part[3],
        in_range=_percent(series, ~below & ~above),
        tight=_percent(series, (g >= 70) & (g <= 140)),
    )


def time_in_target(series: Series, targets: Targets) -> TimeInTarget | None:
    """Shares below, inside and above a person's own range; None without readings."""
    if len(series) == 0:
        return None
    below, above = series.whole < targets.low, series.whole > targets.high
    return TimeInTarget(
        below=_percent(series, below), in_range=_percent(series, ~below & ~above), above=_percent(series, above)
    )


def reconciled(percents: Sequence[float], decimals: int = 0) -> tuple[float, ...]:
    """Percentages rounded for showing so that they still add up to 100 (largest remainder).

    Ties go to the earlier entry. Raises ValueError unless they add up to 100 before rounding.
    """
    if abs(sum(percents) - 100) > 1e-6:
        raise ValueError(f"shares add up to {sum(percents):.6f}, not 100")
    unit = 10**decimals
    scaled = [percent * unit for percent in percents]
    floors = [math.floor(value + 1e-9) for value in scaled]
    missing = 100 * unit - sum(floors)
    order = sorted(range(len(scaled)), key=lambda i: (floors[i] - scaled[i], i))
    for i in order[:missing]:
        floors[i] += 1
    return tuple(value / unit for value in floors)


def _percent(series: Series, mask: Bools) -> float:
    weights = series.weights
    if weights is None:
        return 100.0 * int(mask.sum()) / len(series)
    return float(100.0 * weights[mask].sum() / weights.sum())
