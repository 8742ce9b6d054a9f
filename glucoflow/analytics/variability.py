"""Mean, spread and day-to-day variability. G in mg/dL.

Mean and SD count each reading for its interval (see `shares`); with one interval throughout they are the plain mean and
the SD with n−1 of iglu and Tidepool. LOW and HIGH enter as 39 and 401: their number stands beside the mean.
"""

import math

import numpy as np

from glucoflow.analytics.grid import PER_DAY, STEP_MIN, Grid
from glucoflow.analytics.series import Floats, Series


def mean_of(series: Series) -> float | None:
    """Mean glucose; None without readings."""
    if len(series) == 0:
        return None
    return float(np.average(series.mg_dl, weights=series.weights))


def sd_of(series: Series, mean: float | None) -> float | None:
    """Standard deviation with n−1; None below two readings."""
    n = len(series)
    if n < 2 or mean is None:
        return None
    square = (series.mg_dl - mean) ** 2
    weights = series.weights
    total = float(square.sum() if weights is None else (weights * square).sum())
    return math.sqrt(total / (n - 1))


def gmi(mean: float) -> float:
    """Glucose management indicator in percent: 3.31 + 0.02392 · mean (Bergenstal 2018; 150 mg/dL → 6.9 %)."""
    return 3.31 + 0.02392 * mean


def ea1c(mean: float) -> float:
    """Estimated A1c in percent: (46.7 + mean) / 28.7 (Nathan 2008). Differs from GMI; both are shown by name."""
    return (46.7 + mean) / 28.7


def j_index(mean: float, sd: float) -> float:
    """0.001 · (mean + SD)² (Wójcicki 1995; PMC3160264)."""
    return 0.001 * (mean + sd) ** 2


def modd(grid: Grid) -> float | None:
    """Mean of absolute differences to the same clock time the day before (Service 1980); None without a pair."""
    pairs = _hours_apart(grid, 24)
    return float(np.abs(pairs).mean()) if pairs.size else None


def conga(grid: Grid, hours: int = 24) -> float | None:
    """SD (n−1) of differences to so many hours before on the clock (McDonnell 2005); None below two pairs."""
    pairs = _hours_apart(grid, hours)
    return float(pairs.std(ddof=1)) if pairs.size > 1 else None


def mag(grid: Grid) -> float | None:
    """Mean absolute glucose change per hour, mg/dL/h, over neighbouring grid points (Hermanides 2010).

    None without neighbours, where iglu gives 0.
    """
    steps = np.abs(np.diff(grid.values))
    steps = steps[~np.isnan(steps)]
    return float(steps.sum() / (steps.size * STEP_MIN / 60)) if steps.size else None


def _hours_apart(grid: Grid, hours: int) -> Floats:
    values, lag = grid.by_clock, hours * PER_DAY // 24
    differences = values[lag:] - values[:-lag]
    return differences[~np.isnan(differences)]
