"""Episodes beside a brute-force reading of the consensus, and cases worked out by hand."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glucoflow.analytics import Series, targets_for
from glucoflow.analytics.episode_detection import count_detected, detect
from glucoflow.analytics.episodes import Event, find_episodes
from glucoflow.analytics.grid import Grid, grid_of
from glucoflow.model.glycemia import EPISODE_KINDS, EpisodeKind
from glucoflow.model.localtime import MINUTE_MS
from tests.analytics.traces import MIDNIGHT, series, walk

RULES: dict[EpisodeKind, tuple[float, float, int, int]] = {
    # kind: (threshold to pass, threshold to come back to, minutes beyond needed, out of so many minutes)
    "low_l1": (70, 70, 15, 15),
    "low_l2": (54, 54, 15, 15),
    "low_extended": (70, 70, 125, 125),
    "high_l1": (180, 180, 15, 15),
    "high_l2": (250, 250, 15, 15),
    "high_extended": (250, 180, 90, 120),
}


def brute(values: list[float], kind: EpisodeKind) -> list[tuple[int, int]]:
    """(first point, point after the last) by walking the grid minute by minute of five, as a person would."""
    passing, back, needed, window = RULES[kind]
    low = kind.startswith("low")

    def beyond(i: int) -> bool:
        return values[i] < passing if low else values[i] > passing

    def over(i: int) -> bool:
        """15 minutes on the good side begin at i, with no gap in them."""
        part = values[i : i + 3]
        return len(part) == 3 and all(not math.isnan(v) and (v >= back if low else v <= back) for v in part)

    def ends(i: int) -> int:
        while i < len(values) and not math.isnan(values[i]) and not over(i):
            i += 1
        return i

    found, i = [], 0
    while i < len(values):
        if math.isnan(values[i]) or not beyond(i):
            i += 1
            continue
        end = ends(i)
        inside = sum(5 for k in range(i, min(end, i + window // 5)) if beyond(k))
        if inside >= needed:
            found.append((i, end))
            i = end
        else:
            i += 1
    return found


GLUCOSE = st.one_of(st.sampled_from([45.0, 60.0, 69.0, 70.0, 100.0, 180.0, 181.0, 250.0, 260.0]), st.just(math.nan))
RUNS = st.lists(st.tuples(GLUCOSE, st.integers(1, 30)), min_size=1, max_size=25)


@given(RUNS)
def test_every_kind_equals_brute_force(runs: list[tuple[float, int]]) -> None:
    values = [value for value, length in runs for _ in range(length)]
    spans = detect(Grid(MIDNIGHT, np.array(values)))
    for kind in EPISODE_KINDS:
        starts, stops = spans[kind]
        assert list(zip(starts.tolist(), stops.tolist(), strict=True)) == brute(values, kind), kind


def counted(trace: Series, kind: EpisodeKind) -> int:
    return sum(episode.kind == kind for episode in find_episodes(trace))


def test_described_episodes_and_counts_agree_on_a_month() -> None:
    times, values = walk(30, seed=8, gaps=True)
    trace = Series.of(times, values)
    found = find_episodes(trace)
    assert {episode.kind for episode in found} >= {"low_l1", "low_l2", "high_l1"}
    counts = count_detected(detect(grid_of(trace)))
    for kind in EPISODE_KINDS:
        described = [episode for episode in found if episode.kind == kind]
        assert len(described) == getattr(counts, kind)
        if kind.endswith("_l1"):
            assert sum(not episode.reaches_level_2 for episode in described) == getattr(counts, f"{kind}_only")


def test_one_low_described() -> None:
    """Half an hour at 60, 50, 50, 50, 60, 65 from 02:05: level 2, because 15 minutes lie below 54."""
    trace = series([100.0] * 24 + [60, 50, 50, 50, 60, 65] + [100.0] * 12, offset_min=60)
    low, deep = find_episodes(trace)
    assert (low.kind, deep.kind) == ("low_l1", "low_l2")
    assert low.start == datetime(2026, 2, 2, 1, 5, tzinfo=UTC)
    assert low.end - low.start == timedelta(minutes=30)
    assert (low.minutes, low.extreme_mg_dl, low.offset_min, low.night) == (30, 50, 60, True)
    assert low.extreme_at == low.start + timedelta(minutes=5)
    assert low.area_mg_dl_min == 5 * (10 + 20 + 20 + 20 + 10 + 5)
    assert low.reaches_level_2
    assert (deep.minutes, deep.area_mg_dl_min, deep.mean_mg_dl) == (15, 5 * 12, 50)


def test_night_is_by_the_persons_clock() -> None:
    """A low from 05:30 to 06:00 local an hour west of UTC is at night there, though it is 06:30 UTC."""
    (low,) = find_episodes(series([100.0] * 65 + [60.0] * 6 + [100.0] * 12, offset_min=-60))
    assert (low.start.hour, low.night) == (6, True)
    (later,) = find_episodes(series([100.0] * 71 + [60.0] * 6 + [100.0] * 12, offset_min=60))
    assert (later.start.hour, later.night) == (5, False)


@pytest.mark.parametrize("interval", [1, 5, 15])
def test_the_sensors_interval_does_not_matter(interval: int) -> None:
    """60 from 02:00 to 02:30, 120 else: seven grid points below 70, whatever the sensor."""
    minutes = np.arange(interval, 361, interval)
    values = np.where((minutes >= 120) & (minutes <= 150), 60.0, 120.0)
    trace = Series.of(MIDNIGHT + minutes * MINUTE_MS, values, 0, interval * MINUTE_MS)
    (episode,) = find_episodes(trace)
    assert episode.kind == "low_l1"
    assert episode.minutes == 35


def test_two_lows_ten_minutes_apart_are_one_fifteen_are_two() -> None:
    def lows(pause: int) -> int:
        trace = [100.0] * 6 + [60.0] * 4 + [90.0] * pause + [60.0] * 4 + [100.0] * 6
        return counted(series(trace), "low_l1")

    assert (lows(2), lows(3)) == (1, 2)


def test_ten_minutes_are_no_episode() -> None:
    assert find_episodes(series([100.0] * 6 + [60.0, 60.0] + [100.0] * 6)) == ()


def test_a_gap_ends_an_episode() -> None:
    times = MIDNIGHT + np.concatenate((np.arange(1, 7), np.arange(30, 36))) * 5 * MINUTE_MS
    found = find_episodes(Series.of(times, np.full(12, 60.0)))
    assert [episode.minutes for episode in found] == [30, 30]
    assert find_episodes(Series.of(times[:6], np.full(6, 60.0)))[0].minutes == 30, "still going on at the last reading"


def test_extended_low_needs_more_than_two_hours() -> None:
    assert counted(series([60.0] * 24 + [100.0] * 6), "low_extended") == 0
    assert counted(series([60.0] * 25 + [100.0] * 6), "low_extended") == 1


def test_extended_high_allows_breaks_but_not_a_return() -> None:
    """90 of 120 minutes over 250 with breaks above 180 count; 15 minutes at 180 in between end it."""
    broken = ([260.0] * 6 + [220.0] * 2) * 3
    assert counted(series([*broken, *[100.0] * 6]), "high_extended") == 1
    ended = [260.0] * 12 + [180.0] * 3 + [260.0] * 9
    assert counted(series([*ended, *[100.0] * 6]), "high_extended") == 0


def test_fractions_are_rounded_first() -> None:
    """69.6 mg/dL is 70 and no low; 180.4 (10.01 mmol/L) is 180 and no high."""
    assert find_episodes(series([69.6] * 12)) == ()
    assert find_episodes(series([180.4] * 12)) == ()


def test_own_limits_are_followed() -> None:
    found = find_episodes(series([150.0] * 6 + [100.0] * 6), targets_for("pregnancy"))
    assert [episode.kind for episode in found] == ["high_l1"]


def test_events_within_two_hours_stand_beside_an_episode() -> None:
    trace = series([100.0] * 48 + [200.0] * 12 + [100.0] * 12)
    start = find_episodes(trace)[0].start
    events = [
        Event("bolus", start - timedelta(minutes=20), 4.5),
        Event("meal", start - timedelta(minutes=30), 60),
        Event("exercise", start + timedelta(minutes=120), 45),
        Event("meal", start - timedelta(minutes=121), 20),
    ]
    (episode,) = find_episodes(trace, events=events)
    assert [(near.kind, near.minutes, near.amount) for near in episode.around] == [
        ("meal", -30, 60),
        ("bolus", -20, 4.5),
        ("exercise", 120, 45),
    ]


@pytest.mark.parametrize("phase_s", range(7, 300, 31))
def test_a_line_between_equal_readings_is_no_episode(phase_s: int) -> None:
    """180 all day, and 70 all day, off the grid: rounding noise of the interpolation must not make them high or low."""
    times = MIDNIGHT + np.arange(288) * 5 * MINUTE_MS + phase_s * 1000
    for value in (70.0, 180.0):
        assert find_episodes(Series.of(times, np.full(288, value))) == ()
    rising = np.array([150.0, 179.0, 181.0, 180.0, 180.0, 180.0, 150.0])
    noisy = detect(Grid(MIDNIGHT, np.where(rising == 180.0, 180.0 + 3e-14, rising)))
    assert noisy["high_l1"][0].size == 0
