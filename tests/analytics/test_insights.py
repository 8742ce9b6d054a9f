"""The list of insights, and protocols with and without."""

from datetime import date, timedelta

import numpy as np
import pytest

from glucoflow.analytics import Series, summarize_period, targets_for
from glucoflow.analytics.adherence import Entry, adherence, adherence_of_all, read_entries
from glucoflow.analytics.insights import Insight, insights_of
from glucoflow.analytics.patterns import find_patterns
from glucoflow.model.localtime import MINUTE_MS
from tests.analytics.traces import MIDNIGHT

START = date(2026, 2, 2)
MIDDLE, END = START + timedelta(days=14), START + timedelta(days=28)


def trace(high_before: int, high_after: int, lows: bool = False, days: int = 28) -> Series:
    """Days at 120 with so many of 288 readings at 220, from one number to another after 14 days; lows at 02:30."""
    values = np.full((days, 288), 120.0)
    for k in range(days):
        values[k, 150 : 150 + (high_before if k < 14 else high_after)] = 220.0
        if lows and k >= 14 and k % 3 == 0:
            values[k, 30:36] = 60.0
    times = MIDNIGHT + np.arange(days * 288) * 5 * MINUTE_MS
    return Series.of(times, values.ravel())


def insights(series: Series, profile: str = "adult") -> dict[str, Insight]:
    targets = targets_for(profile)
    now, before = (summarize_period(series, *span, targets) for span in ((MIDDLE, END), (START, MIDDLE)))
    patterns = find_patterns(series, MIDDLE, END, targets)
    return {insight.kind: insight for insight in insights_of(now, before, patterns, targets)}


def test_time_in_range_rose_from_61_to_68() -> None:
    """112 and 92 of 288 readings high: 61.1 % and 68.1 % in range."""
    found = insights(trace(112, 92))
    change = found["in_range_change"]
    assert change.text == "Time in range rose from 61.1 % to 68.1 % in 14 days (by 7 points, 95 % interval 7 to 7)"
    assert (change.tone, change.start, change.end) == ("better", MIDDLE, END)
    assert change.numbers["percent"] == pytest.approx(100 * 196 / 288)
    goal = found["in_range_goal"]
    assert goal.text == "68.1 % of the time was from 70 to 180 mg/dL in 14 days; the goal is more than 70 %"
    assert goal.tone == "worse"


def test_time_above_250_is_spoken_of() -> None:
    """46 of 288 readings at 300: 16.0 %, against a goal under 5 %; 230 minutes a day."""
    values = np.full((28, 288), 120.0)
    values[:, 150:196] = 300.0
    found = insights(Series.of(MIDNIGHT + np.arange(28 * 288) * 5 * MINUTE_MS, values.ravel()))
    assert next(iter(found)) == "very_high_goal"
    said = found["very_high_goal"]
    assert said.text == ("In 14 days, 16.0 % was above 250 mg/dL (goal under 5 %); that is 3.8 h a day above 250 mg/dL")
    assert said.suggestion == "Talk to your care team about these very high values."
    assert "above_goal" not in found, "one side is said once"


def test_at_most_five_and_nothing_twice() -> None:
    """Lows at night, very high three times a day, a wide CV, and a sensor worn less: wear and CV are not dropped."""
    values = np.full((28, 288), 120.0)
    values[14:, 30:48] = 50.0
    for start in (96, 156, 228):
        values[:, start : start + 30] = 310.0
    times = MIDNIGHT + np.arange(28 * 288) * 5 * MINUTE_MS
    keep = np.ones((28, 288), dtype=np.bool_)
    keep[14:, 250:288] = False
    series = Series.of(times[keep.ravel()], values[keep])
    found = list(insights(series).values())
    kinds = [one.kind for one in found]
    assert len(found) == 5
    assert kinds[:4] == ["very_low_goal", "lows_by_time", "very_high_goal", "sensor_active"]
    assert not {"overnight_lows", "below_goal", "above_goal"} & set(kinds)


def test_three_hours_are_one_thing_to_say() -> None:
    values = np.full((28, 288), 120.0)
    for start in (96, 156, 228):
        values[::2, start : start + 12] = 200.0
    series = Series.of(MIDNIGHT + np.arange(28 * 288) * 5 * MINUTE_MS, values.ravel())
    text = insights(series)["highs_by_time"].text
    assert text.count("highs between") + text.count("Highs between") == 3


def test_small_changes_are_not_spoken_of() -> None:
    assert "in_range_change" not in insights(trace(92, 88))


def test_lows_at_night_come_before_the_rest_and_carry_their_days() -> None:
    found = insights(trace(60, 60, lows=True))
    first = next(iter(found.values()))
    assert first.kind == "lows_by_time"
    assert first.text == "Lows between 02:00 and 04:00 on 5 of 14 nights"
    assert len(first.dates) == first.numbers["days_with"] == 5
    assert first.suggestion == "Talk to your care team about the hours before this time."
    assert "overnight_lows" not in found, "the hours say it already"


def test_nothing_suggests_a_dose() -> None:
    for insight in insights(trace(150, 200, lows=True)).values():
        words = f"{insight.text} {insight.suggestion or ''}".lower()
        assert not {"dose", "insulin", "units", "take", "increase", "reduce"} & set(words.split())
        assert insight.rule
        assert insight.suggestion is None or insight.suggestion.startswith("Talk to your care team")


