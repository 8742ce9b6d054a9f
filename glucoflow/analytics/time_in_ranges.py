"""Time in ranges: shares of worn time by band and by target.

Every reading is judged after rounding half-even to whole mg/dL and counts for its own interval, so that a 15-minute and
a 1-minute sensor give comparable shares. With one interval throughout this is the plain share of readings (iglu's).
"""

import msgspec
import numpy as np

from glucoflow.analytics.series import Bools, Series
from glucoflow.model.ranges import BANDS, Band
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


def target_bands(series: Series, targets: Targets) -> dict[Band, float] | None:
    """Percent of worn time in the five exclusive bands of a person's own targets; None without readings."""
    if len(series) == 0:
        return None
    edges = (targets.very_low, targets.low, targets.high + 1, targets.very_high + 1)
    at = np.searchsorted(np.array(edges), series.whole, side="right")
    weights = np.ones(len(series)) if series.weights is None else series.weights
    sums = np.bincount(at, weights=weights, minlength=len(BANDS))
    return {name: float(100 * part / weights.sum()) for name, part in zip(BANDS, sums, strict=True)}


def _percent(series: Series, mask: Bools) -> float:
    weights = series.weights
    if weights is None:
        return 100.0 * int(mask.sum()) / len(series)
    return float(100.0 * weights[mask].sum() / weights.sum())
