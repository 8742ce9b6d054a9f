"""The operator's two Vega-Lite charts, drawn by the oldest and the newest bundled libraries on what runs tell."""

from collections import Counter
from typing import Any

import pytest
import vl_convert
from elasticsearch import Elasticsearch
from playwright.sync_api import Page

from glucoflow.web.charts import load_charts
from tests.kibana import mapping, test_charts
from tests.kibana.conftest import EMPTY, RUNS_INDEX, runs
from tests.kibana.objects import values_of
from tests.kibana.test_charts import AGGREGATIONS, DRAW, NEWEST, drawing_board

CHARTS = load_charts(mapping.ROOT / "kibana" / "vega" / "operator")
NAMES = pytest.mark.parametrize("name", CHARTS)
__all__ = ["drawing_board"]


def spec_on(es: Elasticsearch, name: str, index: str) -> dict[str, Any]:
    return test_charts.spec_on(es, name, index, 15, charts=CHARTS)


@NAMES
def test_its_search_uses_existing_fields_and_plain_aggregations(name: str) -> None:
    (url,) = values_of(CHARTS[name].spec, "url")
    assert (url["%context%"], url["%timefield%"], url["index"]) == (True, "@timestamp", "{index}")
    for aggs in values_of(url["body"], "aggs"):
        for one in aggs.values():
            assert set(one) - {"aggs"} <= AGGREGATIONS
    asked = {value for value in values_of(url["body"], "field") if isinstance(value, str)}
    asked |= {field for clause in values_of(url["body"], "term") for field in clause}
    asked |= {field for some in values_of(url["body"], "_source") for field in some}
    assert asked <= set(mapping.RUNS), asked - set(mapping.RUNS)


@NAMES
def test_it_draws_without_a_warning_and_says_so_when_there_is_nothing(
    name: str, filled: Elasticsearch, drawing_board: Page
) -> None:
    columns = [column.field for column in CHARTS[name].meta.table]
    for index, least in ((RUNS_INDEX, 1), (EMPTY, 0)):
        drawn = drawing_board.evaluate(DRAW, [spec_on(filled, name, index), columns])
        assert drawn["warnings"] == []
        assert drawn["rows"] >= least
        svg = vl_convert.vegalite_to_svg(spec_on(filled, name, index), vl_version=NEWEST)
        assert "NaN" not in svg
        assert (CHARTS[name].meta.empty.split(".")[0] in svg) == (index == EMPTY)


def test_its_bars_are_the_records_rejected_by_field_and_reason(filled: Elasticsearch) -> None:
    kept: Counter[str] = Counter()
    for doc in runs():
        if doc["event"]["dataset"] == "glucoflow.reject":
            kept[f"{doc['reject']['field']}: {doc['reject']['reason']}"] += doc["reject"]["records"]
    assert len(kept) == 2
    (answer,) = spec_on(filled, "rejects", RUNS_INDEX)["data"]["values"]
    drawn = {
        f"{field['key']}: {reason['key']}": reason["records"]["value"]
        for field in answer["field"]["buckets"]
        for reason in field["reason"]["buckets"]
    }
    assert drawn == kept
