"""The bars of time in range: shares, rounding and verdicts are those of pages and reports, whatever the counts."""

import json
import random
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

import pytest
import vl_convert

from glucoflow.kibana import KibanaPerson
from glucoflow.kibana.export import person_objects
from glucoflow.model.goals import shown_shares
from glucoflow.model.ranges import BANDS, Band
from glucoflow.model.target_bands import label
from glucoflow.model.targets import PROFILES, Targets
from glucoflow.model.units import MG_DL
from glucoflow.web.charts import View
from glucoflow.web.charts import filled as filled_chart
from tests.kibana.objects import panels
from tests.kibana.test_charts import CHARTS, NEWEST

END = datetime(2026, 11, 21, tzinfo=UTC)
STEP = 300_000
FORTNIGHT = 4032
GOAL_OF: dict[Band, str] = {
    "very_high": "very_high",
    "high": "above",
    "in_range": "in_range",
    "low": "below",
    "very_low": "very_low",
}


def words_of(chart: str, answer: Any, targets: Targets, days: int = 14) -> list[str]:
    """Every text of the chart on an answer of Elasticsearch, each once."""
    view = View(start=END - timedelta(days=days), end=END, unit=MG_DL, targets=targets)
    spec = filled_chart(CHARTS[chart], view, lambda _: {"aggregations": {"all": {"buckets": [answer]}}})
    spec |= {"width": 700, "height": 200}
    svg = vl_convert.vegalite_to_svg(spec, vl_version=NEWEST)
    return list(dict.fromkeys(unescape(one) for one in re.findall(r"<text[^>]*>([^<]+)</text>", svg)))


def counted(counts: dict[Band, int]) -> dict[str, Any]:
    worn = {band: {"doc_count": n, "worn": {"value": n * STEP}} for band, n in counts.items()}
    n = sum(counts.values())
    return {"doc_count": n, "n": {"value": n}, "worn": {"value": n * STEP}, "band": {"buckets": worn}}


def answer_of(counts: dict[Band, int], days: int = 14) -> dict[str, Any]:
    span = {"from": (END - timedelta(days=days)).timestamp() * 1000, "to": END.timestamp() * 1000}
    return {**counted(counts), "ends": {"buckets": [span]}}


def cases() -> list[dict[Band, int]]:
    chance = random.Random(11)
    made: list[dict[Band, int]] = [
        {"very_low": 40, "low": 121, "in_range": 2823, "high": 1008, "very_high": 40},  # at and beside goals
        {"very_low": 1, "low": 0, "in_range": 4031, "high": 0, "very_high": 0},
        {"very_low": 39, "low": 122, "in_range": 2822, "high": 847, "very_high": 202},
    ]
    for _ in range(9):
        cuts = sorted(chance.randrange(FORTNIGHT) for _ in range(4))
        parts = [b - a for a, b in zip([0, *cuts], [*cuts, FORTNIGHT], strict=True)]
        made.append(dict(zip(BANDS, parts, strict=True)))
    return made


@pytest.mark.parametrize("profile", ["adult", "older_high_risk", "pregnancy", "gestational"])
def test_shares_and_verdicts_are_those_of_pages_and_reports(profile: Any) -> None:
    targets = PROFILES[profile]
    for counts in cases():
        total = sum(counts.values())
        told = shown_shares({band: 100 * counts[band] / total for band in BANDS}, targets)
        words = words_of("time_in_range", answer_of(counts), targets)
        expected: list[str] = []
        for band, goal in GOAL_OF.items():
            expected += [label(targets, band, MG_DL), told.text(band)]
            if goal in told.goals:
                side = {"above": f" above {targets.high}", "below": f" below {targets.low}"}.get(goal)
                aim, met = told.goals[goal], told.goals[goal].met(told.truth(goal))
                lead = f"{told.text(goal)}{side}: " if side else ""
                expected.append(f"{'✓' if met else '✗'} {lead}{aim.words}")
        assert set(words) == {*expected, "14.0 of 14 days worn"}, counts


def test_no_goal_is_judged_on_too_little() -> None:
    """2,823 of 4,032 readings are 70 % of two weeks."""
    few: dict[Band, int] = {"very_low": 0, "low": 0, "in_range": 2822, "high": 0, "very_high": 0}
    for counts, judged in ((few, False), ({**few, "in_range": 2823}, True)):
        words = words_of("time_in_range", answer_of(counts), PROFILES["adult"])
        assert any(one.startswith("✓") for one in words) == judged
        assert ("9.8 of 14 days worn: too little to judge" in words) != judged


