"""Patterns in a person's glucose: what comes back, how often, on which days, and by which rule it counts as one."""

from collections.abc import Sequence
from datetime import date, datetime

from glucoflow.analytics.patterns.around import after_meals, dawn, rebound
from glucoflow.analytics.patterns.clock import by_time, by_weekday, overnight
from glucoflow.analytics.patterns.meals import MealResponse, meal_responses
from glucoflow.analytics.patterns.pattern import Pattern, Question
from glucoflow.analytics.patterns.weeks import best_day, sensor_change, weekend
from glucoflow.analytics.series import Series
from glucoflow.model.targets import PROFILES, Targets
from glucoflow.model.units import MG_DL, Unit

__all__ = ["MealResponse", "Pattern", "find_patterns", "meal_responses"]


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

    `meals` are times of food, `sensor_starts` of new sensors; without them their patterns are not looked for. The same
    `seed` gives the same intervals.
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
    rules = (by_time, overnight, by_weekday, rebound, after_meals, dawn, weekend, sensor_change, best_day)
    return tuple(pattern for rule in rules for pattern in rule(question))
