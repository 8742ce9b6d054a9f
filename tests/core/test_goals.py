"""Shares as shown, and goals met or missed: by hand, and for any five shares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glucoflow.model.goals import goals_of, share, shown_shares
from glucoflow.model.ranges import BANDS, Band
from glucoflow.model.targets import PROFILES, Targets

ADULT = PROFILES["adult"]


def shares(*percents: float) -> dict[Band, float]:
    return dict(zip(BANDS, percents, strict=True))


def test_a_small_share_is_not_lifted_to_its_goal() -> None:
    """0.425 % is under 1 % and says 0.4 %, however the five add up."""
    shown = shown_shares(shares(0.425, 2.4, 64.9, 25.3, 6.975), ADULT)
    assert [shown.text(band) for band in BANDS] == ["0.4 %", "2.4 %", "64.9 %", "25.3 %", "7.0 %"]
    assert shown.verdict("very_low") == "goal under 1 %: met"
    assert shown.verdict("in_range") == "goal over 70 %: missed"
    assert shown.verdict("above") == "goal under 25 %: missed"
    assert shown.verdict("low") == ""
    assert shown.verdict("very_low", judged=False) == "goal under 1 %"


def test_more_decimals_where_one_would_tell_a_lie() -> None:
    assert share(0.96, goals_of(ADULT)["very_low"]) == "0.96 %"
    assert share(69.97, goals_of(ADULT)["in_range"]) == "69.97 %"
    assert share(69.99999, goals_of(ADULT)["in_range"]) == "<70 %"
    assert share(70.0, goals_of(ADULT)["in_range"]) == "70.0 %"
    assert share(0.02) == "<0.1 %"
    assert share(None) == "–"


def test_the_difference_goes_to_the_largest_band() -> None:
    shown = shown_shares(shares(1.04, 1.04, 95.84, 1.04, 1.04), ADULT)
    assert [shown.value(band) for band in BANDS] == [1.0, 1.0, 96.0, 1.0, 1.0] or shown.decimals == 2


def test_shares_that_are_no_whole_are_refused() -> None:
    with pytest.raises(ValueError, match="add up to 90"):
        shown_shares(shares(0, 0, 90, 0, 0), ADULT)


@given(st.lists(st.floats(0, 100), min_size=5, max_size=5).filter(lambda xs: sum(xs) > 1), st.sampled_from([*PROFILES]))
def test_no_share_of_any_five_changes_its_side_of_a_goal(parts: list[float], profile: str) -> None:
    targets: Targets = PROFILES[profile]  # type: ignore[index]
    exact = [100 * part / sum(parts) for part in parts]
    if abs(sum(exact) - 100) > 1e-7:
        return
    shown = shown_shares(dict(zip(BANDS, exact, strict=True)), targets)
    assert sum(shown.value(band) for band in BANDS) == pytest.approx(100, abs=1e-6)
    for name, goal in shown.goals.items():
        text = shown.text(name)
        seen = float(text.removesuffix(" %").lstrip("<>"))
        if text[0] in "<>":
            assert (text[0] == "<") == (shown.truth(name) < max(seen, 0.1))
        else:
            assert goal.met(seen) == goal.met(shown.truth(name))
