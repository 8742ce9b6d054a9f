"""What must hold for any readings at all."""

import math

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from glucoflow.analytics import Metrics, Series, metrics_of
from glucoflow.analytics.time_in_ranges import time_in_ranges
from glucoflow.model.localtime import MINUTE_MS
from glucoflow.model.units import to_mg_dl, to_mmol_l
from tests.analytics.traces import MIDNIGHT

READINGS = st.lists(
    st.tuples(st.integers(0, 3000), st.integers(39, 401)), min_size=1, max_size=120, unique_by=lambda pair: pair[0]
)
"""(minute, mg/dL)"""


def series_of(readings: list[tuple[int, float]]) -> Series:
    times = [MIDNIGHT + minute * MINUTE_MS for minute, _ in readings]
    return Series.of(times, [value for _, value in readings], 0, 5 * MINUTE_MS)


def numbers(metrics: Metrics) -> dict[str, float]:
    return {name: value for name, value in msgspec.structs.asdict(metrics).items() if isinstance(value, float | int)}


def same(one: Metrics, other: Metrics, tolerance: float = 1e-9) -> None:
    a, b = numbers(one), numbers(other)
    assert a.keys() == b.keys()
    for name, value in a.items():
        assert math.isclose(value, b[name], rel_tol=tolerance, abs_tol=tolerance), name


@given(READINGS)
def test_shares_add_up(readings: list[tuple[int, float]]) -> None:
    shares = time_in_ranges(series_of(readings))
    assert shares is not None
    total = shares.very_low + shares.low + shares.in_range + shares.high + shares.very_high
    assert math.isclose(total, 100)
    assert shares.tight <= shares.in_range + 1e-9
    metrics = metrics_of(series_of(readings))
    assert math.isclose((metrics.lbgi or 0) + (metrics.hbgi or 0), metrics.bgri or 0)


@given(READINGS)
def test_units_do_not_matter(readings: list[tuple[int, float]]) -> None:
    through_mmol = [(minute, to_mg_dl(to_mmol_l(value))) for minute, value in readings]
    same(metrics_of(series_of(readings)), metrics_of(series_of(through_mmol)))


@given(READINGS, st.randoms())
def test_order_does_not_matter(readings: list[tuple[int, float]], random: "np.random.RandomState") -> None:
    shuffled = list(readings)
    random.shuffle(shuffled)
    same(metrics_of(series_of(readings)), metrics_of(series_of(shuffled)))


@given(READINGS, st.data())
def test_a_duplicate_changes_nothing_and_is_counted(readings: list[tuple[int, float]], data: st.DataObject) -> None:
    twice = data.draw(st.sampled_from(readings))
    metrics = metrics_of(series_of([*readings, twice]))
    same(metrics_of(series_of(readings)), metrics)
    assert metrics.excluded_counts.duplicate == 1


@given(READINGS)
def test_nothing_is_nan_and_everything_missing_has_a_reason(readings: list[tuple[int, float]]) -> None:
    metrics = metrics_of(series_of(readings))
    values = msgspec.structs.asdict(metrics)
    for name, value in values.items():
        assert not (isinstance(value, float) and not math.isfinite(value)), name
        assert (value is None) == (name in metrics.missing), name


@given(READINGS, st.integers(1, 60))
def test_a_gap_never_counts_as_time(readings: list[tuple[int, float]], days: int) -> None:
    """A second stretch after a gap of days: percent active falls, the shares stay."""
    later = [(minute + 3001 + days * 1440, value) for minute, value in readings]
    once, both = metrics_of(series_of(readings)), metrics_of(series_of([*readings, *later]))
    assert math.isclose(once.tir_percent or 0, both.tir_percent or 0, abs_tol=1e-9)
    span = 3001 + days * 1440 + 3000
    covered = 2 * len(readings) * 5
    assert (both.active_percent or 0) >= 100 * covered / (span + 5) - 1e-6
    assert (both.active_percent or 0) <= 100 * covered / (days * 1440)


@given(READINGS, st.lists(st.booleans(), min_size=120, max_size=120))
def test_hidden_readings_are_left_out_and_counted(readings: list[tuple[int, float]], flags: list[bool]) -> None:
    hidden = np.array(flags[: len(readings)])
    full = series_of(readings)
    marked = Series.of(full.utc, full.mg_dl, 0, 5 * MINUTE_MS, excluded=hidden)
    old = Series.of(full.utc, full.mg_dl, 0, 5 * MINUTE_MS, superseded=hidden)
    kept = Series.of(full.utc[~hidden], full.mg_dl[~hidden], 0, 5 * MINUTE_MS)
    same(metrics_of(marked), metrics_of(kept))
    same(metrics_of(old), metrics_of(kept))
    assert (
        metrics_of(marked).excluded_counts.excluded == metrics_of(old).excluded_counts.superseded == int(hidden.sum())
    )
