"""Lows and highs that come back at the same time of day, on the same weekday, or overnight."""

from datetime import date

import numpy as np

from glucoflow.analytics.days import BLOCK_MINUTES, BLOCKS, BlockTable, block_table, day_table
from glucoflow.analytics.patterns.pattern import SIGNIFICANT, Pattern, PatternKind, Question
from glucoflow.analytics.resampling import at_least_of, drawn_at_least
from glucoflow.analytics.series import Bools, date_of, day_number
from glucoflow.model.units import glucose_unit
from glucoflow.model.words import clock, count

EPISODE_MINUTES = 15
FEWEST_DAYS = 3
FEWEST_SHARE = 0.2
FEWEST_WEEKS = 4
NIGHT_BLOCKS = 3
QUARTERS = 4
FEWEST_NIGHTS = 3
NIGHT_SHARE = 1 / 7
WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")

BY_TIME_RULE = (
    "At least 15 minutes {side} in the same two hours on at least 3 days and on 20 % of the days worn then, and more "
    "often than in the other hours: Fisher's exact test, p below 0.05 corrected for 12 blocks."
)
BY_WEEKDAY_RULE = (
    "On at least 3 and at least half of 4 or more such weekdays, and more often than on the other weekdays: "
    "Fisher's exact test, p below 0.05 corrected for 7 weekdays."
)
OVERNIGHT_RULE = (
    "At least 15 minutes low between 00:00 and 06:00 on 3 nights or more, on over one night in seven, and more often "
    "than in the other quarters of the same days (exact permutation test within days)."
)


def lows_by_time(question: Question) -> list[Pattern]:
    """Recurring lows by two-hour blocks; neighbouring blocks are one pattern."""
    table = block_table(question.series, question.start, question.end, question.targets)
    return _recurring(question, table, table.low >= EPISODE_MINUTES, "lows_by_time")


def highs_by_time(question: Question) -> list[Pattern]:
    """Recurring highs likewise."""
    table = block_table(question.series, question.start, question.end, question.targets)
    return _recurring(question, table, table.high >= EPISODE_MINUTES, "highs_by_time")


def lows_by_weekday(question: Question) -> list[Pattern] | None:
    """Weekdays with a low."""
    table = day_table(question.series, question.start, question.end, question.targets)
    with np.errstate(invalid="ignore"):
        lows = table.enough & (table.below / 100 * table.covered * 1440 >= EPISODE_MINUTES)
    return _weekdays(question, lows, table.enough, "lows_by_weekday", "lows")


def highs_by_weekday(question: Question) -> list[Pattern] | None:
    """Weekdays with more time above range than the goal allows."""
    table = day_table(question.series, question.start, question.end, question.targets)
    allowed = question.targets.goal_above if question.targets.goal_above is not None else 25.0
    with np.errstate(invalid="ignore"):
        highs = table.enough & (table.above > allowed)
    words = f"more than {allowed:g} % of the time above {glucose_unit(question.targets.high, question.unit)}"
    return _weekdays(question, highs, table.enough, "highs_by_weekday", words)


def overnight(question: Question) -> list[Pattern] | None:
    """Nights with a low, against the other three quarters of the same days.

    Days on which everything is low say nothing of nights: within each day the quarters are taken as exchangeable.
    """
    table = block_table(question.series, question.start, question.end, question.targets)
    quarters = table.low.reshape(-1, QUARTERS, NIGHT_BLOCKS).sum(axis=2)
    worn: Bools = np.asarray(table.enough.reshape(-1, QUARTERS, NIGHT_BLOCKS).all(axis=2))
    low: Bools = np.logical_and(worn, quarters >= EPISODE_MINUTES)
    nights, of = int(low[:, 0].sum()), int(worn[:, 0].sum())
    if not of:
        return None
    # A day of one quarter alone compares nothing: its night is as sure to be low as the day is.
    chances = [float(low[day].sum() / worn[day].sum()) for day in np.flatnonzero(worn[:, 0])]
    if nights < FEWEST_NIGHTS or nights <= NIGHT_SHARE * of:
        return []
    return [
        Pattern(
            kind="overnight_lows",
            text=f"lows between 00:00 and 06:00 on {nights} of {count(of, 'night')}",
            days_with=nights,
            days_of=of,
            rule=OVERNIGHT_RULE,
            start=question.start,
            end=question.end,
            dates=_dates(question, low[:, 0]),
            p_value=at_least_of(nights, chances),
            minute_from=0,
            minute_to=360,
        )
    ]


def _recurring(question: Question, table: BlockTable, event: Bools, kind: PatternKind) -> list[Pattern]:
    worn = table.enough
    hits, trials = (event & worn).sum(axis=0), worn.sum(axis=0)
    chances = [_chance(int(hits[b]), int(trials[b]), int(hits.sum()), int(trials.sum()), BLOCKS) for b in range(BLOCKS)]
    chosen = [
        b
        for b in range(BLOCKS)
        if chances[b] < SIGNIFICANT and hits[b] >= FEWEST_DAYS and hits[b] >= FEWEST_SHARE * trials[b]
    ]
    side = "low" if kind == "lows_by_time" else "high"
    found = []
    for first, last in _neighbours(chosen):
        part = slice(first, last + 1)
        days: Bools = np.asarray((event & worn)[:, part].any(axis=1))
        of = int(worn[:, part].any(axis=1).sum())
        begin, end = first * BLOCK_MINUTES, (last + 1) * BLOCK_MINUTES
        unit = "nights" if end <= 360 else "days"
        found.append(
            Pattern(
                kind=kind,
                text=f"{side}s between {clock(begin)} and {clock(end)} on {int(days.sum())} of {of} {unit}",
                days_with=int(days.sum()),
                days_of=of,
                rule=BY_TIME_RULE.format(side=side),
                start=question.start,
                end=question.end,
                dates=_dates(question, days),
                p_value=min(chances[part]),
                minute_from=begin,
                minute_to=end,
            )
        )
    return found


def _weekdays(question: Question, event: Bools, worn: Bools, kind: PatternKind, words: str) -> list[Pattern] | None:
    weekday = (day_number(question.start) + np.arange(worn.size) + 3) % 7
    found = []
    for k in range(7):
        mine: Bools = weekday == k
        hits, trials = int((event & mine).sum()), int((worn & mine).sum())
        chance = _chance(hits, trials, int(event.sum()), int(worn.sum()), 7)
        if chance < SIGNIFICANT and hits >= FEWEST_DAYS and trials >= FEWEST_WEEKS and 2 * hits >= trials:
            found.append(
                Pattern(
                    kind=kind,
                    text=f"{words} on {hits} of {trials} {WEEKDAYS[k]}",
                    days_with=hits,
                    days_of=trials,
                    rule=BY_WEEKDAY_RULE,
                    start=question.start,
                    end=question.end,
                    dates=_dates(question, event & mine),
                    p_value=chance,
                    weekday=k + 1,
                )
            )
    return found


def _chance(hits: int, trials: int, all_hits: int, all_trials: int, looked_at: int) -> float:
    """The chance that so many of all hits fall here, corrected for the number of places looked at."""
    return min(1.0, looked_at * drawn_at_least(hits, trials, all_hits, all_trials))


def _neighbours(blocks: list[int]) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    for block in blocks:
        if spans and spans[-1][1] == block - 1:
            spans[-1] = (spans[-1][0], block)
        else:
            spans.append((block, block))
    return spans


def _dates(question: Question, mask: Bools) -> tuple[date, ...]:
    first = day_number(question.start)
    return tuple(date_of(first + int(i)) for i in np.flatnonzero(mask))
