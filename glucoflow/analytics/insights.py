"""A short list per person of what changed, what is off its goal and what comes back: each with its numbers and rule.

Plain language, no dose, no cause. A suggestion is always of the kind "talk to your care team about …".
"""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Literal

import msgspec

from glucoflow.analytics.patterns.pattern import Pattern
from glucoflow.analytics.summary import Metrics, PeriodSummary
from glucoflow.model.targets import CV_GOAL, PROFILES, Targets
from glucoflow.model.units import MG_DL, Unit, glucose_unit

Tone = Literal["better", "worse", "note"]
LONGEST_LIST = 8
MEANINGFUL_TIR = 5.0
"""Percentage points: the change in time in range that the consensus of 2023 calls meaningful for one person."""
MEANINGFUL_LOW = 1.0
WEAR_DROP = 10.0


class Insight(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence with what stands behind it. The window is the local days [start, end)."""

    kind: str
    tone: Tone
    text: str
    rule: str
    start: date
    end: date
    numbers: dict[str, float] = {}
    dates: tuple[date, ...] = ()
    suggestion: str | None = None


SUGGESTIONS: dict[str, str] = {
    "below_goal": "Talk to your care team about how to avoid lows.",
    "very_low_goal": "Talk to your care team soon about these very low values.",
    "lows_by_time": "Talk to your care team about the hours before this time.",
    "overnight_lows": "Talk to your care team about your nights.",
    "lows_by_weekday": "Talk to your care team about what is different on this weekday.",
    "highs_by_time": "Talk to your care team about the hours before this time.",
    "highs_by_weekday": "Talk to your care team about what is different on this weekday.",
    "after_meals": "Talk to your care team about these meals and their timing.",
    "dawn_rise": "Talk to your care team about the rise in the early morning.",
    "rebound_highs": "Talk to your care team about how you treat lows.",
    "variability": "Talk to your care team about what makes your glucose swing.",
}
_ORDER = (
    "very_low_goal",
    "below_goal",
    "overnight_lows",
    "lows_by_time",
    "in_range_change",
    "below_change",
    "in_range_goal",
    "above_goal",
    "highs_by_time",
    "lows_by_weekday",
    "rebound_highs",
    "after_meals",
    "dawn_rise",
    "highs_by_weekday",
    "variability",
    "weekend",
    "sensor_change",
    "sensor_active",
    "best_day",
)


def insights_of(
    period: PeriodSummary,
    before: PeriodSummary | None = None,
    patterns: Sequence[Pattern] = (),
    targets: Targets = PROFILES["adult"],
    unit: Unit = MG_DL,
) -> tuple[Insight, ...]:
    """At most eight insights, the most important first. `before` is the equally long period before.

    Without sufficient data there is one insight, which says what is missing. Changes are spoken of only when both
    periods are sufficient. Patterns should be of the same window.
    """
    if not period.sufficiency.sufficient:
        return (_insufficient(period),)
    found = [*_goals(period, targets, unit), *_variability(period)]
    if before is not None:
        found += _wear(period, before)
        if before.sufficiency.sufficient:
            found += _changes(period, before, targets, unit)
    found += [_of_pattern(pattern) for pattern in patterns]
    if any(insight.kind == "lows_by_time" and (insight.numbers.get("minute_to") or 1440) <= 360 for insight in found):
        found = [insight for insight in found if insight.kind != "overnight_lows"]
    found.sort(key=lambda insight: _ORDER.index(insight.kind))
    return tuple(found[:LONGEST_LIST])


def _insufficient(period: PeriodSummary) -> Insight:
    reason = period.sufficiency.reason or "not enough data"
    return _insight(
        period,
        "sufficiency",
        "note",
        reason[0].upper() + reason[1:],
        "Fewer than 70 % of the expected readings in the window; nothing else is said.",
        numbers={"days": period.sufficiency.days, "days_needed": float(period.sufficiency.days_needed)},
    )


def _goals(period: PeriodSummary, targets: Targets, unit: Unit) -> list[Insight]:
    metrics, low, high = period.metrics, glucose_unit(targets.low, unit), glucose_unit(targets.high, unit)
    very_low = glucose_unit(54, unit)
    limits: tuple[tuple[str, str, float | None, float | None, Callable[[float, float], bool]], ...] = (
        ("very_low_goal", f"below {very_low}", metrics.below_54_percent, targets.goal_very_low, float.__ge__),
        ("below_goal", f"below {low}", metrics.target_below_percent, targets.goal_below, float.__ge__),
        ("above_goal", f"above {high}", metrics.target_above_percent, targets.goal_above, float.__ge__),
        ("in_range_goal", f"from {low} to {high}", metrics.target_in_percent, targets.goal_in_range, float.__le__),
    )
    found = []
    for kind, where, value, goal, missed in limits:
        if value is None or goal is None:
            continue
        more = kind == "in_range_goal"
        if not missed(float(value), float(goal)):
            if more:
                text = f"{_percent(value)} of the time was {where} in {period.days} days; the goal of {goal:g} % is met"
                rule, numbers = "Time in range above its goal.", {"percent": value, "goal": goal}
                found.append(_insight(period, kind, "better", text, rule, numbers=numbers))
            continue
        sign = "more" if more else "less"
        text = f"{_percent(value)} of the time was {where} in {period.days} days; the goal is {sign} than {goal:g} %"
        rule = "Share of worn time against the goal of the person's profile."
        found.append(_insight(period, kind, "worse", text, rule, numbers={"percent": value, "goal": goal}))
    return found


def _variability(period: PeriodSummary) -> list[Insight]:
    cv = period.metrics.cv_percent
    if cv is None or cv <= CV_GOAL:
        return []
    text = f"Glucose swung widely: CV {cv:.0f} % in {period.days} days, {CV_GOAL:.0f} % or less counts as stable"
    return [_insight(period, "variability", "worse", text, "CV above 36 % (consensus 2019).", numbers={"cv": cv})]


def _changes(period: PeriodSummary, before: PeriodSummary, targets: Targets, unit: Unit) -> list[Insight]:
    found = []
    inside = _pair(period.metrics, before.metrics, "target_in_percent")
    if inside and abs(inside[0] - inside[1]) >= MEANINGFUL_TIR:
        rose = inside[0] > inside[1]
        text = f"Time in range {_moved(rose)} from {inside[1]:.0f} % to {inside[0]:.0f} % in {period.days} days"
        rule = "Change of at least 5 percentage points against the period before (consensus 2023)."
        numbers = {"percent": inside[0], "before": inside[1]}
        found.append(_insight(period, "in_range_change", "better" if rose else "worse", text, rule, numbers=numbers))
    below = _pair(period.metrics, before.metrics, "target_below_percent")
    if below and abs(below[0] - below[1]) >= MEANINGFUL_LOW:
        rose = below[0] > below[1]
        where = glucose_unit(targets.low, unit)
        text = f"Time below {where} {_moved(rose)} from {below[1]:.1f} % to {below[0]:.1f} % in {period.days} days"
        rule = "Change of at least 1 percentage point against the period before."
        numbers = {"percent": below[0], "before": below[1]}
        found.append(_insight(period, "below_change", "worse" if rose else "better", text, rule, numbers=numbers))
    return found


def _wear(period: PeriodSummary, before: PeriodSummary) -> list[Insight]:
    worn = _pair(period.metrics, before.metrics, "active_percent")
    if not worn or worn[1] - worn[0] < WEAR_DROP:
        return []
    text = f"The sensor was active {worn[0]:.0f} % of the time, down from {worn[1]:.0f} %"
    rule = "Percent active at least 10 points lower than in the period before."
    numbers = {"percent": worn[0], "before": worn[1]}
    return [_insight(period, "sensor_active", "note", text, rule, numbers=numbers)]


def _of_pattern(pattern: Pattern) -> Insight:
    numbers = dict(pattern.numbers) | {"days_with": pattern.days_with, "days_of": pattern.days_of}
    if pattern.minute_from is not None and pattern.minute_to is not None:
        numbers |= {"minute_from": pattern.minute_from, "minute_to": pattern.minute_to}
    if pattern.p_value is not None:
        numbers["p_value"] = pattern.p_value
    worse = pattern.kind in SUGGESTIONS
    return Insight(
        kind=pattern.kind,
        tone="worse" if worse else "note",
        text=pattern.text[0].upper() + pattern.text[1:],
        rule=pattern.rule,
        start=pattern.start,
        end=pattern.end,
        numbers=numbers,
        dates=pattern.dates,
        suggestion=SUGGESTIONS.get(pattern.kind),
    )


def _insight(
    period: PeriodSummary, kind: str, tone: Tone, text: str, rule: str, numbers: dict[str, float] | None = None
) -> Insight:
    suggestion = SUGGESTIONS.get(kind) if tone == "worse" else None
    return Insight(
        kind=kind,
        tone=tone,
        text=text,
        rule=rule,
        start=period.start,
        end=period.end,
        numbers=numbers or {},
        suggestion=suggestion,
    )


def _pair(now: Metrics, before: Metrics, name: str) -> tuple[float, float] | None:
    new, old = getattr(now, name), getattr(before, name)
    return None if new is None or old is None else (new, old)


def _moved(rose: bool) -> str:
    return "rose" if rose else "fell"


def _percent(value: float) -> str:
    return f"{value:.0f} %" if value >= 10 else f"{value:.1f} %"
