"""Every figure beside iglu-python 0.4, which follows the R package of Johns Hopkins; where we differ, by how much."""

import numpy as np
import pytest

from glucoflow.analytics import Metrics, Series, metrics_of
from glucoflow.analytics.episode_detection import count_detected, detect
from glucoflow.analytics.grid import grid_of
from glucoflow.model.localtime import MINUTE_MS
from tests.analytics.iglu import table, theirs
from tests.analytics.traces import MIDNIGHT, walk

# iglu-python 0.4.3 calls pandas in ways that pandas 3.1 announces to end.
pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")

TRACES = {
    "a week, on the grid": walk(7, seed=1),
    "a month with gaps": walk(30, seed=2, gaps=True),
    "gaps, off the grid": walk(21, seed=3, gaps=True, phase_s=137),
    "one day": walk(1, seed=4),
    "wild": (walk(3, seed=7)[0], np.random.default_rng(7).integers(40, 380, 96).repeat(9).astype(np.float64)),
    "many gaps": walk(14, seed=5, gaps=True, phase_s=-61),
}

SAME = {
    "mean_mg_dl": ("mean_glu", "mean"),
    "sd_mg_dl": ("sd_glu", "SD"),
    "cv_percent": ("cv_glu", "CV"),
    "gmi_percent": ("gmi", "GMI"),
    "ea1c_percent": ("ea1c", "eA1C"),
    "lbgi": ("lbgi", "LBGI"),
    "hbgi": ("hbgi", "HBGI"),
    "gri": ("gri", "GRI"),
    "j_index": ("j_index", "J_index"),
    "modd_mg_dl": ("modd", "MODD"),
    "conga24_mg_dl": ("conga", "CONGA"),
    "mag_mg_dl_per_h": ("mag", "MAG"),
    "mage_mg_dl": ("mage", "MAGE"),
    "tir_percent": ("in_range_percent", "in_range_70_180"),
    "below_70_percent": ("below_percent", "below_70"),
    "below_54_percent": ("below_percent", "below_54"),
    "above_180_percent": ("above_percent", "above_180"),
    "above_250_percent": ("above_percent", "above_250"),
    "active_percent": ("active_percent", "active_percent"),
}


@pytest.fixture(scope="module", params=TRACES, ids=list(TRACES))
def trace(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, Metrics]:
    times, values = TRACES[request.param]
    return times, values, metrics_of(Series.of(times, values))


@pytest.mark.parametrize("figure", SAME)
def test_figures_equal_iglu(trace: tuple[np.ndarray, np.ndarray, Metrics], figure: str) -> None:
    times, values, metrics = trace
    ours, expected = getattr(metrics, figure), theirs(*SAME[figure], times, values)
    if np.isnan(expected):
        assert ours is None
        assert figure in metrics.missing
    else:
        assert ours == pytest.approx(expected, rel=1e-9, abs=1e-9 if figure != "mage_mg_dl" or whole(times) else 8.0)


def whole(times: np.ndarray) -> bool:
    """Without gaps: beside them R iglu 4.3 and iglu-python go apart, and we with R (`test_mage.py`)."""
    return bool((np.diff(times) < 45 * MINUTE_MS).all())


def test_adrr_is_iglus_but_for_its_rounded_constant(trace: tuple[np.ndarray, np.ndarray, Metrics]) -> None:
    """iglu writes 22.77 where 10 · 1.509² is 22.77081: its figure is 0.0036 % lower than ours."""
    times, values, metrics = trace
    assert metrics.adrr == pytest.approx(theirs("adrr", "ADRR", times, values) * 22.77081 / 22.77, rel=1e-9)


def test_tight_range_equals_iglu(trace: tuple[np.ndarray, np.ndarray, Metrics]) -> None:
    times, values, metrics = trace
    inside = theirs("in_range_percent", "in_range_70_140", times, values, target_ranges=[[70, 140]])
    assert metrics.titr_percent == pytest.approx(inside)


def test_episode_counts_equal_iglu(trace: tuple[np.ndarray, np.ndarray, Metrics]) -> None:
    times, values, _ = trace
    episodes = table("episode_calculation", times, values, dt0=5)
    counts = count_detected(detect(grid_of(Series.of(times, values))))
    found = {(row.type, row.level): row.total_episodes for row in episodes.itertuples()}
    assert found == {
        ("hypo", "lv1"): counts.low_l1,
        ("hypo", "lv2"): counts.low_l2,
        ("hypo", "extended"): counts.low_extended,
        ("hyper", "lv1"): counts.high_l1,
        ("hyper", "lv2"): counts.high_l2,
        ("hypo", "lv1_excl"): counts.low_l1_only,
        ("hyper", "lv1_excl"): counts.high_l1_only,
    }


def test_half_values_are_rounded_before_they_are_judged() -> None:
    """69.5 is 70 and in range for us, 0 % below; iglu compares the fraction: 25 % below. So with 180.5."""
    values = np.array([69.5, 100.0, 180.5, 120.0])
    times = MIDNIGHT + np.arange(1, 5) * 5 * MINUTE_MS
    metrics = metrics_of(Series.of(times, values))
    assert (metrics.below_70_percent, metrics.above_180_percent, metrics.tir_percent) == (0.0, 0.0, 100.0)
    assert theirs("below_percent", "below_70", times, values) == 25.0
    assert theirs("above_percent", "above_180", times, values) == 25.0


def test_the_grid_stays_at_five_minutes_for_a_fifteen_minute_sensor() -> None:
    """iglu grids 15-minute data at 15 minutes. This week: MODD 25.5 (iglu 26.2), CONGA 32.0 (iglu 32.9)."""
    times, values = walk(7, seed=6, interval_min=15)
    metrics = metrics_of(Series.of(times, values))
    assert metrics.modd_mg_dl == pytest.approx(25.53, abs=0.01)
    assert theirs("modd", "MODD", times, values) == pytest.approx(26.23, abs=0.01)
    assert metrics.conga24_mg_dl == pytest.approx(31.97, abs=0.01)
    assert theirs("conga", "CONGA", times, values) == pytest.approx(32.88, abs=0.01)


def test_no_neighbours_means_no_mag_not_zero() -> None:
    """Two readings 3 hours apart: iglu says MAG 0, we say there is none."""
    times, values = MIDNIGHT + np.array([5, 185]) * MINUTE_MS, np.array([100.0, 200.0])
    assert theirs("mag", "MAG", times, values) == 0.0
    metrics = metrics_of(Series.of(times, values))
    assert metrics.mag_mg_dl_per_h is None
    assert metrics.missing["mag_mg_dl_per_h"] == "no two readings within 45 minutes"
