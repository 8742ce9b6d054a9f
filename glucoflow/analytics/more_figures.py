"""Further figures of the field, each by its published definition. G in mg/dL; None where there is too little to say.

Conventions are iglu's, which is the oracle of the tests: day by day on a 5-minute grid where a figure is about days or
rates, on the readings themselves (each for its own time) where it is about values.
"""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from glucoflow.analytics.episode_detection import spells_below
from glucoflow.analytics.grid import PER_DAY, STEP_MIN, Grid, grid_of
from glucoflow.analytics.mage import excursions
from glucoflow.analytics.quantiles import quantiles
from glucoflow.analytics.series import Bools, Floats, Series
from glucoflow.analytics.time_in_ranges import TimeInRanges, time_in_ranges
from glucoflow.analytics.variability import conga, mean_of, sd_of

CLOCK_PERIODS: Mapping[str, tuple[int, int]] = {
    "night": (0, 6),
    "breakfast": (6, 11),
    "lunch": (11, 17),
    "dinner": (17, 24),
}
"""Local hours [from, to) of the periods that clinics ask for; night is the consensus's, the rest Tidepool's habit."""

SCALE_TO_NORMAL = 1.4826
"""Makes the median absolute deviation of normal values their SD."""
ROC_MIN = 15


class GriParts(NamedTuple):
    """The two parts of the Glycemia Risk Index: GRI = 3.0 · hypo + 1.6 · hyper, at most 100 (Klonoff 2022)."""

    hypo: float
    hyper: float


class Grade(NamedTuple):
    """GRADE (Hill 2007): the mean score, and the percentages of it from low, in-range (70–140) and high values."""

    score: float
    hypo: float
    euglycemia: float
    hyper: float


class MoreFigures(msgspec.Struct, frozen=True, kw_only=True):
    """Units are in the names where there are any; the sources stand with the functions."""

    sd_within_mg_dl: float | None = None
    sd_between_mg_dl: float | None = None
    sd_daily_means_mg_dl: float | None = None
    iqr_mg_dl: float | None = None
    mad_mg_dl: float | None = None
    mage_plus_mg_dl: float | None = None
    mage_minus_mg_dl: float | None = None
    conga_mg_dl: Mapping[int, float | None] = {}
    gri_hypo: float | None = None
    gri_hyper: float | None = None
    auc_mg_dl: float | None = None
    gvp_percent: float | None = None
    pgs: float | None = None
    grade: float | None = None
    grade_hypo_percent: float | None = None
    grade_euglycemia_percent: float | None = None
    grade_hyper_percent: float | None = None
    cogi: float | None = None
    m_value: float | None = None
    hypo_index: float | None = None
    hyper_index: float | None = None
    igc: float | None = None
    sd_roc_mg_dl_per_min: float | None = None


def more_figures(series: Series) -> MoreFigures:
    """All of them for the used readings of a series; all None without readings."""
    used = series.used
    if len(used) == 0:
        return MoreFigures()
    grid = grid_of(used)
    shares = time_in_ranges(used)
    assert shares is not None  # noqa: S101 - there are readings
    parts, score, around = gri_parts(shares), grade(used), excursions(grid)
    within, between, daily = sd_within(grid), sd_between(grid), sd_of_daily_means(grid)
    low, high = hypo_index(used), hyper_index(used)
    return MoreFigures(
        sd_within_mg_dl=within,
        sd_between_mg_dl=between,
        sd_daily_means_mg_dl=daily,
        iqr_mg_dl=iqr(used),
        mad_mg_dl=mad(used),
        mage_plus_mg_dl=around.upward,
        mage_minus_mg_dl=around.downward,
        conga_mg_dl={hours: conga(grid, hours) for hours in (1, 2, 4, 6, 24)},
        gri_hypo=parts.hypo,
        gri_hyper=parts.hyper,
        auc_mg_dl=auc(grid),
        gvp_percent=gvp(grid),
        pgs=pgs(used, grid, shares),
        grade=score.score,
        grade_hypo_percent=score.hypo,
        grade_euglycemia_percent=score.euglycemia,
        grade_hyper_percent=score.hyper,
        cogi=cogi(used, shares),
        m_value=m_value(used),
        hypo_index=low,
        hyper_index=high,
        igc=low + high,
        sd_roc_mg_dl_per_min=sd_roc(grid),
    )


def sd_within(grid: Grid) -> float | None:
    """SDw: the mean over days of the SD (n−1) within each (Rodbard 2009)."""
    return _mean([float(np.std(day[~np.isnan(day)], ddof=1)) for day in _days(grid) if _held(day) > 1])


def sd_between(grid: Grid) -> float | None:
    """SDb: the mean over times of day of the SD (n−1) between days (Rodbard 2009)."""
    return _mean([float(np.std(at[~np.isnan(at)], ddof=1)) for at in _days(grid).T if _held(at) > 1])


def sd_of_daily_means(grid: Grid) -> float | None:
    """SDdm: the SD (n−1) of the days' means (Rodbard 2009); None below two days."""
    means = [float(day[~np.isnan(day)].mean()) for day in _days(grid) if _held(day)]
    return float(np.std(means, ddof=1)) if len(means) > 1 else None


def iqr(series: Series) -> float:
    """The interquartile range. Raises IndexError without readings, as do the next."""
    low, high = quantiles(series.mg_dl, series.repeats, (0.25, 0.75))
    return float(high - low)


def mad(series: Series) -> float:
    """Median absolute deviation from the median, scaled to the SD of normal values (R's `mad`)."""
    middle = quantiles(series.mg_dl, series.repeats, (0.5,))[0]
    return SCALE_TO_NORMAL * float(quantiles(np.abs(series.mg_dl - middle), series.repeats, (0.5,))[0])


