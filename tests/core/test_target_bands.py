"""The bands of a person's targets, as filters and as KQL, against rounding each value by hand."""

import struct
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from glucoflow.kibana.placeholders import filled
from glucoflow.model.ranges import BANDS, Band, band
from glucoflow.model.target_bands import ABOVE, BELOW, band_ranges, kql_for, label, query_for, words_for
from glucoflow.model.targets import PROFILES, Targets, own_targets
from glucoflow.model.units import MG_DL, MMOL_L
from tests.kibana import kql

LIMITS = st.lists(st.integers(40, 400), min_size=4, max_size=4).map(sorted).filter(lambda four: four[1] < four[2])
TARGETS = LIMITS.map(lambda four: Targets(very_low=four[0], low=four[1], high=four[2], very_high=four[3]))
VALUES = st.one_of(
    st.floats(1, 1000, width=32),  # as Elasticsearch keeps a float
    st.integers(20, 900).map(lambda halves: halves / 2),
)


def by_hand(targets: Targets, mg_dl: float) -> Band:
    """Limits are inside the bands next to in range: low ≤ G ≤ high, very low < its limit, very high > its limit."""
    whole = round(mg_dl)  # Python rounds half to even
    if targets.low <= whole <= targets.high:
        return "in_range"
    if whole < targets.low:
        return "very_low" if whole < targets.very_low else "low"
    return "very_high" if whole > targets.very_high else "high"


def inside(query: dict[str, Any], mg_dl: float) -> bool:
    if "range" in query:
        tests = {"gt": float.__gt__, "gte": float.__ge__, "lt": float.__lt__, "lte": float.__le__}
        return all(tests[name](mg_dl, float(edge)) for name, edge in query["range"]["glucose.mg_dl"].items())
    wanted = query["term"]["glucose.range"] if "term" in query else query["terms"]["glucose.range"]
    return band(mg_dl) in ([wanted] if isinstance(wanted, str) else wanted)


def ranges(targets: Targets) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = band_ranges(targets)["range"]["ranges"]
    return found


@given(TARGETS, VALUES)
@example(Targets(very_low=54, low=63, high=140), 62.5)
@example(Targets(very_low=54, low=63, high=140), 140.5)
@example(Targets(very_low=50, low=50, high=160, very_high=160), 49.5)
def test_each_value_lies_in_the_one_band_that_rounding_gives(targets: Targets, mg_dl: float) -> None:
    expected, doc = by_hand(targets, mg_dl), {"glucose.mg_dl": mg_dl, "glucose.range": band(mg_dl)}
    assert [name for name in BANDS if inside(query_for(targets, name), mg_dl)] == [expected]
    assert [name for name in BANDS if kql.holds(kql.read(kql_for(targets, name)), doc)] == [expected]
    assert [one["key"] for one in ranges(targets) if one.get("from", 0) <= mg_dl < one.get("to", 2_000)] == [expected]
    for group in (BELOW, ABOVE):
        assert inside(query_for(targets, *group), mg_dl) == (expected in group)
        assert kql.holds(kql.read(kql_for(targets, *group)), doc) == (expected in group)


def test_bounds_are_exact_in_the_floats_that_are_stored() -> None:
    for targets in (*PROFILES.values(), own_targets("adult", low=81, high=161)):
        edges = [one[end] for one in ranges(targets) for end in ("from", "to") if end in one]
        assert len(edges) == 8
        assert [struct.unpack("f", struct.pack("f", edge))[0] for edge in edges] == edges


def test_the_limits_of_the_consensus_ask_for_the_band_in_the_document() -> None:
    adult = PROFILES["adult"]
    assert query_for(adult, "in_range") == {"term": {"glucose.range": "in_range"}}
    assert query_for(adult, *BELOW) == {"terms": {"glucose.range": ["very_low", "low"]}}
    assert kql_for(adult, *ABOVE) == 'glucose.range : ("high" or "very_high")'
    assert query_for(PROFILES["older_high_risk"], "low") == {"term": {"glucose.range": "low"}}
    assert kql_for(PROFILES["pregnancy"], "in_range") == "glucose.mg_dl > 62.5 and glucose.mg_dl <= 140.5"


@pytest.mark.parametrize(
    ("profile", "unit", "expected"),
    [
        ("adult", MG_DL, ["Very low <54", "Low 54–69", "In range 70–180", "High 181–250", "Very high >250"]),
        ("adult", MMOL_L, ["Very low <3.0", "Low 3.0–3.8", "In range 3.9–10.0", "High 10.1–13.9", "Very high >13.9"]),
        ("pregnancy", MG_DL, ["Very low <54", "Low 54–62", "In range 63–140", "High 141–250", "Very high >250"]),
        ("pregnancy", MMOL_L, ["Very low <3.0", "Low 3.0–3.4", "In range 3.5–7.8", "High 7.9–13.9", "Very high >13.9"]),
    ],
)
def test_bands_are_told_as_the_consensus_writes_them(profile: Any, unit: Any, expected: list[str]) -> None:
    assert [label(PROFILES[profile], name, unit) for name in BANDS] == expected


def test_a_band_without_room_has_a_name_only() -> None:
    narrow = Targets(very_low=60, low=60, high=200, very_high=200)
    assert [label(narrow, name, MG_DL) for name in BANDS] == [
        "Very low <60",
        "Low",
        "In range 60–200",
        "High",
        "Very high >200",
    ]


def test_placeholders_are_filled_once_and_keep_what_they_are() -> None:
    words = words_for(PROFILES["pregnancy"], MMOL_L) | {"name": "{low} {unknown}"}
    node = {"filter": "{filter_below}", "text": ["{low}–{high} {unit}", "{name}", "{unknown}", 3]}
    assert filled(node, words) == {
        "filter": {"range": {"glucose.mg_dl": {"lte": 62.5}}},
        "text": ["3.5–7.8 mmol/L", "{low} {unknown}", "{unknown}", 3],
    }
