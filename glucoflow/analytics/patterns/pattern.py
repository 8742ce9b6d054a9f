"""What a pattern is, and what the rules that look for them share."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

import msgspec

from glucoflow.analytics.series import Series
from glucoflow.model.targets import Targets
from glucoflow.model.units import MG_DL, Unit

PatternKind = Literal[
    "lows_by_time",
    "highs_by_time",
    "lows_by_weekday",
    "highs_by_weekday",
    "overnight_lows",
    "after_meals",
    "dawn_rise",
    "rebound_highs",
    "weekend",
    "sensor_change",
    "best_day",
]

SIGNIFICANT = 0.05
"""A pattern is shown when chance alone would give it in fewer than 1 of 20 windows, after correction for the number of
hours or weekdays looked at (Bonferroni)."""


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """One finding with what it stands on. `dates` are the days to look at; `days_with` of `days_of` had it.

    `text` is a phrase without a full stop, glucose in the person's unit; `numbers` are in mg/dL, percent and minutes.
    `p_value` is None where the rule is a plain threshold. `rule` says in words when this pattern is shown.
    """

    kind: PatternKind
    text: str
    days_with: int
    days_of: int
    rule: str
    start: date
    end: date
    dates: tuple[date, ...]
    numbers: dict[str, float] = {}
    p_value: float | None = None
    minute_from: int | None = None
    minute_to: int | None = None
    weekday: int | None = None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What patterns are looked for in: a series over the local days [start, end), and what else is known of them."""

    series: Series
    start: date
    end: date
    targets: Targets
    meals: Sequence[datetime] = ()
    sensor_starts: Sequence[datetime] = ()
    unit: Unit = MG_DL
    seed: int = 0
