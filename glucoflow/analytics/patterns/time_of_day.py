"""Lows and highs that come back at the same time of day, on the same weekday, or overnight."""

from datetime import date

import numpy as np

from glucoflow.analytics.days import BLOCK_MINUTES, BLOCKS, BlockTable, block_table, day_table
from glucoflow.analytics.patterns.pattern import SIGNIFICANT, Pattern, PatternKind, Question
from glucoflow.analytics.resampling import at_least_of, drawn_at_least
from glucoflow.analytics.series import Bools, date_of, day_number
from glucoflow.model.said import Said, digits, said, said_n
from glucoflow.model.units import glucose_unit
from glucoflow.model.words import clock

EPISODE_MINUTES = 15
FEWEST_DAYS = 3
FEWEST_SHARE = 0.2
FEWEST_WEEKS = 4
NIGHT_BLOCKS = 3
QUARTERS = 4
FEWEST_NIGHTS = 3
NIGHT_SHARE = 1 / 7
WEEKDAYS = (
    said("Mondays"),
    said("Tuesdays"),
    said("Wednesdays"),
    said("Thursdays"),
    said("Fridays"),
    said("Saturdays"),
    said("Sundays"),
)

LOWS_BY_TIME_RULE = said(
    "At least 15 minutes low in the same two hours on at least 3 days and on 20 %% of the days worn then, and more "
    "often than in the other hours: Fisher's exact test, p below 0.05 corrected for 12 blocks."
)
HIGHS_BY_TIME_RULE = said(
    "At least 15 minutes high in the same two hours on at least 3 days and on 20 %% of the days worn then, and more "
    "often than in the other hours: Fisher's exact test, p below 0.05 corrected for 12 blocks."
)
BY_WEEKDAY_RULE = said(
    "On at least 3 and at least half of 4 or more such weekdays, and more often than on the other weekdays: "
    "Fisher's exact test, p below 0.05 corrected for 7 weekdays."
)
OVERNIGHT_RULE = said(
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
    return _weekdays(question, lows, table.enough, "lows_by_weekday", said("lows"))


def highs_by_weekday(question: Question) -> list[Pattern] | None:
    """Weekdays with more time above range than the goal allows."""
    table = day_table(question.series, question.start, question.end, question.targets)
    allowed = question.targets.goal_above if question.targets.goal_above is not None else 25.0
    with np.errstate(invalid="ignore"):
        highs = table.enough & (table.above > allowed)
    words = said(
        "more than %(p)s %% of the time above %(limit)s",
        p=digits(f"{allowed:g}"),
        limit=glucose_unit(question.targets.high, question.unit),
    )
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
            text=said_n(
                "lows between %(begin)s and %(end)s on %(hits)s of %(n)s night",
                "lows between %(begin)s and %(end)s on %(hits)s of %(n)s nights",
                of,
                begin=clock(0),
                end=clock(360),
                hits=nights,
            ),
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
    found = []
    for first, last in _neighbours(chosen):
        part = slice(first, last + 1)
        days: Bools = np.asarray((event & worn)[:, part].any(axis=1))
        of = int(worn[:, part].any(axis=1).sum())
        begin, end = first * BLOCK_MINUTES, (last + 1) * BLOCK_MINUTES
        found.append(
            Pattern(
                kind=kind,
                text=_at_hours(kind == "lows_by_time", begin, end, int(days.sum()), of),
                days_with=int(days.sum()),
                days_of=of,
                rule=LOWS_BY_TIME_RULE if kind == "lows_by_time" else HIGHS_BY_TIME_RULE,
                start=question.start,
                end=question.end,
                dates=_dates(question, days),
                p_value=min(chances[part]),
                minute_from=begin,
                minute_to=end,
            )
        )
    return found


def _weekdays(question: Question, event: Bools, worn: Bools, kind: PatternKind, words: Said) -> list[Pattern] | None:
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
                    text=said(
                        "%(what)s on %(hits)s of %(n)s %(weekdays)s",
                        what=words,
                        hits=hits,
                        n=trials,
                        weekdays=WEEKDAYS[k],
                    ),
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


def _at_hours(low: bool, begin: int, end: int, hits: int, of: int) -> Said:
    """`lows between 02:00 and 04:00 on 5 of 14 nights`; of days where the hours are not all in the night."""
    values: dict[str, object] = {"begin": clock(begin), "end": clock(end), "hits": hits}
    if end <= 360 and low:
        return said_n(
            "lows between %(begin)s and %(end)s on %(hits)s of %(n)s night",
            "lows between %(begin)s and %(end)s on %(hits)s of %(n)s nights",
            of,
            **values,
        )
    if end <= 360:
        return said_n(
            "highs between %(begin)s and %(end)s on %(hits)s of %(n)s night",
            "highs between %(begin)s and %(end)s on %(hits)s of %(n)s nights",
            of,
            **values,
        )
    if low:
        return said_n(
            "lows between %(begin)s and %(end)s on %(hits)s of %(n)s day",
            "lows between %(begin)s and %(end)s on %(hits)s of %(n)s days",
            of,
            **values,
        )
    return said_n(
        "highs between %(begin)s and %(end)s on %(hits)s of %(n)s day",
        "highs between %(begin)s and %(end)s on %(hits)s of %(n)s days",
        of,
        **values,
    )


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
