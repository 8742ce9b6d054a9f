"""Every figure of a span of readings in one value, and the summaries of local days and of periods.

A figure that cannot be computed is None, and `missing` says why: nothing here is ever NaN.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

import msgspec
import numpy as np

from glucoflow.analytics.data_sufficiency import (
    DAYS_NEEDED,
    active_percent,
    borne,
    covered_ms,
    sufficiency,
    usual_interval_ms,
)
from glucoflow.analytics.episode_detection import count_detected, detect
from glucoflow.analytics.grid import Grid, grid_of
from glucoflow.analytics.mage import mage
from glucoflow.analytics.quantiles import quantiles
from glucoflow.analytics.risk import adrr, gri, gri_zone, risk_indices
from glucoflow.analytics.series import Series, day_number, epoch_ms, moment_of
from glucoflow.analytics.time_in_ranges import time_in_ranges, time_in_target
from glucoflow.analytics.variability import conga, ea1c, gmi, j_index, mag, mean_of, modd, sd_of
from glucoflow.model.glycemia import ComparedMetrics, EpisodeCounts, GlycemicMetrics, Sufficiency
from glucoflow.model.localtime import DAY_MS, MINUTE_MS
from glucoflow.model.targets import PROFILES, Targets

WINDOWS = {"7d": 7, "14d": 14, "30d": 30, "90d": 90}
"""The periods that are summarized, by name: days."""


class Metrics(GlycemicMetrics, frozen=True, kw_only=True):
    """All figures of a span, with the reason for each that is not there."""

    missing: Mapping[str, str] = {}


class DaySummary(msgspec.Struct, frozen=True, kw_only=True):
    """One local day. `start` and `end` are its instants: 23 or 25 hours apart when clocks change, more on a journey.

    `sufficiency` asks for 70 % of this one day.
    """

    date: date
    weekday: int
    start: datetime
    end: datetime
    metrics: Metrics
    episodes: EpisodeCounts
    sufficiency: Sufficiency


class PeriodSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The local days [start, end). `window` is a name of `WINDOWS`, or the number of days with a d.

    `change` is this period's figure minus that of the equally long period before, where both are there and both
    periods have enough data.
    """

    window: str
    start: date
    end: date
    days: int
    metrics: Metrics
    episodes: EpisodeCounts
    sufficiency: Sufficiency
    change: dict[str, float] = {}


def metrics_of(series: Series, period_ms: int | None = None, targets: Targets = PROFILES["adult"]) -> Metrics:
    """Every figure of a series. Percent active is measured against `period_ms`, by default first to last reading."""
    return _metrics(series, grid_of(series.used), span_ms(series) if period_ms is None else period_ms, targets)


def span_ms(series: Series) -> int:
    """From the first used reading to the end of what the last one stands for, in ms; 0 without readings."""
    used = series.used
    return int(used.utc[-1] - used.utc[0] + used.interval_ms[-1]) if len(used) else 0


def summarize_day(
    series: Series, day: date, targets: Targets = PROFILES["adult"], now: datetime | None = None
) -> DaySummary:
    """The summary of one local date; `series` may hold any days. With `now` inside the day, it ends there."""
    part = series.between(day, day + timedelta(days=1))
    start, end = day_start_ms(series, day), day_start_ms(series, day + timedelta(days=1))
    start, end = _bounded(start, end, now)
    metrics, episodes = _both(part, end - start, targets)
    state = sufficiency(part.used, end - start, days_needed=1, calendar_days=1)
    return DaySummary(
        date=day,
        weekday=day.isoweekday(),
        start=moment_of(start),
        end=moment_of(end),
        metrics=borne(metrics, covered_ms(part.used), state, targets),
        episodes=episodes,
        sufficiency=state,
    )


def summarize_period(
    series: Series, start: date, end: date, targets: Targets = PROFILES["adult"], now: datetime | None = None
) -> PeriodSummary:
    """The summary of the local dates [start, end) and its change against as many days before.

    `series` must reach back twice as far for the change to be there. Raises ValueError unless start < end.
    """
    days = (end - start).days
    if days < 1:
        raise ValueError(f"the period from {start} to {end} has no day in it")
    metrics, episodes, state = _judged(series, start, end, targets, now)
    earlier, _, before = _judged(series, start - timedelta(days=days), start, targets)
    return PeriodSummary(
        window=f"{days}d",
        start=start,
        end=end,
        days=days,
        metrics=metrics,
        episodes=episodes,
        sufficiency=state,
        change=changes(metrics, earlier) if state.sufficient and before.sufficient else {},
    )


def summarize_windows(
    series: Series, end: date, targets: Targets = PROFILES["adult"], now: datetime | None = None
) -> tuple[PeriodSummary, ...]:
    """The periods of `WINDOWS` that end before the local date `end`."""
    return tuple(summarize_period(series, end - timedelta(days=days), end, targets, now) for days in WINDOWS.values())


def changes(metrics: Metrics, before: Metrics) -> dict[str, float]:
    """This minus before for every figure that both have; empty where either has no reading."""
    result: dict[str, float] = {}
    if not metrics.n or not before.n:
        return result
    for name in COMPARED:
        new, old = getattr(metrics, name), getattr(before, name)
        if new is not None and old is not None:
            result[name] = new - old
    return result


COMPARED = ComparedMetrics.__struct_fields__
"""Names of the figures that are compared between periods."""


