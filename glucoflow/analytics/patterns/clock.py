"""Lows and highs that come back at the same time of day, on the same weekday, or overnight."""

from datetime import date

import numpy as np

from glucoflow.analytics.days import BLOCK_MINUTES, BLOCKS, BlockTable, block_table, day_table
from glucoflow.analytics.patterns.pattern import SIGNIFICANT, Pattern, PatternKind, Question
from glucoflow.analytics.resampling import drawn_at_least
from glucoflow.analytics.series import Bools, date_of, day_number
from glucoflow.model.units import glucose_unit
from glucoflow.model.words import clock

EPISODE_MINUTES = 15
FEWEST_DAYS = 3
FEWEST_SHARE = 0.2
FEWEST_WEEKS = 4
NIGHT_BLOCKS = 3
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
OVERNIGHT_RULE = "At least 15 minutes low between 00:00 and 06:00 on 2 nights or more, and on over one night in seven."


def by_time(question: Question) -> list[Pattern]:
    """Recurring lows, then recurring highs, each by two-hour blocks; neighbouring blocks are one pattern."""
    table = block_table(question.series, question.start, question.end, question.targets)
    return [
        *_recurring(question, table, table.low >= EPISODE_MINUTES, "lows_by_time"),
        *_recurring(question, table, table.high >= EPISODE_MINUTES, "highs_by_time"),
    ]


def by_weekday(question: Question) -> list[Pattern]:
    """Weekdays with a low, and weekdays with more time above range than the goal allows."""
    table = day_table(question.series, question.start, question.end, question.targets)
    worn_minutes = table.covered * 1440
    allowed = question.targets.goal_above if question.targets.goal_above is not None else 25.0
    with np.errstate(invalid="ignore"):
        lows = table.enough & (table.below / 100 * worn_minutes >= EPISODE_MINUTES)
        highs = table.enough & (table.above > allowed)
    high_words = f"more than {allowed:g} % of the time above {glucose_unit(question.targets.high, question.unit)}"
    return [
        *_weekdays(question, lows, table.enough, "lows_by_weekday", "lows"),
        *_weekdays(question, highs, table.enough, "highs_by_weekday", high_words),
    ]


def overnight(question: Question) -> list[Pattern]:
    """Nights with a low."""
    table = block_table(question.series, question.start, question.end, question.targets)
    worn = table.enough[:, :NIGHT_BLOCKS].all(axis=1)
    low = worn & (table.low[:, :NIGHT_BLOCKS].sum(axis=1) >= EPISODE_MINUTES)
    nights, of = int(low.sum()), int(worn.sum())
    if nights < 2 or nights <= NIGHT_SHARE * of:
        return []
    return [
        Pattern(
            kind="overnight_lows",
            text=f"lows between 00:00 and 06:00 on {nights} of {of} nights",
            days_with=nights,
            days_of=of,
            rule=OVERNIGHT_RULE,
            start=question.start,
            end=question.end,
            dates=_dates(question, low),
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


def _weekdays(question: Question, event: Bools, worn: Bools, kind: PatternKind, words: str) -> list[Pattern]:
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
