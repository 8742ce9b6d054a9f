"""A short list per person of what matters now: what is off its goal, what changed, what comes back.

Plain language, no dose, no cause. A suggestion is always of the kind "talk to your care team about …". At most five,
the most important first: lows, then very high glucose, then the sensor's wear, then the rest. Nothing is said twice.
"""

from collections.abc import Sequence
from datetime import date
from typing import Literal

import msgspec

from glucoflow.analytics.patterns.pattern import Pattern, PatternKind
from glucoflow.analytics.summary import PeriodSummary
from glucoflow.model.goals import Goal, goals_of, share
from glucoflow.model.said import Said, capital, digits, joined, listed, said, said_n
from glucoflow.model.targets import CV_GOAL, PROFILES, Targets
from glucoflow.model.units import MG_DL, Unit, glucose, glucose_unit
from glucoflow.model.words import number

Tone = Literal["better", "worse", "note"]
LONGEST_LIST = 5
WEAR_DROP = 10.0
GOAL_RULE = said("The exact share of worn time against the goal of the person's profile (consensus 2019).")


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


SUGGESTIONS: dict[str, Said] = {
    "below_goal": said("Talk to your care team about how to avoid lows."),
    "very_low_goal": said("Talk to your care team soon about these very low values."),
    "very_high_goal": said("Talk to your care team about these very high values."),
    "lows_by_time": said("Talk to your care team about the hours before this time."),
    "overnight_lows": said("Talk to your care team about your nights."),
    "lows_by_weekday": said("Talk to your care team about what is different on this weekday."),
    "highs_by_time": said("Talk to your care team about the hours before this time."),
    "highs_by_weekday": said("Talk to your care team about what is different on this weekday."),
    "after_meals": said("Talk to your care team about these meals and their timing."),
    "dawn_rise": said("Talk to your care team about the rise in the early morning."),
    "rebound_highs": said("Talk to your care team about how you treat lows."),
    "variability": said("Talk to your care team about what makes your glucose swing."),
}
_ORDER = (
    "very_low_goal",
    "below_goal",
    "lows_by_time",
    "overnight_lows",
    "very_high_goal",
    "sensor_active",
    "in_range_change",
    "below_change",
    "in_range_goal",
    "above_goal",
    "highs_by_time",
    "after_meals",
    "variability",
    "lows_by_weekday",
    "rebound_highs",
    "dawn_rise",
    "highs_by_weekday",
    "weekend",
    "sensor_change",
    "best_day",
)
_SAME_THING: dict[PatternKind, PatternKind] = {"overnight_lows": "lows_by_time", "after_meals": "highs_by_time"}
"""What says again, of nights and of meals, what the hours have said."""


def insights_of(
    period: PeriodSummary,
    before: PeriodSummary | None = None,
    patterns: Sequence[Pattern] = (),
    targets: Targets = PROFILES["adult"],
    unit: Unit = MG_DL,
) -> tuple[Insight, ...]:
    """At most five insights, the most important first. `before` is the equally long period before.

    Without sufficient data there is one insight, which says what is missing. Patterns, among them changes against the
    period before, should be of the same window; they were tested where they were found.
    """
    if not period.sufficiency.sufficient:
        return (_insufficient(period),)
    found = [*_goals(period, targets, unit), *_variability(period)]
    if before is not None:
        found += _wear(period, before)
    found += _of_patterns(patterns)
    found.sort(key=lambda insight: _ORDER.index(insight.kind))
    return tuple(found[:LONGEST_LIST])


def _insufficient(period: PeriodSummary) -> Insight:
    reason = period.sufficiency.reason or said("not enough data")
    return _insight(
        period,
        "sufficiency",
        "note",
        capital(reason),
        said("Fewer than 70 %% of the expected readings in the window; nothing else is said."),
        numbers={"days": period.sufficiency.days, "days_needed": float(period.sufficiency.days_needed)},
    )


def _goals(period: PeriodSummary, targets: Targets, unit: Unit) -> list[Insight]:
    """Goals that are missed, each side once: the deeper one names the wider one too; and the range where it is met."""
    metrics, goals = period.metrics, goals_of(targets)
    low, high = glucose_unit(targets.low, unit), glucose_unit(targets.high, unit)
    places: dict[str, tuple[Said, float | None]] = {
        "very_low": (said("below %(limit)s", limit=glucose_unit(targets.very_low, unit)), metrics.below_54_percent),
        "below": (said("below %(limit)s", limit=low), metrics.target_below_percent),
        "very_high": (said("above %(limit)s", limit=glucose_unit(targets.very_high, unit)), metrics.above_250_percent),
        "above": (said("above %(limit)s", limit=high), metrics.target_above_percent),
        "in_range": (
            said("from %(low)s to %(high)s", low=glucose(targets.low, unit), high=high),
            metrics.target_in_percent,
        ),
    }
    missed = {name: goal for name, goal in goals.items() if _missed(goal, places[name][1])}
    found = []
    for deeper, wider in (("very_low", "below"), ("very_high", "above")):
        named = [name for name in (deeper, wider) if name in missed]
        if named:
            found.append(_off_goal(period, named, missed, places))
    inside = goals.get("in_range")
    if inside is not None and places["in_range"][1] is not None:
        found.append(_range(period, inside, *places["in_range"]))
    return found


