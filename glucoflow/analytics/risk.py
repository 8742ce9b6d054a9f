"""Kovatchev's risk indices and the Glycemia Risk Index.

f(G) = 1.509 · (ln(G)^1.084 − 5.381) with G in mg/dL; risk r = 10 · f², the low side where f < 0.
"""

import numpy as np

from glucoflow.analytics.series import Floats, Series
from glucoflow.analytics.time_in_ranges import TimeInRanges
from glucoflow.model.glycemia import GriZone


def symmetric(mg_dl: Floats) -> Floats:
    """Kovatchev's f: negative below, positive above 112.5 mg/dL."""
    result: Floats = 1.509 * (np.log(mg_dl) ** 1.084 - 5.381)
    return result


def risk_indices(series: Series) -> tuple[float, float] | None:
    """(LBGI, HBGI): mean low and mean high risk, the other side counted as 0; None without readings."""
    if len(series) == 0:
        return None
    f = symmetric(series.mg_dl)
    low = np.average(10 * np.minimum(f, 0) ** 2, weights=series.weights)
    high = np.average(10 * np.maximum(f, 0) ** 2, weights=series.weights)
    return float(low), float(high)


def adrr(series: Series) -> float | None:
    """Average daily risk range: mean over local days of the largest low plus the largest high risk (Kovatchev 2006).

    iglu writes 22.77 for 10 · 1.509² = 22.7708, so its figure is 0.0036 % lower. None without readings.
    """
    if len(series) == 0:
        return None
    f = symmetric(series.mg_dl)
    day = series.local_day - series.local_day.min()
    lowest = np.zeros(int(day.max()) + 1)
    highest = np.zeros_like(lowest)
    np.minimum.at(lowest, day, f)
    np.maximum.at(highest, day, f)
    held = np.bincount(day) > 0
    return float((10 * lowest[held] ** 2 + 10 * highest[held] ** 2).mean())


def gri(shares: TimeInRanges) -> float:
    """3.0·VLow + 2.4·Low + 1.6·VHigh + 0.8·High over the exclusive bands, at most 100 (Klonoff 2022)."""
    value = 3.0 * shares.very_low + 2.4 * shares.low + 1.6 * shares.very_high + 0.8 * shares.high
    return min(value, 100.0)


def gri_zone(value: float) -> GriZone:
    """A to 20, B to 40, C to 60, D to 80, E to 100: from least to most risk."""
    zones: tuple[GriZone, ...] = ("A", "B", "C", "D", "E")
    return zones[min(4, max(0, -(-int(np.ceil(value)) // 20) - 1))]
