"""What a pattern is, and what the rules that look for them share."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Literal

import msgspec

from glucoflow.analytics.resampling import Difference
from glucoflow.analytics.series import Series
from glucoflow.model.said import Said, said
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
    "in_range_change",
    "below_change",
]

SIGNIFICANT = 0.05
"""All tests of a window together say something by chance alone in at most 1 of 20 windows: each is corrected for the
hours, weekdays or meals it looked at (Bonferroni), and all for each other (Holm)."""


class Pattern(msgspec.Struct, frozen=True, kw_only=True):
    """One finding with what it stands on. `dates` are the days to look at; `days_with` of `days_of` had it.

    `text` is a phrase without a full stop, glucose in the person's unit; `numbers` are in mg/dL, percent and minutes.
    `p_value` is how often chance alone would show as much in one test; 0 where nothing is inferred (the best day).
    `rule` says in words when this pattern is shown.
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
    p_value: float = 0.0
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


def of_difference(
    question: Question,
    kind: PatternKind,
    text: str,
    rule: str,
    found: Difference,
    dates: tuple[date, ...] = (),
    **numbers: float,
) -> Pattern:
    """Of days with something against days without."""
    return Pattern(
        kind=kind,
        text=text,
        days_with=found.n_with,
        days_of=found.n_with + found.n_without,
        rule=rule,
        start=question.start,
        end=question.end,
        dates=dates,
        numbers={**numbers, "difference": found.difference, "low": found.low, "high": found.high},
        p_value=found.p_value,
    )


def interval_words(difference: float, low: float, high: float) -> Said:
    """`by 7 points, 95 % interval 3 to 11`: a difference and its 95 % interval, away from zero."""
    ends = sorted((low, high), key=abs)
    return said(
        "by %(n)s points, 95 %% interval %(low)s to %(high)s",
        n=f"{abs(difference):.0f}",
        low=f"{abs(ends[0]):.0f}",
        high=f"{abs(ends[1]):.0f}",
    )
