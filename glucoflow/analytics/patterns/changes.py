"""This period against the equally long one before it, day by day."""

from datetime import timedelta

import numpy as np

from glucoflow.analytics.days import day_table
from glucoflow.analytics.patterns.pattern import Pattern, PatternKind, Question, interval_words, of_difference
from glucoflow.analytics.resampling import difference_of_days
from glucoflow.analytics.series import Bools, Floats, day_number
from glucoflow.model.goals import share
from glucoflow.model.said import Said, digits, said, said_n
from glucoflow.model.units import glucose_unit

MEANINGFUL_TIR = 5.0
"""Percentage points: the change in time in range that the consensus of 2023 calls meaningful for one person."""
MEANINGFUL_LOW = 1.0
FEWEST_SHARE = 0.7
"""Of the days of each period, worn for 70 %."""


def in_range_change(question: Question) -> list[Pattern] | None:
    """Time in range."""
    return _change(question, "in_range_change", MEANINGFUL_TIR)


def below_change(question: Question) -> list[Pattern] | None:
    """Time below the person's range."""
    return _change(question, "below_change", MEANINGFUL_LOW)


def _change(question: Question, kind: PatternKind, meaningful: float) -> list[Pattern] | None:
    length = (question.end - question.start).days
    earlier = question.start - timedelta(days=length)
    table = day_table(question.series, earlier, question.end, question.targets)
    values: Floats = table.in_range if kind == "in_range_change" else table.below
    worn, now = table.enough, np.arange(2 * length) >= length
    if min(int((worn & now).sum()), int((worn & ~now).sum())) < FEWEST_SHARE * length:
        return None
    days = day_number(earlier) + np.flatnonzero(worn)
    mine: Bools = now[worn]
    found = difference_of_days(days, values[worn], mine.tolist(), question.seed)
    if abs(found.difference) < meaningful:
        return []
    if kind == "in_range_change":
        what = said("time in range")
    else:
        what = said("time below %(limit)s", limit=glucose_unit(question.targets.low, question.unit))
    told: dict[str, object] = {
        "what": what,
        "before": share(found.mean_without),
        "now": share(found.mean_with),
        "n": length,
        "interval": interval_words(found.difference, found.low, found.high),
    }
    if found.difference > 0:
        text = said("%(what)s rose from %(before)s to %(now)s in %(n)s days (%(interval)s)", **told)
    else:
        text = said("%(what)s fell from %(before)s to %(now)s in %(n)s days (%(interval)s)", **told)
    percent, before = found.mean_with, found.mean_without
    return [of_difference(question, kind, text, _rule(meaningful), found, percent=percent, before=before)]


def _rule(points: float) -> Said:
    return said_n(
        "At least %(points)s percentage point more or less than in as many days before, both worn for 70 %% on 70 %% "
        "of their days, and more than chance does with days of which neighbours are alike.",
        "At least %(points)s percentage points more or less than in as many days before, both worn for 70 %% on 70 %% "
        "of their days, and more than chance does with days of which neighbours are alike.",
        points,
        points=digits(f"{points:g}"),
    )
