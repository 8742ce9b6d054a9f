"""Further figures beside iglu-python, which follows R iglu; by hand where it has none or goes another way."""

from typing import Any

import numpy as np
import pytest

from glucoflow.analytics import Series
from glucoflow.analytics.grid import grid_of
from glucoflow.analytics.more_figures import MoreFigures, by_clock_period, more_figures, rates
from glucoflow.model.localtime import MINUTE_MS
from tests.analytics.iglu import theirs
from tests.analytics.traces import MIDNIGHT, series, walk

pytestmark = pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")

TRACES = {"a week": walk(7, seed=1), "a fortnight with gaps": walk(14, seed=2, gaps=True)}

THEIRS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "sd_within_mg_dl": ("sd_measures", "SDw", {}),
    "sd_between_mg_dl": ("sd_measures", "SDb", {}),
    "sd_daily_means_mg_dl": ("sd_measures", "SDdm", {}),
    "iqr_mg_dl": ("iqr_glu", "IQR", {}),
    "mad_mg_dl": ("mad_glu", "MAD", {}),
    "gvp_percent": ("gvp", "GVP", {}),
    "grade": ("grade", "GRADE", {}),
    "grade_hypo_percent": ("grade_hypo", "GRADE_hypo", {"lower": 70}),
    "grade_euglycemia_percent": ("grade_eugly", "GRADE_eugly", {}),
    "grade_hyper_percent": ("grade_hyper", "GRADE_hyper", {}),
    "cogi": ("cogi", "COGI", {}),
    "m_value": ("m_value", "M_value", {}),
    "hypo_index": ("hypo_index", "hypo_index", {}),
    "hyper_index": ("hyper_index", "hyper_index", {}),
    "igc": ("igc", "IGC", {}),
    "sd_roc_mg_dl_per_min": ("sd_roc", "sd_roc", {}),
    "pgs": ("pgs", "PGS", {}),
}


@pytest.fixture(scope="module", params=TRACES)
def trace(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, MoreFigures]:
    times, values = TRACES[request.param]
    return times, values, more_figures(Series.of(times, values))


@pytest.mark.parametrize("figure", THEIRS)
def test_figures_equal_iglu(trace: tuple[np.ndarray, np.ndarray, MoreFigures], figure: str) -> None:
    times, values, ours = trace
    function, column, options = THEIRS[figure]
    expected = theirs(function, column, times, values, **options)
    assert getattr(ours, figure) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("hours", [1, 4, 24])
def test_conga_of_any_hours(trace: tuple[np.ndarray, np.ndarray, MoreFigures], hours: int) -> None:
    times, values, ours = trace
    expected = theirs("conga", "CONGA", times, values, n=hours)
    assert ours.conga_mg_dl[hours] == pytest.approx(expected, rel=1e-9)


def test_mage_up_and_down_where_nothing_is_missing() -> None:
    times, values = TRACES["a week"]
    ours = more_figures(Series.of(times, values))
    for name, direction in (("mage_plus_mg_dl", "plus"), ("mage_minus_mg_dl", "minus")):
        expected = theirs("mage", "MAGE", times, values, direction=direction)
        assert getattr(ours, name) == pytest.approx(expected, rel=1e-9)


def test_area_of_a_line_is_its_mean_height() -> None:
    """From 100 to 200 evenly: 150 mg/dL an hour, whatever the length."""
    values = np.linspace(100, 200, 289)
    assert more_figures(series(values)).auc_mg_dl == pytest.approx(150)


def test_the_parts_make_up_the_gri() -> None:
    """Klonoff 2022: 3.0 · (very low + 0.8 low) + 1.6 · (very high + 0.5 high); of 5, 10, 15 and 20 %: 79."""
    values = [50] * 5 + [60] * 10 + [100] * 50 + [200] * 20 + [300] * 15
    ours = more_figures(series(values))
    assert ours.gri_hypo == pytest.approx(13)
    assert ours.gri_hyper == pytest.approx(25)
    assert 3.0 * 13 + 1.6 * 25 == 79


def test_a_rate_is_over_fifteen_minutes() -> None:
    found = rates(grid_of(series([100, 105, 110, 130])))
    assert np.isnan(found[:3]).all()
    assert found[3] == pytest.approx(2.0)


def test_clock_periods() -> None:
    """200 mg/dL from 11 to 17 o'clock, 100 else."""
    hours = (np.arange(1, 289) * 5 % 1440) // 60
    trace = series(np.where((hours >= 11) & (hours < 17), 200.0, 100.0))
    periods = by_clock_period(trace)
    assert {name: round(one.above_180) for name, one in periods.items() if one} == {
        "night": 0,
        "breakfast": 0,
        "lunch": 100,
        "dinner": 0,
    }


def test_nothing_of_nothing() -> None:
    assert more_figures(Series.of([], [])) == MoreFigures()
    one = more_figures(Series.of([MIDNIGHT + 5 * MINUTE_MS], [100.0]))
    assert (one.sd_daily_means_mg_dl, one.gvp_percent, one.sd_roc_mg_dl_per_min) == (None, None, None)
