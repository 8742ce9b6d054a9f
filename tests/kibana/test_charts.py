"""The Vega-Lite charts: their contract, and each one drawn on real data by the oldest and the newest bundled libraries.

Kibana 8.12 bundles vega 5.24.0 and vega-lite 5.2.0 (in `vendor/`); the newest are those of vl-convert.
"""

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import vl_convert
from elasticsearch import Elasticsearch
from playwright.sync_api import Browser, Page

from glucoflow.model.targets import PROFILES
from glucoflow.model.units import MG_DL, MMOL_L
from glucoflow.web.charts import Chart, View, load_charts
from glucoflow.web.charts import filled as filled_chart
from tests.kibana import mapping, people
from tests.kibana.conftest import EMPTY, INDEX, LONE, LONG
from tests.kibana.objects import values_of

CHARTS = load_charts(mapping.ROOT / "kibana" / "vega")
NAMES = pytest.mark.parametrize("name", CHARTS)
VENDOR = Path(__file__).parent / "vendor"
NEWEST = "6.4"
SPANS = (1, 14, 40)
DRAWN_BY = {"vega 5.24.0 and vega-lite 5.2.0": ("vega-5.24.0.min.js", "vega-lite-5.2.0.min.js")}
PARAMS = {"unit": "mg/dL", "factor": 1, "decimals": 0, "very_low": 54, "low": 70, "high": 180, "very_high": 250}

RARE = {"after_meals", "alert_settings", "alerts_by_day", "insights"}
"""What may have nothing on a single day."""

AGGREGATIONS = {
    "filter",
    "filters",
    "terms",
    "histogram",
    "date_histogram",
    "date_range",
    "avg",
    "min",
    "max",
    "sum",
    "percentiles",
    "extended_stats",
    "value_count",
    "top_hits",
}
"""What the bare node of section 8 has, and the charts use."""


DRAW = """async ([spec, columns]) => {
  const warnings = [];
  const said = (...words) => { warnings.push(words.map(String).join(" ")); return logger; };
  const quiet = () => logger;
  const logger = { level: quiet, error: said, warn: said, info: quiet, debug: quiet };
  const sized = { ...spec, width: 640, height: 260, autosize: { type: "fit", contains: "padding" } };
  const compiled = vegaLite.compile(sized, { logger }).spec;
  const view = new vega.View(vega.parse(compiled), { renderer: "canvas", logger });
  const canvas = await (await view.runAsync()).toCanvas();
  const at = (row, path) => path.split(".").reduce((value, key) => value === undefined ? value : value[key], row);
  let rows = 0;
  for (const { name } of compiled.data || []) {
    const set = view.data(name) || [];
    if (set.length && columns.every((one) => at(set[0], one) !== undefined)) rows = Math.max(rows, set.length);
  }
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const colours = new Set();
  for (let i = 0; i < pixels.length; i += 16) if (pixels[i + 3]) colours.add(pixels.slice(i, i + 3).join());
  view.finalize();
  return { warnings, rows, colours: colours.size };
}"""


@NAMES
def test_a_chart_keeps_the_contract(name: str) -> None:
    spec = json.loads((mapping.ROOT / "kibana" / "vega" / f"{name}.vl.json").read_text("utf-8"))
    assert spec["$schema"] == "https://vega.github.io/schema/vega-lite/v5.json"
    assert {one["name"]: one["value"] for one in spec["params"]} == PARAMS
    about = spec["usermeta"]["glucoflow"]
    assert set(about) == {"title", "help", "empty", "table", "window"}
    assert all(about.values())
    assert "\n" not in about["help"]
    assert not {"width", "height"} & set(spec)
    sources = list(values_of(spec, "url"))
    assert len(sources) == 1, "one search a chart"
    url = sources[0]
    assert url["index"] == "{index}"
    assert url["body"]["size"] == 0
    if "query" in url["body"]:
        assert not {"%context%", "%timefield%"} & set(url), "Kibana refuses both together"
    else:
        assert (url["%context%"], url["%timefield%"]) == (True, "@timestamp")


