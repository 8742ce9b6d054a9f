"""A person's own limits in every chart and Lens panel that counts by band: on a real node, against rounding by hand."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from glucoflow.kibana import KibanaPerson
from glucoflow.kibana.export import person_objects
from glucoflow.model.ranges import BANDS, band
from glucoflow.model.targets import PROFILES, Targets, own_targets
from glucoflow.model.units import MG_DL, MMOL_L, to_mmol_l
from glucoflow.web.charts import View, meta_for
from glucoflow.web.charts import filled as filled_chart
from tests.kibana import kql, mapping, people
from tests.kibana.conftest import INDEX, PREFIX, flat, make_index
from tests.kibana.objects import panels, state
from tests.kibana.test_charts import CHARTS
from tests.kibana.test_lens import Doc, metric_agg

EDGES = f"{PREFIX}edges"
TARGETS = {
    "pregnancy": PROFILES["pregnancy"],
    "own": own_targets("adult", low=80, high=160),
    "odd": Targets(profile="own", very_low=55, low=71, high=161, very_high=231),
    "adult": PROFILES["adult"],
}
CASES = pytest.mark.parametrize("targets", TARGETS.values(), ids=TARGETS)
END = people.END + timedelta(minutes=1)
DAYS = 3


def count(readings: list[Doc], targets: Targets) -> Counter[str]:
    """Readings by band, by the words of the consensus: decided on whole mg/dL, limits inside."""
    found: Counter[str] = Counter()
    for one in readings:
        whole = round(one["glucose"]["mg_dl"])
        if whole < targets.low:
            found["very_low" if whole < targets.very_low else "low"] += 1
        elif whole > targets.high:
            found["very_high" if whole > targets.very_high else "high"] += 1
        else:
            found["in_range"] += 1
    return found


@pytest.fixture(scope="module")
def readings(documents: list[Doc]) -> list[Doc]:
    """Three days of readings with every half and whole mg/dL from 45 to 260, in no order."""
    some = [d for d in documents if d["event"]["dataset"] == "cgm.reading" and not d["sample"].get("superseded")]
    made = []
    for at, one in enumerate(some[-DAYS * 288 + 40 :]):
        value = 45 + (at * 97 % 431) / 2
        glucose = {**one["glucose"], "mg_dl": value, "mmol_l": to_mmol_l(value), "range": band(value)}
        made.append({**one, "glucose": glucose})
    return made


@pytest.fixture(scope="module")
def edges(es: Elasticsearch, readings: list[Doc]) -> Iterator[Elasticsearch]:
    make_index(es, EDGES, mapping.person_properties(), readings)
    yield es
    es.indices.delete(index=EDGES)


def answer(es: Elasticsearch, chart: str, targets: Targets) -> dict[str, Any]:
    """What the chart's search brought, by the filler of our own pages."""
    view = View(start=END - timedelta(days=DAYS), end=END, unit=MG_DL, targets=targets)
    spec = filled_chart(CHARTS[chart], view, lambda body: es.search(index=EDGES, **body).body)
    first: dict[str, Any] = spec["data"]["values"][0]
    return first


def by(readings: list[Doc], *names: str) -> dict[Any, list[Doc]]:
    groups: dict[Any, list[Doc]] = {}
    for one in readings:
        key = tuple(one["time"][name] for name in names)
        groups.setdefault(key if len(key) > 1 else key[0], []).append(one)
    return groups


@CASES
def test_days_and_key_figures(targets: Targets, edges: Elasticsearch, readings: list[Doc]) -> None:
    days = by(readings, "date")
    bands = {d["key"]: d["band"]["buckets"] for d in answer(edges, "tir_14d", targets)["d"]["buckets"]}
    calendar = {d["key"]: d["ok"]["doc_count"] for d in answer(edges, "calendar_tir", targets)["d"]["buckets"]}
    assert set(bands) == set(calendar) == set(days)
    for date, some in days.items():
        expected = count(some, targets)
        assert {name: one["doc_count"] for name, one in bands[date].items()} == {b: expected[b] for b in BANDS}
        assert calendar[date] == expected["in_range"]
    whole = count(readings, targets)
    first = answer(edges, "key_figures", targets)["who"]["buckets"]["first"]["band"]["buckets"]
    assert {name: one["doc_count"] for name, one in first.items()} == {b: whole[b] for b in BANDS}
    assert all(whole[name] for name in BANDS)


@CASES
def test_hours_and_nights(targets: Targets, edges: Elasticsearch, readings: list[Doc]) -> None:
    hours = by(readings, "weekday", "hour")
    for chart, group in (("heatmap_low", ("very_low", "low")), ("heatmap_high", ("high", "very_high"))):
        found = {
            (w["key"], h["key"]): h["out"]["doc_count"]
            for w in answer(edges, chart, targets)["w"]["buckets"]
            for h in w["h"]["buckets"]
        }
        assert found == {key: sum(count(some, targets)[b] for b in group) for key, some in hours.items()}
    nights = by([one for one in readings if one["time"]["hour"] < 6], "date")
    found_nights = {d["key"]: d for d in answer(edges, "nights", targets)["d"]["buckets"]}
    for date, some in nights.items():
        expected = count(some, targets)
        assert found_nights[date]["low"]["doc_count"] == expected["very_low"] + expected["low"]
        assert found_nights[date]["very_low"]["doc_count"] == expected["very_low"]


