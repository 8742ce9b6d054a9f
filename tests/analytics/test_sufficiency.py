"""Whether the data bear a judgement, and which figures they bear: 2,823 of 4,032 readings, counted by hand."""

from datetime import date

import numpy as np
import pytest

from glucoflow.analytics import Series, metrics_of, summarize_period, targets_for
from glucoflow.analytics.data_sufficiency import active_words, borne, covered_ms, sufficiency
from glucoflow.model.localtime import DAY_MS, MINUTE_MS
from tests.analytics.traces import MIDNIGHT, series, walk

FIVE = 5 * MINUTE_MS


def test_sufficient_is_seventy_percent_of_fourteen_days() -> None:
    """2,823 of 4,032 five-minute readings are enough, 2,822 are not (clinical consensus)."""
    period = 14 * DAY_MS
    assert sufficiency(series([100.0] * 2823), period).sufficient
    short = sufficiency(series([100.0] * 2822), period)
    assert not short.sufficient
    assert short.reason == (
        "not enough data: has 9.7 of 14 days worn, 9.8 are needed (70 %); spread over 14 calendar days"
    )
    few = sufficiency(series([100.0] * 893), 893 * FIVE)
    assert few.reason == (
        "not enough data: has 3.1 of 14 days worn, 9.8 are needed (70 %); spread over 3 calendar days"
    )


@pytest.mark.parametrize(("minutes", "enough"), [(1, 14_112), (5, 2_823), (15, 941)])
def test_the_sensors_own_interval_counts(minutes: int, enough: int) -> None:
    """70 % of 20,160 minutes are 14,112: so many readings a minute apart, 2,822.4 five apart, 940.8 fifteen apart."""
    assert sufficiency(series([100.0] * enough, minutes), 14 * DAY_MS).sufficient
    assert not sufficiency(series([100.0] * (enough - 1), minutes), 14 * DAY_MS).sufficient


@pytest.mark.parametrize("n", [3783, 3895])
def test_a_two_week_export_is_enough_however_late_its_first_reading(n: int) -> None:
    """Real exports of two weeks hold 3,783 to 3,895 readings from the first to the last: 13.4 days, 96 to 99 %."""
    trace = series([100.0] * n)
    assert sufficiency(trace, n * FIVE).sufficient


def test_thirty_worn_days_are_not_thirty_of_fourteen() -> None:
    state = sufficiency(series([100.0] * (30 * 288)), 90 * DAY_MS)
    assert not state.sufficient
    assert (state.days, state.calendar_days) == (30.0, 90)
    assert state.reason == (
        "not enough data: has 30.0 of 90 days worn, 63.0 are needed (70 %); spread over 90 calendar days"
    )


def test_two_readings_bear_no_estimate_no_variability_and_no_risk() -> None:
    trace = series([100.0, 140.0])
    bare = metrics_of(trace)
    shown = borne(bare, covered_ms(trace), sufficiency(trace, 2 * FIVE), targets_for("adult"))
    assert (shown.n, shown.mean_mg_dl, shown.min_mg_dl, shown.max_mg_dl) == (2, 120, 100, 140)
    for name in ("gmi_percent", "ea1c_percent", "cv_percent", "lbgi", "hbgi", "gri", "gri_zone", "mag_mg_dl_per_h"):
        assert getattr(bare, name) is not None, name
        assert getattr(shown, name) is None, name
        assert shown.missing[name].startswith("needs "), name


def test_gmi_needs_a_fortnight_and_no_pregnancy() -> None:
    times, values = walk(14, seed=1)
    trace = Series.of(times, values)
    for profile, days, there in (("adult", 14, True), ("adult", 9, False), ("pregnancy", 14, False)):
        part = trace.where(trace.utc <= MIDNIGHT + days * DAY_MS)
        state = sufficiency(part, days * DAY_MS)
        shown = borne(metrics_of(part), covered_ms(part), state, targets_for(profile))
        assert (shown.gmi_percent is not None) is there
        assert shown.cv_percent is not None
    assert shown.missing["gmi_percent"] == "not known to be right in pregnancy"


def test_a_period_is_not_compared_with_forty_eight_readings() -> None:
    """Four hours of readings lie in the fortnight before: a period that bears no comparison."""
    count = 14 * 288
    times = np.concatenate((MIDNIGHT + np.arange(48) * FIVE, MIDNIGHT + 14 * DAY_MS + np.arange(count) * FIVE))
    trace = Series.of(times, np.concatenate((np.full(48, 250.0), np.full(count, 120.0))))
    period = summarize_period(trace, date(2026, 2, 16), date(2026, 3, 2))
    assert period.sufficiency.sufficient
    assert period.change == {}


def test_wear_beside_what_is_needed_stays_on_its_side() -> None:
    shown = {99.6: "100 %", 70.0: "70 %", 69.7: "69.7 %", 69.97: "69.97 %", 69.999: "<70 %", 69.4: "69 %"}
    assert {percent: active_words(percent) for percent in shown} == shown
    assert active_words(None) == "–"