def gri_parts(shares: TimeInRanges) -> GriParts:
    """The hypoglycemia part (very low + 0.8 · low) and the hyperglycemia part (very high + 0.5 · high), in percent."""
    return GriParts(shares.very_low + 0.8 * shares.low, shares.very_high + 0.5 * shares.high)


def auc(grid: Grid) -> float | None:
    """Area under the curve by the hour (trapezoids over what is there), in mg/dL · h per h (Danne 2017)."""
    steps = (grid.values[1:] + grid.values[:-1]) / 2
    return _mean(steps[~np.isnan(steps)].tolist())


def gvp(grid: Grid) -> float | None:
    """Glycemic variability percentage: how much longer the trace is than a flat one (Peyser 2018)."""
    steps = np.diff(grid.values)
    steps = steps[~np.isnan(steps)]
    if steps.size == 0:
        return None
    return float((np.hypot(STEP_MIN, steps).sum() / (steps.size * STEP_MIN) - 1) * 100)


def pgs(series: Series, grid: Grid, shares: TimeInRanges) -> float | None:
    """Personal glycemic state (Hirsch 2017): GVP, time in range, mean and hypoglycemic episodes a week, 4.6 to 46.

    Episodes last 20 minutes and end after 30, as in iglu; those below 54 and those that stay between 54 and 70.
    """
    variability, mean = gvp(grid), mean_of(series)
    days = np.count_nonzero(~np.isnan(grid.values)) / PER_DAY
    if variability is None or mean is None or not days:
        return None
    deep, any_low = spells_below(grid, 54, 20, 30), spells_below(grid, 70, 20, 30)
    shallow = sum(not np.any((deep[0] >= start) & (deep[0] < end)) for start, end in zip(*any_low, strict=True))
    n54, n70 = deep[0].size / days * 7, shallow / days * 7
    return float(
        1
        + 9 / (1 + np.exp(-0.049 * (variability - 65.47)))
        + 1
        + 9 / (1 + np.exp(0.0833 * (shares.in_range - 55.04)))
        + 1
        + 9 / (1 + np.exp(0.1139 * (mean - 72.08)))
        + 9 / (1 + np.exp(-0.09195 * (mean - 157.57)))
        + 0.5
        + 4.5 * (1 - np.exp(-0.91093 * n54))
        + (0.5714 * n70 + 0.625 if n70 <= 7.65 else 5)
    )


def grade(series: Series) -> Grade:
    """GRADE: 425 · (log₁₀ log₁₀ (G / 18) + 0.16)², at most 50 a reading (Hill 2007)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        inner = np.log10(np.log10(series.mg_dl / 18)) + 0.16
    scores = np.where(np.isfinite(inner), np.minimum(425 * inner**2, 50), 50.0)
    weights = np.ones(len(series)) if series.weights is None else series.weights
    total = float((weights * scores).sum())

    def part(mask: Bools) -> float:
        return 100 * float((weights * scores)[mask].sum()) / total

    low, high = series.mg_dl < 70, series.mg_dl > 140
    return Grade(total / float(weights.sum()), part(low), part(~low & ~high), part(high))


def cogi(series: Series, shares: TimeInRanges) -> float | None:
    """Continuous glucose monitoring index (Leelarathna 2020): half time in range, 35 % below 70, 15 % SD; 0 to 100."""
    sd = sd_of(series, mean_of(series))
    if sd is None:
        return None
    parts = (shares.in_range / 100, 1 - shares.below_70 / 15, 1 - (sd - 18) / 90)
    return 100 * sum(w * min(1.0, max(0.0, part)) for w, part in zip((0.5, 0.35, 0.15), parts, strict=True))


def m_value(series: Series, reference: float = 90) -> float:
    """M-value: the mean of 1000 · |log₁₀ (G / reference)|³ (Schlichtkrull 1965)."""
    return 1000 * _average(series, np.abs(np.log10(series.mg_dl / reference)) ** 3)


def hypo_index(series: Series) -> float:
    """Mean of (80 − G)² / 30 below 80, counting all readings (Rodbard 2009)."""
    return _average(series, np.maximum(80 - series.mg_dl, 0) ** 2) / 30


def hyper_index(series: Series) -> float:
    """Mean of (G − 140)^1.1 / 30 above 140, counting all readings (Rodbard 2009)."""
    return _average(series, np.maximum(series.mg_dl - 140, 0) ** 1.1) / 30


def rates(grid: Grid) -> Floats:
    """Rate of change over 15 minutes at each point of the grid, mg/dL/min; NaN where it is not known (Clarke 2009)."""
    lag = ROC_MIN // STEP_MIN
    result: Floats = np.full(grid.values.size, np.nan)
    result[lag:] = (grid.values[lag:] - grid.values[:-lag]) / ROC_MIN
    return result


def sd_roc(grid: Grid) -> float | None:
    """SD (n−1) of the rates of change."""
    found = rates(grid)
    found = found[~np.isnan(found)]
    return float(found.std(ddof=1)) if found.size > 1 else None


def by_clock_period(series: Series) -> dict[str, TimeInRanges | None]:
    """Time in ranges of each period of the local day."""
    used = series.used
    hour = used.minute_of_day // 60
    return {name: time_in_ranges(used.where((hour >= a) & (hour < b))) for name, (a, b) in CLOCK_PERIODS.items()}


def _days(grid: Grid) -> Floats:
    values = grid.by_clock
    missing = -values.size % PER_DAY
    whole: Floats = np.concatenate((values, np.full(missing, np.nan))).reshape(-1, PER_DAY)
    return whole


def _held(values: Floats) -> int:
    return int(np.count_nonzero(~np.isnan(values)))


def _mean(values: list[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _average(series: Series, values: Floats) -> float:
    return float(np.average(values, weights=series.weights))