def day_start_ms(series: Series, day: date) -> int:
    """The instant at which a local date began, by the offset the person's clock had just before.

    That is the offset of the last reading of an earlier date, or of the first reading where there is none.
    """
    number = day_number(day)
    if len(series) == 0:
        return number * DAY_MS
    earlier = np.flatnonzero(series.local_day < number)
    offset = int(series.offset_min[earlier[-1] if earlier.size else 0])
    return number * DAY_MS - offset * MINUTE_MS


def _judged(
    series: Series, start: date, end: date, targets: Targets, now: datetime | None = None
) -> tuple[Metrics, EpisodeCounts, Sufficiency]:
    """The figures of the local dates [start, end) that their data bear, episodes, and whether there is enough."""
    days = (end - start).days
    part = series.between(start, end)
    first, last = _bounded(day_start_ms(series, start), day_start_ms(series, end), now)
    metrics, episodes = _both(part, last - first, targets)
    state = sufficiency(part.used, last - first, min(days, DAYS_NEEDED), days)
    return borne(metrics, covered_ms(part.used), state, targets), episodes, state


def _bounded(start: int, end: int, now: datetime | None) -> tuple[int, int]:
    return start, end if now is None else min(end, max(start, epoch_ms(now)))


def _both(part: Series, period_ms: int, targets: Targets) -> tuple[Metrics, EpisodeCounts]:
    used = part.used
    grid = grid_of(used)
    whole = grid if bool((used.whole == used.mg_dl).all()) else grid_of(used, used.whole)
    return _metrics(part, grid, period_ms, targets), count_detected(detect(whole, targets))


def _metrics(series: Series, grid: Grid, period_ms: int, targets: Targets) -> Metrics:
    used = series.used
    if len(used) == 0:
        missing = dict.fromkeys(_COMPUTED, "no readings")
        active = active_percent(used, period_ms)
        return Metrics(n=0, excluded_counts=series.excluded_counts, active_percent=active, missing=missing)
    values = {**_centre(used), **_shares(used, targets), **_risk(used), **_daily(grid)}
    values["active_percent"] = active_percent(used, period_ms)
    missing = {
        name: _WHY.get(name, "no readings at that time of day") for name in _COMPUTED if values.get(name) is None
    }
    return Metrics(
        n=len(used),
        n_low_limit=int((used.beyond < 0).sum()),
        n_high_limit=int((used.beyond > 0).sum()),
        excluded_counts=series.excluded_counts,
        interval_ms=usual_interval_ms(used),
        missing=missing,
        **values,  # type: ignore[arg-type]
    )


def _centre(used: Series) -> dict[str, object]:
    mean = mean_of(used)
    sd = sd_of(used, mean)
    assert mean is not None  # noqa: S101 - the caller has readings
    low, p25, median, p75, high = quantiles(used.mg_dl, used.repeats, (0, 0.25, 0.5, 0.75, 1)).tolist()
    return {
        "mean_mg_dl": mean,
        "sd_mg_dl": sd,
        "cv_percent": None if sd is None else 100 * sd / mean,
        "gmi_percent": gmi(mean),
        "ea1c_percent": ea1c(mean),
        "j_index": None if sd is None else j_index(mean, sd),
        "min_mg_dl": low,
        "p25_mg_dl": p25,
        "median_mg_dl": median,
        "p75_mg_dl": p75,
        "max_mg_dl": high,
    }


def _shares(used: Series, targets: Targets) -> dict[str, object]:
    values: dict[str, object] = {}
    for prefix, part in (("", used), ("night_", used.where(used.night)), ("day_", used.where(~used.night))):
        shares = time_in_ranges(part)
        if shares is None:
            continue
        values[f"{prefix}tir_percent"] = shares.in_range
        values[f"{prefix}below_70_percent"] = shares.below_70
        values[f"{prefix}above_180_percent"] = shares.above_180
        if not prefix:
            values |= {
                "titr_percent": shares.tight,
                "low_percent": shares.low,
                "high_percent": shares.high,
                "below_54_percent": shares.very_low,
                "above_250_percent": shares.very_high,
                "gri": gri(shares),
                "gri_zone": gri_zone(gri(shares)),
            }
    own = time_in_target(used, targets)
    if own is not None:
        values |= {"target_in_percent": own.in_range, "target_below_percent": own.below}
        values["target_above_percent"] = own.above
    return values


def _risk(used: Series) -> dict[str, object]:
    indices = risk_indices(used)
    low, high = indices if indices else (None, None)
    return {"lbgi": low, "hbgi": high, "bgri": sum(indices) if indices else None, "adrr": adrr(used)}


def _daily(grid: Grid) -> dict[str, object]:
    return {
        "modd_mg_dl": modd(grid),
        "conga24_mg_dl": conga(grid),
        "mage_mg_dl": mage(grid),
        "mag_mg_dl_per_h": mag(grid),
    }


_COMPUTED: tuple[str, ...] = tuple(
    name
    for name in Metrics.__struct_fields__
    if name not in {"n", "n_low_limit", "n_high_limit", "excluded_counts", "interval_ms", "active_percent", "missing"}
)

_WHY = {
    "sd_mg_dl": "needs two readings",
    "cv_percent": "needs two readings",
    "j_index": "needs two readings",
    "modd_mg_dl": "no two readings 24 hours apart",
    "conga24_mg_dl": "fewer than two pairs of readings 24 hours apart",
    "mage_mg_dl": "no swing larger than one standard deviation",
    "mag_mg_dl_per_h": "no two readings within 45 minutes",
}
