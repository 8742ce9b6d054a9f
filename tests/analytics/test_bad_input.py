"""Data as they come: nothing here may crash or be NaN."""

import math
from datetime import date

import msgspec
import numpy as np
import pytest

from glucoflow.analytics import Series, metrics_of, summarize_day, summarize_period
from glucoflow.analytics.episodes import find_episodes
from glucoflow.analytics.profile import profile_of
from glucoflow.model.localtime import DAY_MS, MINUTE_MS
from glucoflow.model.said import plain
from tests.analytics.traces import MIDNIGHT, walk

FIVE = 5 * MINUTE_MS
GRID = MIDNIGHT + np.arange(288) * FIVE
TIMES, VALUES = walk(7, seed=12)

CASES = {
    "empty": Series.of([], []),
    "one reading": Series.of([MIDNIGHT], [100]),
    "two readings": Series.of([MIDNIGHT, MIDNIGHT + FIVE], [100, 110]),
    "all equal": Series.of(GRID, np.full(288, 110.0)),
    "all LOW": Series.of(GRID, np.full(288, 39.0)),
    "all HIGH": Series.of(GRID, np.full(288, 401.0)),
    "a week of gaps": Series.of(MIDNIGHT + np.arange(7) * DAY_MS, np.arange(7) * 30.0 + 60),
    "gap of a week": Series.of(np.append(GRID, GRID + 8 * DAY_MS), np.append(VALUES[:288], VALUES[288:576])),
    "same time, other value": Series.of(np.repeat(GRID, 3), np.repeat(VALUES[:288], 3) + np.tile([0, 5, 9], 288)),
    "mixed intervals": Series.of(
        np.concatenate((GRID, MIDNIGHT + DAY_MS + np.arange(1440) * MINUTE_MS, GRID[::3] + 2 * DAY_MS)),
        np.concatenate((VALUES[:288], np.repeat(VALUES[288:576], 5), VALUES[576:864:3])),
    ),
    "nonsense values": Series.of(GRID, np.tile([np.nan, np.inf, -5.0, 0.0, 120.0, 1e9], 48)),
    "everything excluded": Series.of(GRID, VALUES[:288], excluded=True),
}


@pytest.mark.parametrize("case", CASES)
def test_figures_are_numbers_or_missing_with_a_reason(case: str) -> None:
    trace = CASES[case]
    metrics = metrics_of(trace)
    for name, value in msgspec.structs.asdict(metrics).items():
        assert not (isinstance(value, float) and not math.isfinite(value)), name
    assert all(metrics.missing.values())
    json = msgspec.json.encode(summarize_period(trace, date(2026, 2, 2), date(2026, 2, 16)), enc_hook=plain)
    assert b"NaN" not in json
    assert summarize_day(trace, date(2026, 2, 2)).metrics.n <= max(len(trace), 0)
    assert profile_of(trace).n == metrics.n == len(trace.used)
    assert all(episode.minutes >= 15 for episode in find_episodes(trace))


def test_empty_says_so() -> None:
    metrics = metrics_of(CASES["empty"])
    assert metrics.n == 0
    assert metrics.missing["tir_percent"] == "no readings"
    period = summarize_period(CASES["empty"], date(2026, 2, 2), date(2026, 2, 16))
    assert period.sufficiency.reason == "not enough data: no readings"
    assert period.metrics.active_percent == 0


def test_one_reading_has_a_mean_and_no_spread() -> None:
    metrics = metrics_of(CASES["one reading"])
    assert (metrics.n, metrics.mean_mg_dl, metrics.tir_percent, metrics.active_percent) == (1, 100, 100, 100)
    assert metrics.sd_mg_dl is None
    assert metrics.missing["sd_mg_dl"] == "needs two readings"
    assert metrics.missing["day_tir_percent"] == "no readings at that time of day"


def test_all_low_is_one_long_low() -> None:
    metrics, found = metrics_of(CASES["all LOW"]), find_episodes(CASES["all LOW"])
    assert (metrics.below_54_percent, metrics.gri, metrics.n_low_limit, metrics.cv_percent) == (100, 100, 288, 0)
    assert metrics.missing["mage_mg_dl"] == "no swing larger than one standard deviation"
    assert [episode.kind for episode in found] == ["low_l1", "low_l2", "low_extended"]


def test_the_last_of_two_values_at_one_time_is_kept() -> None:
    trace = CASES["same time, other value"]
    assert (trace.mg_dl == VALUES[:288] + 9).all()
    assert trace.excluded_counts.duplicate == 576


def test_a_better_source_wins_over_the_superseded_one_of_the_same_moment() -> None:
    trace = Series.of([MIDNIGHT, MIDNIGHT], [100, 140], superseded=[False, True])
    assert trace.used.mg_dl.tolist() == [100]
    assert (trace.excluded_counts.duplicate, trace.excluded_counts.superseded) == (0, 1)


def test_nonsense_is_dropped_and_counted() -> None:
    trace = CASES["nonsense values"]
    assert (trace.excluded_counts.invalid, len(trace)) == (240, 48)


def test_mixed_intervals_cover_three_whole_days() -> None:
    metrics = metrics_of(CASES["mixed intervals"], 3 * DAY_MS)
    assert (metrics.n, metrics.interval_ms) == (288 + 1440 + 96, MINUTE_MS)
    assert metrics.active_percent == pytest.approx(100)


def test_arrays_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="mg_dl has 2 entries for 3 times"):
        Series.of([1, 2, 3], [100, 110])


def test_a_row_of_the_year_9999_is_counted_and_takes_no_memory() -> None:
    """On a 5-minute grid to the year 9999 there would be 840 million points: 6.25 GiB."""
    far = 253_402_214_400_000
    trace = Series.of(np.append(GRID, far), np.full(289, 120.0))
    assert (len(trace), trace.excluded_counts.invalid) == (288, 1)
    assert metrics_of(trace).active_percent == pytest.approx(100)


def test_values_of_another_unit_are_no_glucose() -> None:
    """9 mg/dL is no reading but 9 mmol/L taken for it: a mean of 9 is never made."""
    trace = Series.of(GRID, np.full(288, 9.0))
    assert (len(trace), trace.excluded_counts.invalid) == (0, 288)
    one = Series.of(GRID, np.where(np.arange(288) == 7, 6.1, 110.0))
    assert (len(one), metrics_of(one).min_mg_dl) == (287, 110)
