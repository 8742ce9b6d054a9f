"""Specifications filled for a page: searches made from Kibana's placeholders, params set, answers put in."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from glucoflow.model.errors import Misconfigured
from glucoflow.model.targets import PROFILES
from glucoflow.web.app import chart_folder
from glucoflow.web.charts import Chart, Meta, View, filled, interval_for, load_charts
from glucoflow.web.dashboard_pages import DASHBOARD_PAGES
from tests.web.serving import Site

END = datetime(2026, 11, 21, 12, tzinfo=UTC)
CHARTS = load_charts(chart_folder())


def view(**days: float) -> View:
    return View(start=END - timedelta(**days), end=END, unit="mmol/L", targets=PROFILES["pregnancy"])


def answered(spec: dict[str, Any], answer: dict[str, Any], seen: View) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    asked: list[dict[str, Any]] = []

    def search(body: dict[str, Any]) -> dict[str, Any]:
        asked.append(body)
        return answer

    return filled(Chart("made-up", Meta(title="Made up"), spec), seen, search), asked


def test_placeholders_become_a_plain_search() -> None:
    url = {
        "%context%": True,
        "%timefield%": "@timestamp",
        "index": "{index}",
        "body": {"aggs": {"t": {"date_histogram": {"field": "@timestamp", "interval": {"%autointerval%": 300}}}}},
    }
    drawn, (asked,) = answered(
        {"data": {"url": url, "format": {"property": "aggregations.t.buckets"}}},
        {"aggregations": {"t": {"buckets": [{"key": 1}]}}},
        view(days=14),
    )
    span = {"gte": "2026-11-07T12:00:00+00:00", "lt": "2026-11-21T12:00:00+00:00"}
    assert asked["query"] == {"bool": {"filter": [{"range": {"@timestamp": span}}]}}
    assert asked["aggs"]["t"]["date_histogram"] == {"field": "@timestamp", "fixed_interval": "30m"}
    assert drawn["data"] == {"values": [{"key": 1}]}


def test_time_filters_shift_and_clauses_of_the_dashboard_go() -> None:
    query = {
        "bool": {
            "must": ["%dashboard_context-must_clause%"],
            "filter": [
                "%dashboard_context-filter_clause%",
                {"range": {"@timestamp": {"gte": {"%timefilter%": "min", "shift": -1, "unit": "day"}}}},
                {"range": {"@timestamp": {"%timefilter%": True}}},
            ],
        }
    }
    _, (asked,) = answered({"data": {"url": {"index": "x", "body": {"query": query}}}}, {}, view(days=1))
    start = int((END - timedelta(days=2)).timestamp() * 1000)
    assert asked["query"]["bool"]["must"] == []
    first, second = asked["query"]["bool"]["filter"]
    assert first == {"range": {"@timestamp": {"gte": start}}}
    assert second["range"]["@timestamp"]["lt"] == "2026-11-21T12:00:00+00:00"


def test_params_are_the_persons() -> None:
    names = ("unit", "factor", "decimals", "very_low", "low", "high", "very_high", "other")
    spec: dict[str, Any] = {"params": [{"name": name, "value": 0} for name in names], "data": {"values": []}}
    drawn, _ = answered(spec, {}, view(days=1))
    values = [param["value"] for param in drawn["params"]]
    assert values == ["mmol/L", pytest.approx(0.0555075, abs=1e-7), 1, 54, 63, 140, 250, 0]
    assert spec["params"][0] == {"name": "unit", "value": 0}


def test_no_index_yet_means_no_rows() -> None:
    url = {"index": "x", "body": {}}
    drawn, _ = answered({"data": {"url": url, "format": {"property": "aggregations.t.buckets"}}}, {}, view(days=1))
    assert drawn["data"] == {"values": []}


@pytest.mark.parametrize(("days", "interval"), [(1, "5m"), (7, "15m"), (30, "90m"), (90, "4h"), (900, "1d")])
def test_intervals_keep_a_line_drawable(days: float, interval: str) -> None:
    assert interval_for(timedelta(days=days)) == interval


def test_every_chart_of_a_page_is_there() -> None:
    assert {panel.chart for one in DASHBOARD_PAGES for panel in one.panels} <= set(CHARTS)


@pytest.mark.parametrize("name", sorted(CHARTS))
def test_no_placeholder_is_left_in_any_chart(town: Site, name: str) -> None:
    from_node = town.client.options(request_timeout=30)

    def search(body: dict[str, Any]) -> Any:
        assert re.search(r"%[a-z_-]+%", json.dumps(body)) is None
        return from_node.search(index=town.names.alias("anna"), body={**body, "size": 0}).body

    drawn = filled(CHARTS[name], view(days=14), search)
    assert "%context%" not in json.dumps(drawn)
    assert "{index}" not in json.dumps(drawn)


@pytest.mark.parametrize("content", ["{", "[]", '{"usermeta": {"glucoflow": {"title": 3}}}'])
def test_a_broken_specification_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "odd.vl.json").write_text(content)
    with pytest.raises(Misconfigured, match="odd"):
        load_charts(tmp_path)
