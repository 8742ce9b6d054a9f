"""Days against days: weekdays and weekends, days of a new sensor, the best day."""

from datetime import date, datetime

import numpy as np

from glucoflow.analytics.days import DayTable, day_table
from glucoflow.analytics.patterns.pattern import Pattern, PatternKind, Question, interval_words, of_difference
from glucoflow.analytics.resampling import difference_of_days
from glucoflow.analytics.series import Bools, date_of, day_number, epoch_ms
from glucoflow.model.goals import share
from glucoflow.model.localtime import DAY_MS, MINUTE_MS
from glucoflow.model.said import Said, long_day_said, said

FEWEST_EACH = 4
FEWEST_CHANGES = 3
FEWEST_FOR_BEST = 7
WORTH_SAYING = 5.0
"""Percentage points of time in range: the change the consensus of 2023 calls meaningful for one person."""

BEST_RULE = said("The day with the most time in range among at least 7 days worn for 70 %%; the earliest of equals.")


def weekend(question: Question) -> list[Pattern] | None:
    """Saturdays and Sundays against the other days."""
    table = _table(question)
    return _differing(question, table, table.weekday >= 6, "weekend", FEWEST_EACH)


def sensor_change(question: Question) -> list[Pattern] | None:
    """Days on which a sensor was started against all others."""
    table = _table(question)
    changes = {_local_date(question, moment) for moment in question.sensor_starts}
    days = table.dates(np.ones(table.covered.size, dtype=np.bool_))
    mask = np.array([day in changes for day in days], dtype=np.bool_)
    return _differing(question, table, mask, "sensor_change", FEWEST_CHANGES)


def best_day(question: Question) -> list[Pattern]:
    """The day with the most time in range."""
    table = _table(question)
    if int(table.enough.sum()) < FEWEST_FOR_BEST:
        return []
    best = int(np.where(table.enough, np.nan_to_num(table.in_range), -1).argmax())
    day = table.dates(np.arange(table.covered.size) == best)[0]
    best_share = float(table.in_range[best])
    return [
        Pattern(
            kind="best_day",
            text=said(
                "the best day was %(day)s with %(share)s in range", day=long_day_said(day), share=share(best_share)
            ),
            days_with=1,
            days_of=int(table.enough.sum()),
            rule=BEST_RULE,
            start=question.start,
            end=question.end,
            dates=(day,),
            numbers={"in_range_percent": best_share},
        )
    ]


def _table(question: Question) -> DayTable:
    return day_table(question.series, question.start, question.end, question.targets)


def _differing(
    question: Question, table: DayTable, mask: Bools, kind: PatternKind, fewest: int
) -> list[Pattern] | None:
    mine, others = mask & table.enough, ~mask & table.enough
    if mine.sum() < fewest or others.sum() < fewest:
        return None
    days = day_number(table.first) + np.flatnonzero(table.enough)
    found = difference_of_days(days, table.in_range[table.enough], mask[table.enough].tolist(), question.seed)
    if abs(found.difference) < WORTH_SAYING:
        return []
    interval = interval_words(found.difference, found.low, found.high)
    values: dict[str, object] = {
        "here": share(found.mean_with),
        "there": share(found.mean_without),
        "difference": said("more %(interval)s", interval=interval)
        if found.difference > 0
        else said("less %(interval)s", interval=interval),
    }
    if kind == "weekend":
        text = said("%(here)s in range at weekends and %(there)s on weekdays (%(difference)s)", **values)
    else:
        text = said(
            "%(here)s in range on days of a sensor change and %(there)s on other days (%(difference)s)", **values
        )
    return [of_difference(question, kind, text, _rule(fewest), found, table.dates(mine))]


def _local_date(question: Question, moment: datetime) -> date:
    used = question.series.used
    at = epoch_ms(moment)
    nearest = min(int(np.searchsorted(used.utc, at)), max(0, len(used) - 1))
    offset = int(used.offset_min[nearest]) if len(used) else 0
    return date_of((at + offset * MINUTE_MS) // DAY_MS)


def _rule(fewest: int) -> Said:
    return said(
        "Time in range of days worn for 70 %% differs by at least 5 percentage points, more than chance does with days "
        "of which neighbours are alike; at least %(fewest)s days a side.",
        fewest=fewest,
    )
