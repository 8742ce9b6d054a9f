"""What stands behind an insight, a pattern or a comparison, in words of a few characters. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import msgspec

from glucoflow.analytics.adherence import MEASURES, Adherence
from glucoflow.analytics.summary import Metrics, PeriodSummary
from glucoflow.model.goals import Goal, goals_of
from glucoflow.model.said import Said, capital, days_said, digits, joined, said
from glucoflow.model.targets import Targets
from glucoflow.model.units import Unit, decimals_of, glucose_unit, in_unit
from glucoflow.model.words import clock, number, signed
from glucoflow.web import wording

_PERCENTS = {
    "percent": said("now"),
    "before": said("before"),
    "goal": said("goal"),
    "cv": said("CV"),
    "expected_percent": said("after any other moment"),
    "in_range_percent": said("in range"),
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
    told: list[str] = [
        joined(" ", (word, wording.share(found[name]))) for name, word in _PERCENTS.items() if name in found
    ]
    if "days_of" in found:
        told.insert(0, said("%(n)s of %(all)s", n=f"{found['days_with']:.0f}", all=f"{found['days_of']:.0f}"))
    if "minute_from" in found:
        told.append(joined("–", (clock(found["minute_from"]), clock(found["minute_to"]))))
    if "median_rise_mg_dl" in found:
        told.append(said("median rise %(glucose)s", glucose=glucose_unit(found["median_rise_mg_dl"], unit)))
    if "median_minutes_to_peak" in found:
        told.append(said("peak after %(n)s min", n=f"{found['median_minutes_to_peak']:.0f}"))
    if "difference" in found:
        told.append(
            said(
                "difference %(points)s points, 95 %% interval %(low)s to %(high)s",
                points=signed(found["difference"]),
                low=signed(found["low"]),
                high=signed(found["high"]),
            )
        )
    if "days_needed" in found:
        needed = number(0.7 * found["days_needed"])
        told.append(said("%(n)s worn days, %(needed)s needed", n=number(found["days"]), needed=needed))
    if "p_value" in found:
        told.append(digits("p < 0.001" if found["p_value"] < 0.001 else f"p {found['p_value']:.3f}"))
    return told


def days(start: date, end: date) -> str:
    """`7 – 20 Jun 2026` for the dates [start, end)."""
    return days_said(start, end - timedelta(days=1))


def metric_rows(period: PeriodSummary, before: PeriodSummary | None, unit: Unit, targets: Targets) -> list[MetricRow]:
    """The figures that insights speak of, beside those of the period before."""
    shares = (
        (said("Time in range"), "target_in_percent", "in_range"),
        (said("Time below"), "target_below_percent", "below"),
        (said("Time above"), "target_above_percent", "above"),
        (said("Variability (CV)"), "cv_percent", ""),
        (said("Sensor active"), "active_percent", ""),
    )
    goals = goals_of(targets)
    earlier = before.metrics if before else None
    rows = [_metric_row(name, field, period.metrics, earlier, goals.get(goal)) for name, field, goal in shares]
    mean, old = period.metrics.mean_mg_dl, before.metrics.mean_mg_dl if before else None
    change = "–" if mean is None or old is None else _in_unit(mean - old, unit)
    shown = [glucose_unit(one, unit) for one in (mean, old)]
    return [*rows, MetricRow(name=said("Mean"), now=shown[0], before=shown[1], change=change)]


def measure_rows(found: Sequence[Adherence], unit: Unit) -> list[MeasureRow]:
    """A row a measure that can be compared; none below the fewest days."""
    return [_measure_row(one, unit) for one in found if one.difference is not None]


def _metric_row(name: str, field: str, now: Metrics, before: Metrics | None, goal: Goal | None) -> MetricRow:
    new, old = getattr(now, field), getattr(before, field) if before else None
    change = "–" if new is None or old is None else said("%(n)s points", n=signed(new - old))
    return MetricRow(name=name, now=wording.share(new, goal), before=wording.share(old, goal), change=change)


def _measure_row(one: Adherence, unit: Unit) -> MeasureRow:
    difference, low, high = one.difference or 0.0, one.low or 0.0, one.high or 0.0
    if one.measure == "mean":
        sides = [glucose_unit(value, unit) for value in (one.mean_with, one.mean_without)]
        gaps = [_in_unit(difference, unit), *(_signed_in(value, unit) for value in (low, high))]
    else:
        sides = [wording.share(value) for value in (one.mean_with, one.mean_without)]
        gaps = [said("%(n)s points", n=signed(difference)), signed(low), signed(high)]
    return MeasureRow(
        name=capital(MEASURES[one.measure]),
        having=sides[0],
        lacking=sides[1],
        difference=gaps[0],
        interval=said("%(low)s to %(high)s", low=gaps[1], high=gaps[2]),
        says=one.verdict,
    )


def _in_unit(mg_dl: float, unit: Unit) -> str:
    return joined(" ", (_signed_in(mg_dl, unit), unit))


def _signed_in(mg_dl: float, unit: Unit) -> Said:
    return signed(in_unit(mg_dl, unit), decimals_of(unit))
