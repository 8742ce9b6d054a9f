"""One moment once, against the rule taken word for word, one reading at a time."""

from random import Random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from glucoflow.analytics.one_moment import COPY_MS, superseded

MINUTE = 60_000
FIVE = 5 * MINUTE

Given = list[tuple[int, int, int]]
"""(time, interval, rank), in ms."""

READINGS = st.lists(
    st.tuples(
        st.integers(0, 120).map(lambda at: at * 10_000),
        st.sampled_from([MINUTE, FIVE, 15 * MINUTE]),
        st.integers(0, 4),
    ),
    max_size=40,
)


def marked(readings: Given) -> list[bool]:
    times, intervals, ranks = (np.array([one[i] for one in readings], dtype=np.int64) for i in range(3))
    return [bool(mark) for mark in superseded(times, intervals, ranks)]


def by_the_rule(readings: Given) -> list[bool]:
    """Every reading against every one that counts so far, best source first, each source by time."""
    counts: list[int] = []
    for at in sorted(range(len(readings)), key=lambda i: (readings[i][2], readings[i][0], i)):
        time, interval, rank = readings[at]
        better = any(abs(time - readings[i][0]) <= readings[i][1] // 2 for i in counts if readings[i][2] < rank)
        nearest = [time - readings[i][0] for i in counts if readings[i][2] == rank]
        copy = bool(nearest) and min(nearest) < min(COPY_MS, interval // 2)
        if not better and not copy:
            counts.append(at)
    return [i not in counts for i in range(len(readings))]


def every(seconds: int, count: int, rank: int, start: int = 0, interval: int = FIVE) -> Given:
    return [(start * 1000 + i * seconds * 1000, interval, rank) for i in range(count)]


@given(READINGS)
def test_it_is_the_rule(readings: Given) -> None:
    assert marked(readings) == by_the_rule(readings)


@given(READINGS, st.randoms(use_true_random=False))
def test_the_order_in_which_they_come_says_nothing(readings: Given, random: Random) -> None:
    distinct = list({(time, rank): (time, interval, rank) for time, interval, rank in readings}.values())
    shuffled = distinct.copy()
    random.shuffle(shuffled)
    assert dict(zip(shuffled, marked(shuffled), strict=True)) == dict(zip(distinct, marked(distinct), strict=True))


@given(READINGS)
def test_none_goes_unless_one_that_counts_stands_for_it(readings: Given) -> None:
    marks = marked(readings)
    left = [one for one, mark in zip(readings, marks, strict=True) if not mark]
    for (time, interval, _), mark in zip(readings, marks, strict=True):
        stood_for = any(abs(time - other[0]) <= max(other[1], interval) // 2 for other in left)
        assert stood_for or not mark


@given(READINGS)
def test_what_counts_alone_counts_again(readings: Given) -> None:
    left = [one for one, mark in zip(readings, marked(readings), strict=True) if not mark]
    assert not any(marked(left))


def test_one_source_is_left_alone() -> None:
    assert not any(marked(every(300, 288, 0)))
    assert not any(marked(every(60, 1440, 0))), "a sensor of every minute, though five are said"


def test_a_watch_nine_seconds_after_the_phone_counts_nowhere() -> None:
    marks = marked(every(300, 288, 0) + every(300, 288, 1, start=9))
    assert marks == [False] * 288 + [True] * 288


def test_half_an_interval_apart_is_the_same_moment_and_a_second_more_is_not() -> None:
    assert marked([(0, FIVE, 0), (150_000, FIVE, 1)]) == [False, True]
    assert marked([(0, FIVE, 0), (151_000, FIVE, 1)]) == [False, False]


def test_a_worse_source_fills_the_gaps_of_a_better_one() -> None:
    better = every(300, 12, 0) + every(300, 12, 0, start=7200)
    worse = every(300, 36, 1, start=60)
    counted = [not mark for mark in marked(better + worse)][24:]
    assert counted == [False] * 12 + [True] * 12 + [False] * 12


def test_the_better_source_of_every_fifteen_minutes_stands_for_them() -> None:
    better, worse = every(900, 4, 0, interval=15 * MINUTE), every(300, 12, 1)
    assert marked(better + worse) == [False] * 4 + [True] * 11 + [False], "the last is 10 minutes after"


def test_nothing_is_nothing() -> None:
    assert marked([]) == []