@CASES
def test_time_in_range_and_day_table(targets: Targets, edges: Elasticsearch, readings: list[Doc]) -> None:
    person = KibanaPerson(user_id="p", display_name="P", unit=MMOL_L, targets=targets, index_alias=EDGES)
    lens = {p.name: p for p in panels(person_objects(person))}
    whole = count(readings, targets)
    bands = answer(edges, "time_in_range", targets)["band"]["buckets"]
    assert {name: one["doc_count"] for name, one in bands.items()} == {b: whole[b] for b in BANDS}
    assert {name: one["worn"]["value"] for name, one in bands.items()} == {b: 300_000 * whole[b] for b in BANDS}
    table = columns_on(edges, lens["day-table"])
    below, above = whole["very_low"] + whole["low"], whole["high"] + whole["very_high"]
    assert (table["m1X0"], table["m2X0"], table["m3X0"]) == (whole["in_range"], below, above)


def columns_on(es: Elasticsearch, panel: Any) -> dict[str, int]:
    """Every count of a panel over all documents, without its buckets."""
    columns = state(panel)["datasourceStates"]["formBased"]["layers"]["L1"]["columns"]
    aggs = {name: metric_agg(one) for name, one in columns.items() if one["operationType"] == "count"}
    query = kql.to_es(kql.read(state(panel)["query"]["query"]))
    found = es.search(index=EDGES, size=0, query=query, aggs=aggs)["aggregations"]
    return {name: found[name]["v"]["value"] for name in aggs}


def test_kql_of_the_panels_agrees_with_the_node(edges: Elasticsearch, readings: list[Doc]) -> None:
    """The reader of KQL that tests judge by: on values with halves."""
    for targets in TARGETS.values():
        person = KibanaPerson(user_id="p", display_name="P", targets=targets, index_alias=EDGES)
        table = next(p for p in panels(person_objects(person)) if p.name == "day-table")
        for column in state(table)["datasourceStates"]["formBased"]["layers"]["L1"]["columns"].values():
            if "filter" not in column:
                continue
            tree = kql.read(column["filter"]["query"])
            held = sum(kql.holds(tree, flat(one)) for one in readings)
            assert edges.count(index=EDGES, query=kql.to_es(tree))["count"] == held


def test_words_name_the_persons_limits_in_their_unit() -> None:
    view = View(start=END - timedelta(days=7), end=END, unit=MMOL_L, targets=PROFILES["pregnancy"])
    assert meta_for(CHARTS["heatmap_low"].meta, view).title == "Below 3.5 mmol/L by weekday and hour"
    assert "3.5 to 7.8 mmol/L" in meta_for(CHARTS["calendar_tir"].meta, view).help
    spec = filled_chart(CHARTS["tir_14d"], view, lambda _: {})
    assert "In range 3.5–7.8" in spec["layer"][2]["encoding"]["color"]["scale"]["domain"]
    person = KibanaPerson(user_id="p", display_name="P", targets=PROFILES["pregnancy"], index_alias=EDGES)
    titles = {p.config["title"] for p in panels(person_objects(person))}
    assert {"Below 63 mg/dL by weekday and hour", "Above 140 mg/dL by weekday and hour"} <= titles
    assert "Calendar of time in range 63–140 mg/dL, 90 days" in titles


@pytest.mark.parametrize("days", [1, 7, 30])
def test_a_page_compares_with_the_span_directly_before(days: int, filled: Elasticsearch, documents: list[Doc]) -> None:
    length = timedelta(days=days)
    view = View(start=END - length, end=END, unit=MG_DL, targets=PROFILES["adult"])
    spec = filled_chart(CHARTS["profile_compare"], view, lambda body: filled.search(index=INDEX, **body).body)
    who = spec["data"]["values"][0]["who"]["buckets"]
    used = [d for d in documents if d["event"]["dataset"] == "cgm.reading" and not d["sample"].get("superseded")]
    times = [datetime.fromisoformat(one["@timestamp"]) for one in used]
    assert who["first"]["doc_count"] == sum(END - length <= at < END for at in times) > 0
    assert who["second"]["doc_count"] == sum(END - 2 * length <= at < END - length for at in times) > 0
    named = spec["layer"][2]["layer"][0]["encoding"]["color"]["scale"]["domain"]
    assert named == (
        ["These 24 hours", "The 24 hours before"]
        if days == 1
        else [
            f"These {days} days",
            f"The {days} days before",
        ]
    )


def test_kibana_compares_the_last_14_days_whatever_is_chosen() -> None:
    person = KibanaPerson(user_id="p", display_name="P", index_alias=EDGES)
    panel = next(p for p in panels(person_objects(person)) if p.name == "profile-compare")
    assert panel.config["timeRange"] == {"from": "now-14d", "to": "now"}
    assert panel.config["title"] == "Last 14 days and the 14 before"
    spec = panel.config["savedVis"]["params"]["spec"]
    assert spec.count('"shift":-14,"unit":"day"') == 2
    assert '"domain":["Last 14 days","The 14 days before"]' in spec
