"""Patterns in a person's glucose: what comes back or changed, how often, on which days, by which rule, how surely.

Every rule is one test of the person's days. All tests made for a window are held together by Holm's procedure: where
nothing is going on, something is said in at most 1 of 20 windows. `benchmarks/chance.py` shows it by simulation.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime

from glucoflow.analytics.patterns.around import after_meals, dawn, rebound
from glucoflow.analytics.patterns.changes import below_change, in_range_change
from glucoflow.analytics.patterns.meals import MealResponse, meal_responses
from glucoflow.analytics.patterns.pattern import SIGNIFICANT, Pattern, Question
from glucoflow.analytics.patterns.time_of_day import (
    highs_by_time,
    highs_by_weekday,
    lows_by_time,
    lows_by_weekday,
    overnight,
)
from glucoflow.analytics.patterns.weeks import best_day, sensor_change, weekend
from glucoflow.analytics.resampling import holm
from glucoflow.analytics.series import Series
from glucoflow.model.targets import PROFILES, Targets
from glucoflow.model.units import MG_DL, Unit

__all__ = ["MealResponse", "Pattern", "find_patterns", "meal_responses"]

Rule = Callable[[Question], list[Pattern] | None]
"""Patterns with the chance of each, corrected for the places looked at; None where there is too little to ask."""

RULES: tuple[Rule, ...] = (
    lows_by_time,
    highs_by_time,
    overnight,
    lows_by_weekday,
    highs_by_weekday,
    rebound,
    after_meals,
    dawn,
    weekend,
    sensor_change,
    in_range_change,
    below_change,
)


def find_patterns(
    series: Series,
    start: date,
    end: date,
    targets: Targets = PROFILES["adult"],
    *,
    meals: Sequence[datetime] = (),
    sensor_starts: Sequence[datetime] = (),
    unit: Unit = MG_DL,
    seed: int = 0,
) -> tuple[Pattern, ...]:
    """Every pattern of the local days [start, end) whose rule is met, in a fixed order; none is a normal answer.

    A change is found where the series reaches back twice as far. `meals` are times of food, `sensor_starts` of new
    sensors; without them their patterns are not looked for. The same `seed` gives the same intervals.
    """
    question = Question(
        series=series,
        start=start,
        end=end,
        targets=targets,
        meals=meals,
        sensor_starts=sensor_starts,
        unit=unit,
        seed=seed,
    )
    asked = [found for rule in RULES if (found := rule(question)) is not None]
    levels = holm([min((pattern.p_value for pattern in found), default=1.0) for found in asked], SIGNIFICANT)
    kept = [p for found, level in zip(asked, levels, strict=True) for p in found if p.p_value < level]
    return (*kept, *best_day(question))