@NAMES
def test_a_charts_search_uses_existing_fields_and_plain_aggregations(name: str) -> None:
    body = next(values_of(CHARTS[name].spec, "url"))["body"]
    for aggs in values_of(body, "aggs"):
        for one in aggs.values():
            assert set(one) - {"aggs"} <= AGGREGATIONS, one
    asked = {value for value in values_of(body, "field") if isinstance(value, str)}
    for key in ("term", "terms", "range"):
        asked |= {field for clause in values_of(body, key) for field in clause if "." in field or field.startswith("@")}
    asked |= {field for some in values_of(body, "_source") for field in some}
    assert asked <= set(mapping.PERSON), asked - set(mapping.PERSON)
    words = json.dumps(body)
    assert "script" not in words
    if "cgm.reading" in words:
        assert '{"term": {"sample.superseded": true}}' in words


@pytest.fixture(scope="module")
def drawing_board(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    for file in DRAWN_BY["vega 5.24.0 and vega-lite 5.2.0"]:
        page.add_script_tag(path=str(VENDOR / file))
    yield page
    page.close()


def spec_on(
    es: Elasticsearch, name: str, index: str, days: float, unit: Any = MG_DL, charts: Mapping[str, Chart] = CHARTS
) -> dict[str, Any]:
    end = people.END + timedelta(minutes=1)
    view = View(start=end - timedelta(days=days), end=end, unit=unit, targets=PROFILES["adult"])
    spec = filled_chart(charts[name], view, lambda body: json.loads(_answer(es, index, json.dumps(body))))
    spec["config"].pop("kibana", None)
    return spec


@cache
def _answer(es: Elasticsearch, index: str, body: str) -> str:
    """One question is asked once: both units, both libraries and all tests ask the same."""
    return json.dumps(es.search(index=index, **json.loads(body)).body)


@cache
def newest_svg(es: Elasticsearch, name: str, index: str) -> str:
    """A fortnight, drawn by the newest libraries."""
    return str(vl_convert.vegalite_to_svg(spec_on(es, name, index, 14), vl_version=NEWEST))


@NAMES
def test_a_chart_draws_with_the_oldest_libraries_without_a_warning(
    name: str, filled: Elasticsearch, drawing_board: Page
) -> None:
    columns = [column.field for column in CHARTS[name].meta.table]
    for index, days in [(INDEX, days) for days in SPANS] + [(LONE, 14), (EMPTY, 14), (LONG, 5 * 365)]:
        # The unit is one factor in a chart: that it fits shows in a usual span and beside a single value.
        for unit in (MG_DL, MMOL_L) if days == 14 and index != EMPTY else (MG_DL,):
            drawn = drawing_board.evaluate(DRAW, [spec_on(filled, name, index, days, unit), columns])
            assert drawn["warnings"] == [], (index, days, unit)
            assert drawn["colours"] > 1, "nothing was drawn"
            if index == INDEX and (days > 1 or name not in RARE):
                assert drawn["rows"] > 0, f"no data set has the columns of the table: {columns}"


@NAMES
def test_a_chart_draws_with_the_newest_libraries(name: str, filled: Elasticsearch) -> None:
    for index in (INDEX, EMPTY):
        svg = newest_svg(filled, name, index)
        assert "NaN" not in svg
        assert svg.startswith("<svg")


@pytest.mark.parametrize("name", [one for one in CHARTS if one != "key_figures"])
def test_an_empty_span_says_so(name: str, filled: Elasticsearch) -> None:
    svg = newest_svg(filled, name, EMPTY)
    sentence = "No readings in this span" if name == "gaps" else CHARTS[name].meta.empty.replace(":", ".").split(".")[0]
    assert sentence.replace("'", "&#39;") in svg


def test_five_years_show_their_newest_days(filled: Elasticsearch) -> None:
    for name in ("tir_14d", "sensor_wear", "calendar_tir"):
        spec = spec_on(filled, name, LONG, 5 * 365)
        days = [one["key"] for one in spec["data"]["values"][0]["d"]["buckets"]]
        assert len(days) == 400
        assert max(days) == f"{people.END:%Y-%m-%d}"


@pytest.mark.parametrize("name", ["last_24h", "events_trace", "trace_14d", "tir_14d", "sensor_wear"])
def test_after_a_drilldown_to_a_day_a_chart_frames_that_day(
    name: str, filled: Elasticsearch, drawing_board: Page
) -> None:
    """The link keeps the span of two weeks and adds the day as a filter."""
    end = people.END + timedelta(minutes=1)
    day: dict[str, Any] = {"term": {"time.date": "2026-11-19"}}
    view = View(start=end - timedelta(days=14), end=end, unit=MG_DL, targets=PROFILES["adult"], filters=[day])
    spec = filled_chart(CHARTS[name], view, lambda body: filled.search(index=INDEX, **body).body)
    spec["config"].pop("kibana", None)
    domain = drawing_board.evaluate(DOMAIN, spec)
    midnight = datetime(2026, 11, 19, tzinfo=UTC).timestamp() * 1000
    assert domain == [midnight, midnight + 86_400_000]


DOMAIN = """async spec => {
  const sized = { ...spec, width: 640, height: 260 };
  const view = new vega.View(vega.parse(vegaLite.compile(sized).spec));
  await view.runAsync();
  return view.scale("x").domain().map(Number);
}"""


def test_days_without_data_keep_their_place_and_part_days_are_pale(filled: Elasticsearch, drawing_board: Page) -> None:
    spec = spec_on(filled, "tir_14d", INDEX, 14)
    first, last = drawing_board.evaluate(DOMAIN, spec)
    assert (last - first) / 86_400_000 == 15, "from the day on which the span begins to the one on which it ends"
    held = {bucket["key"]: bucket for bucket in spec["data"]["values"][0]["d"]["buckets"]}
    whole = {day: 100 * one["doc_count"] / 288 for day, one in held.items()}
    svg = vl_convert.vegalite_to_svg({**spec, "width": 900, "height": 300}, vl_version=NEWEST)
    pale = svg.count('opacity="0.35"')
    assert pale == 5 * sum(share < 70 for share in whole.values()) > 0


def test_one_day_opens_on_the_newest_full_day(filled: Elasticsearch) -> None:
    """The newest, that of END, is a stub of nine hours."""
    svg = newest_svg(filled, "day_view", INDEX)
    assert "Friday, 20 November 2026" in svg
    svg = newest_svg(filled, "day_view", LONE)
    assert "Saturday, 21 November 2026" in svg


def test_another_sensor_worn_at_once_is_a_thinner_line_and_another_route_of_one_sensor_is_none(
    filled: Elasticsearch,
) -> None:
    def thin_lines(spec: dict[str, Any]) -> int:
        return vl_convert.vegalite_to_svg({**spec, "width": 900, "height": 300}, vl_version=NEWEST).count(
            'stroke-width="0.8"'
        )

    def with_others(change: Callable[[float], float]) -> dict[str, Any]:
        spec = copy.deepcopy(spec_on(filled, "day_view", INDEX, 7))
        for day in spec["data"]["values"][0]["d"]["buckets"]:
            for bucket in day["s"]["buckets"]:
                if bucket["other"]["g"]["value"] is not None and bucket["read"]["g"]["value"] is not None:
                    bucket["other"]["g"]["value"] = change(bucket["read"]["g"]["value"])
        return spec

    assert thin_lines(with_others(lambda value: 1.2 * value)) > 0, "20 % apart: two sensors"
    assert thin_lines(with_others(lambda value: 1.05 * value)) == 0, "within 10 % or 10 mg/dL: one sensor"
    assert thin_lines(spec_on(filled, "day_view", LONE, 7)) == 0