def halves(first: dict[Band, int], second: dict[Band, int], mean: float, before: float) -> dict[str, Any]:
    def half(counts: dict[Band, int], avg: float) -> dict[str, Any]:
        n = sum(counts.values())
        return {**counted(counts), "st": {"avg": avg if n else None, "std_deviation_sampling": 0.3 * avg}}

    whole = answer_of(first)
    return {**whole, "who": {"buckets": {"first": half(first, mean), "second": half(second, before)}}}


def test_key_figures_say_what_changed_and_what_meets_its_goal() -> None:
    good: dict[Band, int] = {"very_low": 0, "low": 0, "in_range": 3500, "high": 500, "very_high": 0}
    worse: dict[Band, int] = {"very_low": 0, "low": 0, "in_range": 3000, "high": 1000, "very_high": 0}
    words = words_of("key_figures", halves(good, worse, 150, 160), PROFILES["adult"])
    assert {"150", "6.9 %", "30.0 %", "87.5 %", "99 %"} <= set(words)
    assert {"−10 vs before", "−0.2 points vs before", "±0 points vs before", "+12.5 points vs before"} <= set(words)
    pregnant = words_of("key_figures", halves(good, worse, 150, 160), PROFILES["pregnancy"])
    assert "not in pregnancy" in pregnant
    assert not {"6.9 %", "−0.2 points vs before"} & set(pregnant)
    few: dict[Band, int] = {**good, "in_range": 1000}
    for first, second in ((few, worse), (good, few)):
        alone = words_of("key_figures", halves(first, second, 150, 160), PROFILES["adult"])
        assert not any("before" in one for one in alone), "nothing is compared where one side lacks data"


def test_a_cv_beside_its_limit_is_shown_on_its_side_of_it() -> None:
    good: dict[Band, int] = {"very_low": 0, "low": 0, "in_range": 4000, "high": 0, "very_high": 0}
    for share, shown in ((0.36004, ">36 %"), (0.36, "36.0 %"), (0.3596, "36.0 %"), (0.3642, "36.4 %")):
        answer = halves(good, good, 150, 150)
        answer["who"]["buckets"]["first"]["st"]["std_deviation_sampling"] = 150 * share
        assert shown in words_of("key_figures", answer, PROFILES["adult"]), share


def newest(age: timedelta, direction: str = "flat", provider: str = "dexcom") -> dict[str, Any]:
    at = datetime.now(UTC) - age  # the chart compares with the viewer's own clock
    source = {
        "@timestamp": at.isoformat(),
        "glucose": {"mg_dl": 60.0},
        "trend": {"direction": direction},
        "event": {"provider": provider},
    }
    now = datetime.now(UTC).timestamp() * 1000
    ends = {"buckets": [{"from": now - 30 * 86_400_000, "to": now}]}
    return {"doc_count": 1, "n": {"value": 1}, "ends": ends, "last": {"hits": {"hits": [{"_source": source}]}}}


@pytest.mark.parametrize(
    ("age", "provider", "expected"),
    [
        (timedelta(minutes=6), "live", {"60 →", "mg/dL · 6 min ago", "Not for dosing"}),
        (timedelta(minutes=40), "live", {"60", "mg/dL · 40 min old", "Not for dosing"}),
        (timedelta(minutes=185), "dexcom", {"60 →", "mg/dL · 3 h 5 min ago", "Not for dosing"}),
        (timedelta(hours=3, minutes=41), "dexcom", {"60", "mg/dL · 3 h 41 min old", "Not for dosing"}),
        (
            timedelta(days=2, minutes=1),
            "dexcom",
            {"60", "mg/dL · no reading for 2 days", "Is the sensor worn, the connection alive?", "Not for dosing"},
        ),
    ],
)
def test_an_old_reading_is_grey_without_an_arrow_and_says_its_age(
    age: timedelta, provider: str, expected: set[str]
) -> None:
    person = KibanaPerson(user_id="p", display_name="P", index_alias="x", delays={"dexcom": 180})
    panel = next(p for p in panels(person_objects(person)) if p.name == "now")
    assert panel.config["timeRange"] == {"from": "now-30d", "to": "now"}
    spec = json.loads(panel.config["savedVis"]["params"]["spec"])
    spec["data"] = {"values": [newest(age, provider=provider)]}
    spec["config"].pop("kibana")
    svg = vl_convert.vegalite_to_svg({**spec, "width": 300, "height": 200}, vl_version=NEWEST)
    found = {unescape(one) for one in re.findall(r"<text[^>]*>([^<]+)</text>", svg)}
    assert found == expected
    assert ("#7B8594" in svg) == ("60" in expected), "grey when it says nothing of now"
