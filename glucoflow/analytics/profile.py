"""The 24-hour glucose profile: percentiles over the local time of day.

Named so because AGP, name and layout, belongs to the International Diabetes Center. Times of day are the readings' own.
"""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from glucoflow.analytics.quantiles import quantiles
from glucoflow.analytics.series import Floats, Ints, Series

PERCENTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
EVERY_DAY = frozenset(range(1, 8))
BIN_MINUTES = 15


class ProfilePoint(msgspec.Struct, frozen=True):
    """Percentiles (mg/dL) of the readings in [minute, minute + bin) of all days; None where there are none."""

    minute: int
    n: int
    p05: float | None = None
    p25: float | None = None
    p50: float | None = None
    p75: float | None = None
    p95: float | None = None


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One profile. `days` is the number of local days that gave at least one reading."""

    bin_minutes: int
    weekdays: tuple[int, ...]
    days: int
    n: int
    points: tuple[ProfilePoint, ...]


def profile_of(series: Series, weekdays: Iterable[int] = EVERY_DAY, bin_minutes: int = BIN_MINUTES) -> Profile:
    """The profile of a series' used readings on the given local weekdays (1 = Monday).

    Raises ValueError unless `bin_minutes` divides the day.
    """
    if bin_minutes < 1 or 1440 % bin_minutes:
        raise ValueError(f"bins of {bin_minutes} minutes do not divide a day")
    chosen = sorted(set(weekdays))
    used = series.used
    part = used.where(np.isin(used.weekday, chosen))
    count = 1440 // bin_minutes
    bins = part.minute_of_day // bin_minutes
    sizes = np.bincount(bins, minlength=count)
    rows = _grouped_quantiles(part.mg_dl, part.repeats, bins, count, PERCENTILES)
    points = tuple(
        ProfilePoint(k * bin_minutes, int(sizes[k]), *row.tolist()) if sizes[k] else ProfilePoint(k * bin_minutes, 0)
        for k, row in enumerate(rows)
    )
    days = int(np.unique(part.local_day).size)
    return Profile(bin_minutes=bin_minutes, weekdays=tuple(chosen), days=days, n=len(part), points=points)


def _grouped_quantiles(values: Floats, repeats: Ints | None, groups: Ints, count: int, at: Sequence[float]) -> Floats:
    """Quantiles of `values` by group 0 … count−1, shape (count, len(at)); NaN rows for empty groups.

    Linear interpolation between order statistics (R's type 7, NumPy's default), each value there `repeats` times.
    """
    result = np.full((count, len(at)), np.nan)
    if values.size == 0:
        return result
    if repeats is not None:
        for group in np.unique(groups).tolist():
            mine = groups == group
            result[group] = quantiles(values[mine], repeats[mine], at)
        return result
    order = np.lexsort((values, groups))
    ordered = values[order]
    size = np.bincount(groups, minlength=count)[:count]
    first = np.cumsum(size) - size
    held = size > 0
    for column, q in enumerate(at):
        position = first[held] + q * (size[held] - 1)
        lower = np.floor(position).astype(np.int64)
        upper = np.minimum(lower + 1, first[held] + size[held] - 1)
        result[held, column] = ordered[lower] + (position - lower) * (ordered[upper] - ordered[lower])
    return result