def _missed(goal: Goal, percent: float | None) -> bool:
    return percent is not None and not goal.met(percent)


def _off_goal(
    period: PeriodSummary, named: Sequence[str], missed: dict[str, Goal], places: dict[str, tuple[Said, float | None]]
) -> Insight:
    parts = [
        said(
            "%(share)s was %(where)s (%(goal)s)",
            share=share(places[name][1], missed[name]),
            where=places[name][0],
            goal=missed[name].words,
        )
        for name in named
    ]
    minutes = (places[named[0]][1] or 0) / 100 * 1440
    text = said_n(
        "In %(n)s day, %(shares)s; that is %(time)s %(where)s",
        "In %(n)s days, %(shares)s; that is %(time)s %(where)s",
        period.days,
        shares=listed(parts),
        time=_a_day(minutes),
        where=places[named[0]][0],
    )
    numbers = {"percent": places[named[0]][1] or 0.0, "goal": missed[named[0]].percent}
    return _insight(period, f"{named[0]}_goal", "worse", text, GOAL_RULE, numbers)


def _range(period: PeriodSummary, goal: Goal, where: str, percent: float | None) -> Insight:
    value = percent or 0.0
    met = goal.met(value)
    percent_set = digits(f"{goal.percent:g}")
    if met:
        end = said("the goal of %(p)s %% is met", p=percent_set)
    else:
        end = said("the goal is more than %(p)s %%", p=percent_set)
    text = said_n(
        "%(share)s of the time was %(where)s in %(n)s day; %(verdict)s",
        "%(share)s of the time was %(where)s in %(n)s days; %(verdict)s",
        period.days,
        share=share(value, goal),
        where=where,
        verdict=end,
    )
    numbers = {"percent": value, "goal": goal.percent}
    return _insight(period, "in_range_goal", "better" if met else "worse", text, GOAL_RULE, numbers)


def _variability(period: PeriodSummary) -> list[Insight]:
    cv = period.metrics.cv_percent
    if cv is None or cv <= CV_GOAL:
        return []
    shown = share(cv, Goal("in_range", CV_GOAL))
    text = said_n(
        "Glucose swung widely in %(n)s day: CV %(cv)s, %(goal)s %% or less counts as stable",
        "Glucose swung widely in %(n)s days: CV %(cv)s, %(goal)s %% or less counts as stable",
        period.days,
        cv=shown,
        goal=f"{CV_GOAL:.0f}",
    )
    return [_insight(period, "variability", "worse", text, said("CV above 36 %% (consensus 2019)."), {"cv": cv})]


def _wear(period: PeriodSummary, before: PeriodSummary) -> list[Insight]:
    now, then = period.metrics.active_percent, before.metrics.active_percent
    if now is None or then is None or not before.metrics.n or then - now < WEAR_DROP:
        return []
    text = said(
        "The sensor was active %(now)s of the time, down from %(then)s in the %(n)s days before",
        now=share(now),
        then=share(then),
        n=period.days,
    )
    rule = said("Percent active at least 10 points lower than in the period before.")
    return [_insight(period, "sensor_active", "note", text, rule, {"percent": now, "before": then})]


def _of_patterns(patterns: Sequence[Pattern]) -> list[Insight]:
    """One insight a kind: several hours, or weekdays, are one thing to say."""
    kinds = {pattern.kind for pattern in patterns}
    grouped: dict[PatternKind, list[Pattern]] = {}
    for pattern in patterns:
        if _SAME_THING.get(pattern.kind) not in kinds:
            grouped.setdefault(pattern.kind, []).append(pattern)
    return [_of_pattern(group) for group in grouped.values()]


def _of_pattern(group: Sequence[Pattern]) -> Insight:
    first = group[0]
    numbers = dict(first.numbers) | {"days_with": first.days_with, "days_of": first.days_of}
    if len(group) == 1 and first.minute_from is not None and first.minute_to is not None:
        numbers |= {"minute_from": first.minute_from, "minute_to": first.minute_to}
    if first.p_value:
        numbers["p_value"] = max(pattern.p_value for pattern in group)
    text = joined("; ", (pattern.text for pattern in group))
    tone: Tone = "worse" if first.kind in SUGGESTIONS else "note"
    if first.kind in ("in_range_change", "below_change"):
        rose = first.numbers["difference"] > 0
        tone = "better" if rose == (first.kind == "in_range_change") else "worse"
    return Insight(
        kind=first.kind,
        tone=tone,
        text=capital(text),
        rule=first.rule,
        start=first.start,
        end=first.end,
        numbers=numbers,
        dates=tuple(sorted({day for pattern in group for day in pattern.dates})),
        suggestion=SUGGESTIONS.get(first.kind),
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


def _a_day(minutes: float) -> Said:
    """`17 min a day`, `3.8 h a day`."""
    if minutes >= 90:
        return said("%(n)s h a day", n=number(minutes / 60))
    return said("%(n)s min a day", n=max(1, round(minutes)))
