"""Figures worked out on paper, and published tables."""

from datetime import date

import numpy as np
import pytest

from glucoflow.analytics import PROFILES, Series, metrics_of, own_targets, targets_for
from glucoflow.analytics.grid import grid_of
from glucoflow.analytics.intervals import infer_intervals
from glucoflow.analytics.risk import gri_zone, symmetric
from glucoflow.analytics.variability import gmi
from glucoflow.model.localtime import HOUR_MS, MINUTE_MS
from glucoflow.model.ranges import SensorLimits
from tests.analytics.traces import MIDNIGHT, series


@pytest.mark.parametrize(("mean", "expected"), [(100, 5.7), (150, 6.9), (200, 8.1), (250, 9.3), (300, 10.5)])
def test_gmi_table_of_jaeb_org(mean: float, expected: float) -> None:
    assert round(gmi(mean), 1) == expected


def test_centre_of_four_readings() -> None:
    metrics = metrics_of(series([100, 120, 140, 200]))
    sd = ((40**2 + 20**2 + 0 + 60**2) / 3) ** 0.5
    assert (metrics.mean_mg_dl, metrics.median_mg_dl, metrics.min_mg_dl, metrics.max_mg_dl) == (140, 130, 100, 200)
    assert metrics.sd_mg_dl == pytest.approx(sd)
    assert metrics.cv_percent == pytest.approx(100 * sd / 140)
    assert metrics.j_index == pytest.approx(0.001 * (140 + sd) ** 2)
    assert metrics.ea1c_percent == pytest.approx(186.7 / 28.7)
    assert metrics.mag_mg_dl_per_h == pytest.approx((20 + 20 + 60) / (15 / 60))


def test_every_band_edge_on_both_sides() -> None:
    metrics = metrics_of(series([53, 54, 69, 70, 140, 141, 180, 181, 250, 251]))
    assert metrics.below_54_percent == 10
    assert metrics.low_percent == 20
    assert metrics.tir_percent == 40
    assert metrics.titr_percent == 20
    assert metrics.high_percent == 20
    assert metrics.above_250_percent == 10
    assert metrics.below_70_percent == pytest.approx(30)
    assert metrics.above_180_percent == pytest.approx(30)


@pytest.mark.parametrize(("mmol", "band"), [(3.0, "low"), (2.9, "very_low"), (3.9, "in"), (10.0, "in"), (13.9, "high")])
def test_band_edges_in_mmol(mmol: float, band: str) -> None:
    """10.0 mmol/L is 180.16 mg/dL and in range; 13.9 is 250.4 and not very high; 3.9 is 70.3; 3.0 is 54.05."""
    metrics = metrics_of(series([mmol * 18.01559]))
    found = {
        "very_low": metrics.below_54_percent,
        "low": metrics.low_percent,
        "in": metrics.tir_percent,
        "high": metrics.high_percent,
    }
    assert found[band] == 100


def test_gri_and_its_zones() -> None:
    """10 % in each outer band, 20 % in each inner one: 3.0·10 + 2.4·20 + 1.6·10 + 0.8·20 = 110, capped at 100."""
    values = [50] * 10 + [60] * 20 + [100] * 40 + [200] * 20 + [300] * 10
    assert metrics_of(series(values)).gri == 100
    calm = metrics_of(series([60] * 5 + [100] * 90 + [200] * 5))
    assert calm.gri == pytest.approx(2.4 * 5 + 0.8 * 5)
    assert [gri_zone(value) for value in (0, 20, 20.1, 40, 60, 80, 80.5, 100)] == list("AABBCDEE")


def test_risk_of_single_values() -> None:
    """Kovatchev's scale has its zero at 112.5 mg/dL and ends near ±√10 at 20 and 600."""
    assert symmetric(np.array([112.5]))[0] == pytest.approx(0, abs=0.003)
    low = metrics_of(series([20.0]))
    assert low.lbgi == pytest.approx(100, abs=1.0)
    assert low.hbgi == 0
    assert low.adrr == low.lbgi
    assert metrics_of(series([600.0])).hbgi == pytest.approx(100, abs=1.0)


def test_modd_and_conga_of_two_shifted_days() -> None:
    day = [100 + k % 50 for k in range(288)]
    metrics = metrics_of(series([*day, *[value + 12 for value in day]]))
    assert metrics.modd_mg_dl == pytest.approx(12)
    assert metrics.conga24_mg_dl == pytest.approx(0, abs=1e-9)


