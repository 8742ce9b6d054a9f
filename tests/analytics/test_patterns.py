"""Patterns that were planted are found with the right days; where nothing was planted, chance is rarely mistaken."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import partial

import numpy as np
import pytest

from glucoflow.analytics import Series
from glucoflow.analytics.patterns import Pattern, find_patterns, meal_responses
from glucoflow.analytics.resampling import at_least, at_least_of, difference_of_days, drawn_at_least, holm
from glucoflow.analytics.series import Floats
from glucoflow.model.localtime import HOUR_MS, MINUTE_MS
from tests.analytics.traces import MIDNIGHT

START = date(2026, 2, 2)
"""A Monday."""
MINUTES = np.arange(288) * 5


def days(count: int, shape: Callable[[int, Floats], Floats] = lambda _, day: day, seed: int = 0) -> Series:
    """Calm days about 125 mg/dL, each put through `shape(number of the day, its 288 values)`; local is UTC + 1 h."""
    rng = np.random.default_rng(seed)
    values = [shape(k, 125 + rng.normal(0, 6, 288).round()) for k in range(count)]
    times = MIDNIGHT + np.arange(count * 288) * 5 * MINUTE_MS - HOUR_MS
    return Series.of(times, np.concatenate(values), 60)


def within(start: int, end: int, value: float) -> Callable[[Floats], Floats]:
    return lambda day: np.where((start <= MINUTES) & (end > MINUTES), value, day)


def found(series: Series, count: int, kind: str, **known: object) -> list[Pattern]:
    patterns = find_patterns(series, START, START + timedelta(days=count), **known)  # type: ignore[arg-type]
    return [pattern for pattern in patterns if pattern.kind == kind]


def test_lows_at_night_on_five_of_fourteen() -> None:
    nights = {1, 4, 5, 9, 12}
    low = within(150, 180, 60.0)
    series = days(14, lambda k, day: low(day) if k in nights else day)
    (pattern,) = found(series, 14, "lows_by_time")
    assert pattern.text == "lows between 02:00 and 04:00 on 5 of 14 nights"
    assert (pattern.days_with, pattern.days_of, pattern.minute_from, pattern.minute_to) == (5, 14, 120, 240)
    assert pattern.dates == tuple(START + timedelta(days=k) for k in sorted(nights))
    assert pattern.p_value is not None
    assert pattern.p_value < 0.001
    (night,) = found(series, 14, "overnight_lows")
    assert night.text == "lows between 00:00 and 06:00 on 5 of 14 nights"


def test_neighbouring_hours_are_one_pattern() -> None:
    high = within(8 * 60, 12 * 60, 230.0)
    (pattern,) = found(days(14, lambda k, day: high(day) if k % 2 else day), 14, "highs_by_time")
    assert (pattern.minute_from, pattern.minute_to, pattern.days_with) == (480, 720, 7)


def test_two_lows_are_no_pattern_of_the_clock() -> None:
    low = within(150, 180, 60.0)
    assert found(days(14, lambda k, day: low(day) if k in (3, 8) else day), 14, "lows_by_time") == []


def test_lows_all_day_long_are_no_pattern_of_the_clock() -> None:
    """A low in every two hours of every day: no time of day stands out."""
    series = days(14, lambda _, day: np.where(MINUTES % 120 < 30, 60.0, day))
    assert found(series, 14, "lows_by_time") == []


def test_a_weekday_that_stands_out() -> None:
    low = within(900, 960, 58.0)
    (pattern,) = found(days(56, lambda k, day: low(day) if k % 7 == 3 else day), 56, "lows_by_weekday")
    assert (pattern.text, pattern.weekday) == ("lows on 8 of 8 Thursdays", 4)
    assert all(day.isoweekday() == 4 for day in pattern.dates)


def _low_at(starts: list[int], k: int, day: Floats) -> Floats:
    return within(starts[k], starts[k] + 30, 60.0)(day)


def test_chance_is_rarely_a_pattern() -> None:
    """A low at a random hour of nine days in ten, 200 times four weeks: the clock's rule fires in about 5 %.

    Without the correction for twelve blocks it would in about a third."""
    rng = np.random.default_rng(5)
    fired = 0
    for seed in range(200):
        hours = rng.integers(0, 48, 28) * 30
        chosen = rng.random(28) < 0.9
        starts = [int(hour) if low else 1440 for hour, low in zip(hours, chosen, strict=True)]
        fired += bool(found(days(28, partial(_low_at, starts), seed), 28, "lows_by_time"))
    assert fired <= 14


def test_a_rise_at_dawn_unless_it_was_breakfast() -> None:
    def rising(_: int, day: Floats) -> Floats:
        return day + np.clip((MINUTES - 240) / 120, 0, 1) * 40

    series = days(14, rising)
    (pattern,) = found(series, 14, "dawn_rise")
    assert (pattern.days_with, pattern.days_of) == (14, 14)
    assert pattern.numbers["median_rise_mg_dl"] == pytest.approx(40, abs=3)
    eaten = [datetime(2026, 2, 2, 3, 30, tzinfo=UTC) + timedelta(days=k) for k in range(12)]
    assert found(series, 14, "dawn_rise", meals=eaten) == []
    assert found(days(14), 14, "dawn_rise") == []


def test_rebound_after_lows() -> None:
    def rebounding(k: int, day: Floats) -> Floats:
        low = within(600, 640, 55.0)(day)
        return within(700, 760, 220.0)(low) if k % 2 == 0 else low

    (pattern,) = found(days(14, rebounding), 14, "rebound_highs")
    assert pattern.text == "7 of 14 lows were followed by a high within 3 hours"
    assert pattern.dates[0] == START
    assert found(days(14, lambda _, day: within(600, 640, 55.0)(day)), 14, "rebound_highs") == []


def test_highs_that_come_anyway_are_no_rebound() -> None:
    """Every two hours half an hour high, lows or no lows."""

    def restless(_: int, day: Floats) -> Floats:
        return within(600, 630, 55.0)(np.where(MINUTES % 120 >= 90, 220.0, day))

    assert found(days(14, restless), 14, "rebound_highs") == []


def test_meals_that_end_above_range() -> None:
    """Lunch at 12:00 local: 125 before, 215 after an hour, on ten of twelve days; breakfast stays in range."""

    def eating(k: int, day: Floats) -> Floats:
        peak = 90 if k < 10 else 30
        return day + np.where((MINUTES >= 720) & (MINUTES < 840), peak * np.sin((MINUTES - 720) / 120 * np.pi), 0)

    series = days(12, eating)
    lunches = [datetime(2026, 2, 2, 11, tzinfo=UTC) + timedelta(days=k) for k in range(12)]
    breakfasts = [datetime(2026, 2, 2, 7, tzinfo=UTC) + timedelta(days=k) for k in range(12)]
    (pattern,) = found(series, 12, "after_meals", meals=[*breakfasts, *lunches])
    assert (pattern.days_with, pattern.days_of) == (10, 12)
    assert pattern.text.startswith("10 of 12 meals at lunch time peaked above 180 mg/dL")
    responses = meal_responses(series, [*lunches, lunches[0] + timedelta(minutes=10)])
    assert len(responses) == 12, "two entries ten minutes apart are one meal"
    assert responses[0].before_mg_dl == pytest.approx(125, abs=8)
    assert responses[0].minutes_to_peak == pytest.approx(60, abs=10)


def test_weekends_and_sensor_changes_that_differ() -> None:
    high = within(600, 1000, 220.0)
    series = days(42, lambda k, day: high(day) if k % 7 >= 5 else day)
    (pattern,) = found(series, 42, "weekend")
    assert pattern.numbers["difference"] == pytest.approx(-100 * 80 / 288, abs=0.5)
    assert pattern.days_with == 12
    starts = [datetime(2026, 2, 7, 10, tzinfo=UTC) + timedelta(days=7 * k) for k in range(6)]
    (change,) = found(series, 42, "sensor_change", sensor_starts=starts)
    assert change.days_with == 6
    assert found(days(42), 42, "weekend") == []


def test_the_best_day_in_the_persons_unit() -> None:
    high = within(600, 800, 220.0)
    series = days(10, lambda k, day: day if k == 6 else high(day))
    (best,) = found(series, 10, "best_day")
    assert best.dates == (date(2026, 2, 8),)
    assert best.text == "the best day was Sunday 8 February with 100.0 % in range"
    assert found(days(5), 5, "best_day") == []


def test_no_data_no_pattern() -> None:
    assert find_patterns(Series.of([], []), START, START + timedelta(days=14)) == ()
    assert find_patterns(days(1), START, START + timedelta(days=14)) == ()


def test_binomial_tail_by_counting() -> None:
    """Three or more heads of five coins: 16 of 32."""
    assert at_least(3, 5, 0.5) == pytest.approx(0.5)
    assert at_least(0, 5, 0.1) == 1
    assert at_least(5, 5, 0.1) == pytest.approx(1e-5)


def test_drawing_by_counting() -> None:
    """The lady tasting tea (Fisher 1935): all four of four right is 1 of 70, three or more 17 of 70."""
    assert drawn_at_least(4, 4, 4, 8) == pytest.approx(1 / 70)
    assert drawn_at_least(3, 4, 4, 8) == pytest.approx(17 / 70)
    assert drawn_at_least(0, 4, 4, 8) == 1


def test_unequal_chances_by_counting() -> None:
    """Of a fair coin and a die's six: both 1 of 12, at least one 7 of 12."""
    assert at_least_of(2, (1 / 2, 1 / 6)) == pytest.approx(1 / 12)
    assert at_least_of(1, (1 / 2, 1 / 6)) == pytest.approx(7 / 12)


