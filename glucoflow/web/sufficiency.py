"""What stands behind an insight, a pattern or a comparison, in words of a few characters. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import msgspec

from glucoflow.analytics.adherence import MEASURES, Adherence
from glucoflow.analytics.summary import Metrics, PeriodSummary
from glucoflow.model.goals import Goal, goals_of
from glucoflow.model.targets import Targets
from glucoflow.model.units import Unit, decimals_of, glucose_unit, in_unit
from glucoflow.model.words import clock, signed
from glucoflow.web import wording

_PERCENTS = {
    "percent": "now",
    "before": "before",
    "goal": "goal",
    "cv": "CV",
    "expected_percent": "after any other moment",
    "in_range_percent": "in range",
}


class MetricRow(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of a period, of the one before, and the change between them."""

    name: str
    now: str
    before: str
    change: str


class MeasureRow(msgspec.Struct, frozen=True, kw_only=True):
    """One measure on days with and without a protocol; `says` is the verdict, corrected for the number of measures."""

    name: str
    having: str
    lacking: str
    difference: str
    interval: str
    says: str


def numbers(found: Mapping[str, float], unit: Unit) -> list[str]:
    """`now 63 %`, `before 69 %`, `5 of 14`, `median rise 76 mg/dL`, `02:00–04:00`, `p 0.045`."""
    said = [f"{word} {wording.share(found[name])}" for name, word in _PERCENTS.items() if name in found]
    if "days_of" in found:
        said.insert(0, f"{found['days_with']:.0f} of {found['days_of']:.0f}")
    if "minute_from" in found:
        said.append(f"{clock(found['minute_from'])}–{clock(found['minute_to'])}")
    if "median_rise_mg_dl" in found:
        said.append(f"median rise {glucose_unit(found['median_rise_mg_dl'], unit)}")
    if "median_minutes_to_peak" in found:
        said.append(f"peak after {found['median_minutes_to_peak']:.0f} min")
    if "difference" in found:
        low, high = signed(found["low"]), signed(found["high"])
        said.append(f"difference {signed(found['difference'])} points, 95 % interval {low} to {high}")
    if "days_needed" in found:
        said.append(f"{found['days']:.1f} worn days, {0.7 * found['days_needed']:.1f} needed")
    if "p_value" in found:
        said.append("p < 0.001" if found["p_value"] < 0.001 else f"p {found['p_value']:.3f}")
    return said


def days(start: date, end: date) -> str:
    """`7 – 20 Jun 2026` for the dates [start, end)."""
    last = end - timedelta(days=1)
    first = f"{start.day}" if (start.year, start.month) == (last.year, last.month) else f"{start.day} {start:%b}"
    year = f" {start:%Y}" if start.year != last.year else ""
    return f"{first}{year} – {last.day} {last:%b %Y}"


def metric_rows(period: PeriodSummary, before: PeriodSummary | None, unit: Unit, targets: Targets) -> list[MetricRow]:
    """The figures that insights speak of, beside those of the period before."""
    shares = (
        ("Time in range", "target_in_percent", "in_range"),
        ("Time below", "target_below_percent", "below"),
        ("Time above", "target_above_percent", "above"),
        ("Variability (CV)", "cv_percent", ""),
        ("Sensor active", "active_percent", ""),
    )
    goals = goals_of(targets)
    earlier = before.metrics if before else None
    rows = [_metric_row(name, field, period.metrics, earlier, goals.get(goal)) for name, field, goal in shares]
    mean, old = period.metrics.mean_mg_dl, before.metrics.mean_mg_dl if before else None
    change = "–" if mean is None or old is None else _in_unit(mean - old, unit)
    shown = [glucose_unit(one, unit) for one in (mean, old)]
    return [*rows, MetricRow(name="Mean", now=shown[0], before=shown[1], change=change)]


def measure_rows(found: Sequence[Adherence], unit: Unit) -> list[MeasureRow]:
    """A row a measure that can be compared; none below the fewest days."""
    return [_measure_row(one, unit) for one in found if one.difference is not None]


def _metric_row(name: str, field: str, now: Metrics, before: Metrics | None, goal: Goal | None) -> MetricRow:
    new, old = getattr(now, field), getattr(before, field) if before else None
    change = "–" if new is None or old is None else f"{signed(new - old)} points"
    return MetricRow(name=name, now=wording.share(new, goal), before=wording.share(old, goal), change=change)


def _measure_row(one: Adherence, unit: Unit) -> MeasureRow:
    difference, low, high = one.difference or 0.0, one.low or 0.0, one.high or 0.0
    if one.measure == "mean":
        sides = [glucose_unit(value, unit) for value in (one.mean_with, one.mean_without)]
        gaps = [_in_unit(difference, unit), *(_in_unit(value, unit).split()[0] for value in (low, high))]
    else:
        sides = [wording.share(value) for value in (one.mean_with, one.mean_without)]
        gaps = [f"{signed(difference)} points", signed(low), signed(high)]
    name = MEASURES[one.measure]
    return MeasureRow(
        name=name[0].upper() + name[1:],
        having=sides[0],
        lacking=sides[1],
        difference=gaps[0],
        interval=f"{gaps[1]} to {gaps[2]}",
        says=one.text.rpartition(": ")[2],
    )


def _in_unit(mg_dl: float, unit: Unit) -> str:
    return f"{signed(in_unit(mg_dl, unit), decimals_of(unit))} {unit}"