def test_targets_decide() -> None:
    """At 150 all day an adult is in range; in pregnancy all of it is above."""
    times = MIDNIGHT + np.arange(28 * 288) * 5 * MINUTE_MS
    steady = Series.of(times, np.full(times.size, 150.0))
    assert insights(steady)["in_range_goal"].tone == "better"
    assert insights(steady, "pregnancy")["above_goal"].tone == "worse"


def test_too_little_data_says_only_that() -> None:
    short = trace(100, 100, lows=True, days=18)
    period = summarize_period(short, MIDDLE, END)
    (only,) = insights_of(period, None, find_patterns(short, MIDDLE, END))
    assert only.text == (
        "Not enough data: has 4.0 of 14 days worn, 9.8 are needed (70 %); spread over 14 calendar days"
    )
    assert only.numbers == {"days": 4.0, "days_needed": 14}


def walks(count: int, done_days: set[int], gain: float, seed: int = 3) -> tuple[Series, list[Entry]]:
    """Days whose time above range is smaller by `gain` points on the days done."""
    rng = np.random.default_rng(seed)
    values = np.full((count, 288), 120.0)
    entries = []
    for k in range(count):
        share = np.clip(rng.normal(30, 6) - (gain if k in done_days else 0), 0, 100)
        values[k, : round(288 * share / 100)] = 220.0
        entries.append(Entry(START + timedelta(days=k), "evening walk", k in done_days))
    times = MIDNIGHT + np.arange(count * 288) * 5 * MINUTE_MS
    return Series.of(times, values.ravel()), entries


def test_a_protocol_that_goes_with_a_difference() -> None:
    series, entries = walks(40, set(range(0, 40, 2)), gain=12)
    result = adherence(series, entries, "evening walk", seed=1)
    assert (result.n_with, result.n_without, result.clear) == (20, 20, True)
    assert result.difference == pytest.approx(12, abs=4)
    assert result.low is not None
    assert result.high is not None
    assert 0 < result.low < 12 < result.high < 20
    assert result == adherence(series, entries, "evening walk", seed=1)
    assert "the interval leaves out zero" in result.text
    above = adherence(series, entries, "evening walk", "above", seed=1)
    assert above.difference == pytest.approx(-(result.difference or 0))


def test_a_protocol_without_one_says_so() -> None:
    series, entries = walks(40, set(range(0, 40, 2)), gain=0)
    result = adherence(series, entries, "evening walk", seed=1)
    assert not result.clear
    assert result.text.endswith("no clear difference")


def test_nothing_is_claimed_below_ten_days_a_side() -> None:
    series, entries = walks(30, set(range(9)), gain=30)
    result = adherence(series, entries, "evening walk")
    assert (result.difference, result.clear, result.n_with, result.n_without) == (None, False, 9, 21)
    assert result.text == "not enough data: 10 days with and without are needed, there are 9 with and 21 without"
    assert adherence(series, entries, "yoga").text == "no days recorded yet"


def test_days_hardly_worn_do_not_count() -> None:
    series, entries = walks(30, set(range(15)), gain=10)
    thin = series.where(~((series.local_day == series.local_day[0]) & (series.minute_of_day > 600)))
    assert adherence(thin, entries, "evening walk").n_with == 14


def test_of_five_measures_one_alone_is_not_news() -> None:
    """A difference that leaves out zero by itself, but not after correction for five, is not called clear."""
    series, entries = walks(40, set(range(0, 40, 2)), gain=6, seed=3)
    alone = adherence(series, entries, "evening walk", seed=1)
    assert alone.clear
    assert alone.p_value is not None
    assert 0.01 < alone.p_value < 0.05
    among = {one.measure: one for one in adherence_of_all(series, entries, "evening walk", seed=1)}
    assert (among["in_range"].low, among["in_range"].high) == (alone.low, alone.high)
    assert not among["in_range"].clear
    assert "of 5 figures looked at" in among["in_range"].text


def test_differences_are_points_and_never_minus_zero() -> None:
    series, entries = walks(40, set(range(0, 40, 2)), gain=12)
    text = adherence(series, entries, "evening walk", seed=1).text
    assert " points, 95 % interval +" in text
    same = Series.of(series.utc, np.full(len(series), 120.0))
    below = adherence(same, entries, "evening walk", "below").text
    assert "(difference 0.0 points, 95 % interval 0.0 to 0.0): no clear difference" in below


def test_protocol_days_from_csv() -> None:
    text = "\ufeffDate,Protocol,Done,Note\n2026-02-02,walk,yes,30 min\n2026-02-03,walk,0,\n03.02.2026,walk,yes,\n"
    entries, problems = read_entries(text + "2026-02-04,,yes,\n2026-02-04,walk,maybe,\n")
    assert entries == (Entry(START, "walk", True, "30 min"), Entry(START + timedelta(days=1), "walk", False))
    assert problems == (
        "line 4: '03.02.2026' is no date like 2026-03-08",
        "line 5: the protocol has no name",
        "line 6: 'maybe' is neither yes nor no",
    )
    with pytest.raises(ValueError, match="no column done"):
        read_entries("date,protocol\n")
