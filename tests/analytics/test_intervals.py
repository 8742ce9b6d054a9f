"""How long each reading stands for, and quantiles by time: two streams, a new sensor at noon, mixed intervals."""

import numpy as np
import pytest

from glucoflow.analytics import Series, metrics_of
from glucoflow.analytics.profile import profile_of
from glucoflow.model.localtime import DAY_MS, HOUR_MS, MINUTE_MS
from tests.analytics.traces import MIDNIGHT

FIVE = 5 * MINUTE_MS


@pytest.mark.parametrize("apart_s", [20, 120, 150])
@pytest.mark.parametrize("minutes", [1, 5, 15])
def test_two_streams_of_one_sensor_are_one(minutes: int, apart_s: int) -> None:
    """A phone and a receiver write the same sensor seconds or minutes apart: one day is worn for one day."""
    if apart_s >= 60 * minutes:
        apart_s = 20
    step = minutes * MINUTE_MS
    times = MIDNIGHT + np.arange(DAY_MS // step) * step
    both = np.sort(np.concatenate((times, times + apart_s * 1000)))
    metrics = metrics_of(Series.of(both, np.full(both.size, 120.0)), DAY_MS)
    assert metrics.interval_ms == step
    assert metrics.active_percent == pytest.approx(100, abs=0.5)
    assert (metrics.n, metrics.excluded_counts.duplicate) == (times.size, times.size)


def test_a_second_stream_of_some_hours_leaves_the_rest_alone() -> None:
    times = MIDNIGHT + np.arange(288) * FIVE
    extra = times[100:160] + 2 * MINUTE_MS
    series = Series.of(np.sort(np.concatenate((times, extra))), np.full(348, 120.0))
    assert set(series.interval_ms.tolist()) == {FIVE}
    assert series.excluded_counts.duplicate == pytest.approx(60, abs=8)


def test_a_new_sensor_at_noon_is_one_at_noon() -> None:
    """A 1-minute sensor until noon, a 5-minute one after it: each reading stands for its own sensor's interval."""
    before = MIDNIGHT + np.arange(720) * MINUTE_MS
    after = MIDNIGHT + 12 * HOUR_MS + np.arange(144) * FIVE
    series = Series.of(np.concatenate((before, after)), np.full(864, 120.0))
    assert (series.interval_ms[:714] == MINUTE_MS).all()
    assert (series.interval_ms[-138:] == FIVE).all()
    assert metrics_of(series, DAY_MS).active_percent == pytest.approx(100, abs=2)


@pytest.mark.parametrize("lost", [0.1, 0.3, 0.5])
@pytest.mark.parametrize("minutes", [1, 5, 15])
def test_lost_readings_are_lost_and_nothing_else(minutes: int, lost: float) -> None:
    """A bad connection makes no slower sensor, and no second stream: what was held stands for its own interval."""
    held = np.flatnonzero(np.random.default_rng(3).random(14 * 1440 // minutes) >= lost)
    metrics = metrics_of(Series.of(MIDNIGHT + held * minutes * MINUTE_MS, np.full(held.size, 120.0)), 14 * DAY_MS)
    assert (metrics.n, metrics.excluded_counts.duplicate) == (held.size, 0)
    assert metrics.active_percent == pytest.approx(100 * held.size * minutes / (14 * 1440), abs=1 if lost < 0.5 else 4)


def mixed() -> tuple[Series, np.ndarray]:
    """Seven days a minute apart about 100 to 140, seven days five minutes apart about 200 to 240; and by minutes."""
    fast = MIDNIGHT + np.arange(7 * 1440) * MINUTE_MS
    slow = MIDNIGHT + 7 * DAY_MS + np.arange(7 * 288) * FIVE
    values = np.concatenate((100.0 + np.arange(fast.size) % 41, 200.0 + np.arange(slow.size) % 41))
    intervals = np.concatenate((np.full(fast.size, MINUTE_MS), np.full(slow.size, FIVE)))
    series = Series.of(np.concatenate((fast, slow)), values, 0, intervals)
    return series, np.repeat(values, intervals // MINUTE_MS)


def test_quantiles_count_time_not_readings() -> None:
    """Half the time is near 120 and half near 220: by readings the median and both quartiles would be near 120."""
    series, by_minute = mixed()
    metrics = metrics_of(series)
    expected = np.quantile(by_minute, (0.25, 0.5, 0.75)).tolist()
    assert [metrics.p25_mg_dl, metrics.median_mg_dl, metrics.p75_mg_dl] == pytest.approx(expected)
    assert expected[2] > 215


def test_the_profile_counts_time_not_readings() -> None:
    series, _ = mixed()
    point = profile_of(series).points[40]
    mine = series.minute_of_day // 15 == 40
    by_minute = np.repeat(series.mg_dl[mine], series.interval_ms[mine] // MINUTE_MS)
    found = (point.p05, point.p25, point.p50, point.p75, point.p95)
    assert found == pytest.approx(tuple(np.quantile(by_minute, (0.05, 0.25, 0.5, 0.75, 0.95))))
