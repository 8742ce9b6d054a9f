"""Shares of worn time by band, by target, by hour and weekday, night and day.

Every reading is judged after rounding half-even to whole mg/dL and counts for its own interval, so that a 15-minute and
a 1-minute sensor give comparable shares. With one interval throughout this is the plain share of readings (iglu's).
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from glucoflow.analytics.quantiles import grouped_quantiles
from glucoflow.analytics.series import Bools, Ints, Series
from glucoflow.model.targets import Targets


class Shares(msgspec.Struct, frozen=True, kw_only=True):
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


class TargetShares(msgspec.Struct, frozen=True, kw_only=True):
    """Percent of worn time against a person's own targets; the three add up to 100."""

    below: float
    in_range: float
    above: float


class GroupFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one hour (0–23) or weekday (1 = Monday); None where it holds no reading."""

    key: int
    n: int
    mean_mg_dl: float | None = None
    sd_mg_dl: float | None = None
    p05_mg_dl: float | None = None
    p25_mg_dl: float | None = None
    median_mg_dl: float | None = None
    p75_mg_dl: float | None = None
    p95_mg_dl: float | None = None
    shares: Shares | None = None


def shares_of(series: Series) -> Shares | None:
    """Shares of a series of used readings; None without readings."""
    if len(series) == 0:
        return None
    g = series.whole
    very_low, below, above, very_high = g < 54, g < 70, g > 180, g > 250
    part = [_percent(series, mask) for mask in (very_low, below & ~very_low, above & ~very_high, very_high)]
    return Shares(
        very_low=part[0], low=part[1], high=part[2], very_high=part[3],
        in_range=_percent(series, ~below & ~above), tight=_percent(series, (g >= 70) & (g <= 140)),
    )  # fmt: skip


def target_shares(series: Series, targets: Targets) -> TargetShares | None:
    """Shares below, inside and above a person's own range; None without readings."""
    if len(series) == 0:
        return None
    below, above = series.whole < targets.low, series.whole > targets.high
    return TargetShares(
        below=_percent(series, below), in_range=_percent(series, ~below & ~above), above=_percent(series, above)
    )


def by_hour(series: Series) -> tuple[GroupFigures, ...]:
    """24 groups by local hour of a series of used readings."""
    return _grouped(series, series.minute_of_day // 60, range(24))


def by_weekday(series: Series) -> tuple[GroupFigures, ...]:
    """Seven groups by local weekday, Monday first."""
    return _grouped(series, series.weekday, range(1, 8))


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


def _grouped(series: Series, groups: Ints, keys: Sequence[int]) -> tuple[GroupFigures, ...]:
    quantiles = grouped_quantiles(series.mg_dl, groups - keys[0], len(keys), (0.05, 0.25, 0.5, 0.75, 0.95))
    return tuple(_group(key, series.where(groups == key), row) for key, row in zip(keys, quantiles, strict=True))


def _group(key: int, part: Series, quantiles: np.ndarray) -> GroupFigures:
    if len(part) == 0:
        return GroupFigures(key=key, n=0)
    p05, p25, p50, p75, p95 = (float(value) for value in quantiles)
    return GroupFigures(
        key=key, n=len(part), mean_mg_dl=float(part.mg_dl.mean()),
        sd_mg_dl=float(part.mg_dl.std(ddof=1)) if len(part) > 1 else None,
        p05_mg_dl=p05, p25_mg_dl=p25, median_mg_dl=p50, p75_mg_dl=p75, p95_mg_dl=p95, shares=shares_of(part),
    )  # fmt: skip