def test_gaps_of_over_45_minutes_stay_missing() -> None:
    """From 00:05 to 00:50 is bridged by a line, from 00:50 to 01:40 is not."""
    grid = grid_of(Series.of(MIDNIGHT + np.array([5, 50, 100]) * MINUTE_MS, [100.0, 145.0, 200.0]))
    assert grid.values[:10].tolist() == [100 + 5 * k for k in range(10)]
    assert np.isnan(grid.values[10:19]).all()
    assert grid.values[19] == 200
    assert np.isnan(grid.values[20:]).all()


def test_mage_of_a_saw() -> None:
    """Six hours up by 120 and six hours down by 120, again and again: every excursion is 120."""
    half = list(np.linspace(90, 210, 73)[:-1])
    saw = (half + [300 - value for value in half]) * 6 + [90]
    assert metrics_of(series(saw)).mage_mg_dl == pytest.approx(120, abs=0.01)


def test_limits_are_counted_beside_the_mean() -> None:
    metrics = metrics_of(series([39, 39, 100, 401]))
    assert (metrics.n_low_limit, metrics.n_high_limit) == (2, 1)
    assert metrics.mean_mg_dl == pytest.approx((39 + 39 + 100 + 401) / 4)


def test_a_minute_sensor_does_not_outvote_a_fifteen_minute_one() -> None:
    """Two hours each at 100 (120 readings) and at 200 (8 readings): half the time in range, mean 150."""
    times = np.concatenate((np.arange(120) * MINUTE_MS, 2 * HOUR_MS + np.arange(8) * 15 * MINUTE_MS)) + MIDNIGHT
    values = np.array([100.0] * 120 + [200.0] * 8)
    intervals = np.array([MINUTE_MS] * 120 + [15 * MINUTE_MS] * 8)
    metrics = metrics_of(Series.of(times, values, 0, intervals), period_ms=8 * HOUR_MS)
    assert metrics.tir_percent == pytest.approx(50)
    assert metrics.mean_mg_dl == pytest.approx(150)
    assert metrics.active_percent == pytest.approx(50)


@pytest.mark.parametrize("minutes", [1, 5, 15])
def test_interval_is_read_off_the_readings(minutes: int) -> None:
    jitter = np.random.default_rng(minutes).integers(-9_000, 9_000, 500)
    times = MIDNIGHT + np.arange(500) * minutes * MINUTE_MS + jitter
    times = np.delete(times, slice(100, 130))
    assert set(infer_intervals(times).tolist()) == {minutes * MINUTE_MS}


def test_night_and_day_are_told_apart_by_the_readings_own_clock() -> None:
    """100 mg/dL from 00:00 to 06:00 local, 200 else, seen from five and a half hours east."""
    hours = (np.arange(1, 289) * 5 % 1440) // 60
    trace = series(np.where(hours < 6, 100.0, 200.0), offset_min=330)
    metrics = metrics_of(trace)
    assert (metrics.night_tir_percent, metrics.day_tir_percent) == (100, 0)


def test_weekdays_begin_on_monday() -> None:
    monday = series([100.0] * 12)
    assert set(monday.weekday.tolist()) == {1}
    assert monday.dates() == [date(2026, 2, 2)]


def test_targets_follow_the_profile() -> None:
    trace = series([62, 63, 140, 141, 150])
    adult, pregnant = metrics_of(trace), metrics_of(trace, targets=targets_for("pregnancy"))
    assert (adult.target_below_percent, adult.target_in_percent, adult.target_above_percent) == (40, 60, 0)
    assert (pregnant.target_below_percent, pregnant.target_in_percent, pregnant.target_above_percent) == (20, 40, 40)
    assert pregnant.tir_percent == adult.tir_percent == 60, "the consensus bands stay what they are"
    own = own_targets("adult", low=80, high=160)
    assert metrics_of(trace, targets=own).target_in_percent == 60
    assert PROFILES["older_high_risk"].goal_below == 1.0
    with pytest.raises(ValueError, match="known are adult"):
        targets_for("teen")
    with pytest.raises(ValueError, match="must rise"):
        own_targets("adult", low=180, high=160)


def test_the_sensor_says_where_it_ends_not_we() -> None:
    times, values = MIDNIGHT + np.arange(4) * 5 * MINUTE_MS, [450.0, 501.0, 39.0, 120.0]
    libre = metrics_of(Series.of(times, values, beyond=[0, 1, -1, 0]))
    assert (libre.n_low_limit, libre.n_high_limit) == (1, 1)
    by_limits = metrics_of(Series.of(times, values, limits=SensorLimits(40, 500)))
    assert (by_limits.n_low_limit, by_limits.n_high_limit) == (1, 1)
    unknown = metrics_of(Series.of(times, values))
    assert (unknown.n_low_limit, unknown.n_high_limit) == (1, 2)