def test_holm_as_published() -> None:
    """Holm 1979: the smallest of four against 0.05/4, the next against 0.05/3, and so on until one fails."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.05 / 3, 0, 0, 0.05 / 4])
    assert holm([0.02, 0.9]) == pytest.approx([0.025, 0])


def test_a_difference_is_seeded_and_near_the_textbook() -> None:
    """For many days that are not alike the interval is near ±1.96 · sqrt(s²/n + s²/m)."""
    rng = np.random.default_rng(1)
    values = np.concatenate((rng.normal(70, 8, 60), rng.normal(60, 8, 80)))
    order = rng.permutation(140)
    having = (np.arange(140) < 60)[order].tolist()
    once = difference_of_days(np.arange(140), values[order], having, 7)
    assert once == difference_of_days(np.arange(140), values[order], having, 7)
    error = np.sqrt(np.var(values[:60], ddof=1) / 60 + np.var(values[60:], ddof=1) / 80)
    assert once.difference == pytest.approx(values[:60].mean() - values[60:].mean())
    assert once.low == pytest.approx(once.difference - 1.96 * error, abs=1.0)
    assert once.high == pytest.approx(once.difference + 1.96 * error, abs=1.0)
    with pytest.raises(ValueError, match="both sides"):
        difference_of_days([1], [1.0], [False], 0)
