"""Units, bands, named ranges and arrows against published tables."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glucoflow.model.ranges import band, classification, limit, tight
from glucoflow.model.trends import direction, direction_of_rate, rate_of
from glucoflow.model.units import in_mg_dl, parse_unit, to_mg_dl, to_mmol_l


def test_five_decimals_of_mmol_restore_every_whole_mg_dl() -> None:
    for whole in range(1, 1001):
        exact = (Decimal(whole) / Decimal("18.01559")).quantize(Decimal("0.00001"), ROUND_HALF_EVEN)
        assert to_mmol_l(whole) == float(exact)
        assert to_mg_dl(to_mmol_l(whole)) == whole


# Tidepool's own stored values for the sensor's limits (providers.md names them from its fetch/translate.go).
@pytest.mark.parametrize(("mg_dl", "mmol_l"), [(39, 2.16479), (401, 22.25850), (112, 6.21684)])
def test_the_factor_is_tidepools(mg_dl: int, mmol_l: float) -> None:
    assert to_mmol_l(mg_dl) == pytest.approx(mmol_l, abs=1e-5)


def test_units_are_read_whatever_their_capitals() -> None:
    assert parse_unit("MG/DL") == "mg/dL"
    assert parse_unit(" mmol/l ") == "mmol/L"
    with pytest.raises(ValueError, match="expected mg/dL or mmol/L"):
        parse_unit("g/l")


# Both sides of each edge (Battelino 2019, table 1), and the mmol/L twins of the edges.
@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (53, "mg/dL", "very_low"), (53.4, "mg/dL", "very_low"), (54, "mg/dL", "low"), (69, "mg/dL", "low"),
        (69.5, "mg/dL", "in_range"), (70, "mg/dL", "in_range"), (180, "mg/dL", "in_range"),
        (180.5, "mg/dL", "in_range"), (181, "mg/dL", "high"), (250, "mg/dL", "high"), (251, "mg/dL", "very_high"),
        (39, "mg/dL", "very_low"), (401, "mg/dL", "very_high"),
        (2.9, "mmol/L", "very_low"), (3.0, "mmol/L", "low"), (3.8, "mmol/L", "low"), (3.9, "mmol/L", "in_range"),
        (10.0, "mmol/L", "in_range"), (10.1, "mmol/L", "high"), (13.9, "mmol/L", "high"), (14.0, "mmol/L", "very_high"),
    ],
)  # fmt: skip
def test_bands_at_their_edges(value: float, unit: str, expected: str) -> None:
    assert band(in_mg_dl(value, parse_unit(unit))) == expected


@given(st.integers(20, 600))
def test_the_band_is_the_same_in_both_units(mg_dl: int) -> None:
    assert band(to_mg_dl(to_mmol_l(mg_dl))) == band(mg_dl)


@pytest.mark.parametrize(("value", "inside"), [(69, False), (70, True), (140, True), (140.5, True), (141, False)])
def test_the_tight_range(value: float, inside: bool) -> None:
    assert tight(value) is inside


@pytest.mark.parametrize(("value", "passed"), [(39, "low"), (40, None), (400, None), (401, "high")])
def test_the_sensor_s_own_limits(value: float, passed: str | None) -> None:
    assert limit(value) == passed


@pytest.mark.parametrize(
    ("value", "fasting", "post_meal", "unknown"),
    [
        (50, "severe hypoglycemia", "severe hypoglycemia", "severe hypoglycemia"),
        (60, "hypoglycemia", "hypoglycemia", "hypoglycemia"),
        (99, "normal (fasting)", "normal (post-meal)", "normal"),
        (100, "prediabetic (fasting)", "normal (post-meal)", None),
        (125, "prediabetic (fasting)", "normal (post-meal)", None),
        (126, "diabetic (fasting)", "normal (post-meal)", None),
        (141, "diabetic (fasting)", "elevated (post-meal)", None),
        (180, "diabetic (fasting)", "elevated (post-meal)", None),
        (181, "diabetic (fasting)", "high (post-meal)", None),
    ],
)
def test_named_ranges_of_the_integration_guide(value: float, fasting: str, post_meal: str, unknown: str | None) -> None:
    assert classification(value, "fasting") == fasting
    assert classification(value, "post_meal") == post_meal
    assert classification(value, "unknown") == unknown


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (3.1, "doubleUp"), (3.0, "singleUp"), (2.0, "singleUp"), (1.99, "fortyFiveUp"), (1.0, "fortyFiveUp"),
        (0.99, "flat"), (0, "flat"), (-0.99, "flat"), (-1.0, "fortyFiveDown"), (-1.99, "fortyFiveDown"),
        (-2.0, "singleDown"), (-3.0, "singleDown"), (-3.1, "doubleDown"),
    ],
)  # fmt: skip
def test_arrows_of_rates(rate: float, expected: str) -> None:
    assert direction_of_rate(rate) == expected


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("doubleUp", "doubleUp"), ("DoubleUp", "doubleUp"), ("TripleUp", "doubleUp"), ("slowRise", "fortyFiveUp"),
        ("constant", "flat"), ("NOT COMPUTABLE", "notComputable"), ("RATE OUT OF RANGE", "rateOutOfRange"),
        ("rate_out_of_range", "rateOutOfRange"), ("", "none"), (None, "none"), ("sideways", "unknown"),
    ],
)  # fmt: skip
def test_words_of_all_providers(word: str | None, expected: str) -> None:
    assert direction(word) == expected


@given(st.floats(-5, 5), st.floats(60, 300), st.integers(2, 4))
def test_the_slope_of_a_straight_line_is_its_rate(rate: float, start: float, steps: int) -> None:
    times = [i * 300_000 for i in range(steps + 1)]
    assert rate_of(times, [start + rate * t / 60_000 for t in times]) == pytest.approx(rate, abs=1e-6)


def test_no_rate_over_a_gap_or_from_too_little() -> None:
    assert rate_of([0], [100]) is None
    assert rate_of([0, 60_000], [100, 110]) is None
    assert rate_of([0, 16 * 60_000], [100, 110]) is None
    # A gap hides what lies before it, not what lies behind it.
    assert rate_of([0, 1_200_000, 1_500_000], [300, 100, 105]) == pytest.approx(1.0)
