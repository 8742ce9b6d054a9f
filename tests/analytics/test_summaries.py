"""Local days, periods, and what happens to them when clocks change or their owner travels."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from glucoflow.analytics import ExcludedSpan, Series, metrics_of, summarize_day, summarize_period, summarize_windows
from glucoflow.analytics.profile import profile_of
from glucoflow.analytics.series import epoch_ms
from glucoflow.model.localtime import HOUR_MS, MINUTE_MS
from tests.analytics.traces import MIDNIGHT, walk

FIVE = 5 * MINUTE_MS


def stretch(start: datetime, hours: int, offset_min: int, value: float = 120.0) -> tuple[np.ndarray, ...]:
    count = hours * 12
    times = epoch_ms(start) + np.arange(count) * FIVE
    return times, np.full(count, value), np.full(count, offset_min)


def joined(*parts: tuple[np.ndarray, ...]) -> Series:
    times, values, offsets = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return Series.of(times, values, offsets, FIVE)


def test_a_day_is_its_owners_day() -> None:
    trace = joined(stretch(datetime(2026, 2, 2, 18, 30, tzinfo=UTC), 24, 330))
    day = summarize_day(trace, date(2026, 2, 3))
    assert (day.start, day.end) == (datetime(2026, 2, 2, 18, 30, tzinfo=UTC), datetime(2026, 2, 3, 18, 30, tzinfo=UTC))
    assert (day.metrics.n, day.metrics.active_percent, day.weekday) == (288, 100, 2)
    assert day.sufficiency.sufficient


@pytest.mark.parametrize(
    ("midnight", "before", "after", "hours"),
    [(datetime(2026, 3, 28, 23, tzinfo=UTC), 60, 120, 23), (datetime(2026, 10, 24, 22, tzinfo=UTC), 120, 60, 25)],
)
def test_clock_changes_in_berlin(midnight: datetime, before: int, after: int, hours: int) -> None:
    """29 March 2026 has 23 hours there, 25 October 25; fully worn both are 100 % active."""
    change = midnight + timedelta(hours=2 if hours == 23 else 3)
    yesterday = stretch(midnight - timedelta(hours=24), 24, before)
    first = stretch(midnight, 2 if hours == 23 else 3, before)
    trace = joined(yesterday, first, stretch(change, 21 + 24 + (hours == 25), after))
    day = summarize_day(trace, (midnight + timedelta(hours=4)).date())
    assert (day.end - day.start, day.metrics.n) == (timedelta(hours=hours), hours * 12)
    assert day.metrics.active_percent == 100


def test_a_travel_day_of_thirty_hours() -> None:
    """Flying six hours west at noon: one local date lasts thirty hours, and nothing is torn or counted twice."""
    start = datetime(2026, 2, 2, 23, tzinfo=UTC)
    trace = joined(
        stretch(start - timedelta(hours=24), 24, 60),
        stretch(start, 12, 60),
        stretch(start + timedelta(hours=12), 18, -300),
        stretch(start + timedelta(hours=30), 24, -300),
    )
    day = summarize_day(trace, date(2026, 2, 3))
    assert (day.end - day.start, day.metrics.n, day.metrics.active_percent) == (timedelta(hours=30), 360, 100)
    assert metrics_of(trace).modd_mg_dl == 0
    assert metrics_of(trace).mag_mg_dl_per_h == 0


def test_today_ends_now() -> None:
    trace = joined(stretch(datetime(2026, 2, 2, tzinfo=UTC), 6, 0))
    whole = summarize_day(trace, date(2026, 2, 2))
    so_far = summarize_day(trace, date(2026, 2, 2), now=datetime(2026, 2, 2, 6, tzinfo=UTC))
    assert (whole.metrics.active_percent, so_far.metrics.active_percent) == (25, 100)
    assert whole.sufficiency.reason == (
        "not enough data: has 0.2 of 1 day worn, 0.7 are needed (70 %); spread over 1 calendar day"
    )


def test_a_period_and_its_change() -> None:
    times, values = walk(28, seed=9)
    trace = Series.of(times - FIVE, values)
    middle, end = date(2026, 2, 16), date(2026, 3, 2)
    period = summarize_period(trace, middle, end)
    before = summarize_period(trace, date(2026, 2, 2), middle)
    assert (period.window, period.days, period.metrics.n) == ("14d", 14, 4032)
    assert period.sufficiency.sufficient
    assert before.change == {}, "nothing lies before the first period"
    for name in ("tir_percent", "mean_mg_dl", "mage_mg_dl"):
        assert period.change[name] == getattr(period.metrics, name) - getattr(before.metrics, name)
    alone = Series.of(times[14 * 288 :] - FIVE, values[14 * 288 :])
    assert period.metrics == metrics_of(alone, 14 * 24 * HOUR_MS)
    with pytest.raises(ValueError, match="no day in it"):
        summarize_period(trace, end, end)


def test_the_four_windows() -> None:
    times, values = walk(30, seed=10)
    windows = summarize_windows(Series.of(times - FIVE, values), date(2026, 3, 4))
    assert [window.window for window in windows] == ["7d", "14d", "30d", "90d"]
    assert [window.sufficiency.sufficient for window in windows] == [True, True, True, False]
    assert windows[3].sufficiency.reason == (
        "not enough data: has 30.0 of 90 days worn, 63.0 are needed (70 %); spread over 90 calendar days"
    )


def test_excluded_spans_can_be_marked_and_unmarked() -> None:
    trace = joined(stretch(datetime(2026, 2, 2, tzinfo=UTC), 24, 0))
    span = ExcludedSpan(datetime(2026, 2, 2, 3, tzinfo=UTC), datetime(2026, 2, 2, 4, tzinfo=UTC), "compression low")
    marked = summarize_day(trace.excluding([span]), date(2026, 2, 2))
    assert (marked.metrics.n, marked.metrics.excluded_counts.excluded) == (276, 12)
    assert summarize_day(trace.excluding([]), date(2026, 2, 2)).metrics.n == 288


def test_the_profile_is_by_the_readings_own_clock() -> None:
    times, values = walk(28, seed=11)
    here, there = Series.of(times, values), Series.of(times - 9 * HOUR_MS, values, 9 * 60)
    assert profile_of(here) == profile_of(there)
    profile = profile_of(here)
    assert (profile.days, profile.n, len(profile.points)) == (29, 28 * 288, 96)
    point = profile.points[40]
    part = values[(times // MINUTE_MS % 1440 >= 600) & (times // MINUTE_MS % 1440 < 615)]
    assert point.minute == 600
    assert (point.p05, point.p25, point.p50, point.p75, point.p95) == pytest.approx(
        np.quantile(part, [0.05, 0.25, 0.5, 0.75, 0.95]).tolist()
    )
    assert profile_of(here, (6, 7)).n == 8 * 288


def test_bins_divide_the_day() -> None:
    with pytest.raises(ValueError, match="do not divide"):
        profile_of(Series.of(MIDNIGHT + np.arange(288) * FIVE, np.full(288, 150.0)), bin_minutes=7)
