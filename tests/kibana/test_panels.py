"""Every panel of the dashboards: its place, columns, spans and shapes. Nothing renders here; see docs/kibana.md."""

import json
import re
from collections import Counter

import pytest

from tests.kibana import kql, mapping
from tests.kibana.conftest import RUNS_INDEX
from tests.kibana.objects import ALL_PANELS, ANNAS, BENS, FILES, LENS, Json, Panel, layers, panels, state, values_of

BUCKETS = {"terms", "date_histogram", "range"}
METRICS = {"count", "average", "sum", "min", "max", "percentile", "last_value", "static_value", "formula", "math"}
BOTH = pytest.mark.parametrize("objects", FILES.values(), ids=FILES)


@BOTH
def test_panels_lie_on_the_grid_without_overlap(objects: list[Json]) -> None:
    for board in (one for one in objects if one["type"] == "dashboard"):
        taken: set[tuple[int, int]] = set()
        indexes = []
        for panel in panels([board]):
            grid = panel.panel["gridData"]
            indexes.append(panel.panel["panelIndex"])
            assert grid["i"] == panel.panel["panelIndex"]
            assert grid["x"] + grid["w"] <= 48, str(panel)
            cells = {
                (x, y) for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])
            }
            assert not cells & taken, f"{panel} overlaps"
            taken |= cells
            assert panel.config["title"], str(panel)
        assert len(set(indexes)) == len(indexes)
        rows = {y for _, y in taken}
        assert rows == set(range(max(rows) + 1)), "a row is empty"


@BOTH
def test_panel_and_control_indexes_are_unique_over_the_dashboards_of_a_person(objects: list[Json]) -> None:
    """Kibana takes two panels of one index for the same: after a link it showed the text of the dashboard before."""
    found = Counter(one.panel["panelIndex"] for one in panels(objects))
    for board in (one for one in objects if one["type"] == "dashboard"):
        controls = json.loads(board["attributes"]["controlGroupInput"]["panelsJSON"])
        found.update(list(controls))
        assert all(name == one["explicitInput"]["id"] for name, one in controls.items())
        assert not any(one["grow"] for one in controls.values()), "a list of three words needs no whole screen"
    assert max(found.values()) == 1


NAMED_SPAN = re.compile(r"(?:(\d+) (hour|day)s?|last (year))(?! before)", re.IGNORECASE)


@pytest.mark.parametrize("panel", ALL_PANELS, ids=str)
def test_a_panel_whose_title_names_a_span_carries_it(panel: Panel) -> None:
    named = NAMED_SPAN.search(panel.config["title"])
    span = panel.config.get("timeRange")
    if named:
        wanted = "now-1y" if named[3] else f"now-{named[1]}{named[2][0].lower()}"
        assert span == {"from": wanted, "to": "now"}
    elif span:
        assert panel.name in OWN_SPANS, "its title says which span it shows"


OWN_SPANS = {"now"}
"""What is always of this moment, whatever is chosen."""


def test_tiles_and_tables_count_episodes_alike() -> None:
    """Very low episodes lie within low ones: a tile counts as the table below it does."""
    board = {p.name: p for p in panels(ANNAS) if p.dashboard["id"] == "cgm-episodes-anna"}
    tiles = {name: kql.read(state(board[f"n-{name}"])["query"]["query"]) for name in ("low", "very-low", "high")}
    kinds = {"low": "low_l1", "very-low": "low_l2", "high": "high_l1"}
    for name, tree in tiles.items():
        assert tree == kql.read(f'event.dataset : "episode" and episode.kind : "{kinds[name]}"')
    days = [
        one["filter"]["query"] for one in layers(board["episode-days"])["L1"]["columns"].values() if "filter" in one
    ]
    assert days == [f'episode.kind : "{kind}"' for kind in ("low_l1", "low_l2", "high_l1", "high_l2")]
    assert board["n-low"].config["title"] == "Low: below 70 mg/dL"
    assert board["n-very-high"].config["title"] == "Of them very high: above 250 mg/dL"
    for view in (one for one in BENS if one["type"] == "index-pattern"):
        formats = json.loads(view["attributes"]["fieldFormatMap"])
        names = {one["key"]: one["value"] for one in formats["episode.kind"]["params"]["lookupEntries"]}
        assert names["low_l1"] == "Low: below 3.5 for 15 min", "limits of the person, in their unit"
        assert len(names) == 6


@BOTH
def test_lists_are_readable(objects: list[Json]) -> None:
    """Headings in words, moments without thousandths, one line a row, long ids cut, stored words with names."""
    view = next(one for one in objects if one["type"] == "index-pattern")["attributes"]
    labels = {field: one["customLabel"] for field, one in json.loads(view["fieldAttrs"]).items()}
    formats = json.loads(view["fieldFormatMap"])
    fields = mapping.RUNS if view["title"] == RUNS_INDEX else mapping.PERSON
    assert set(labels) <= set(fields)
    for one in objects:
        if one["type"] == "search":
            assert one["attributes"]["rowHeight"] == 0
            assert set(one["attributes"]["columns"]) <= set(labels)
            assert all("." not in labels[name] for name in one["attributes"]["columns"])
            for name in (*one["attributes"]["columns"], "@timestamp"):
                if fields[name] == "date":
                    assert formats[name] == {"id": "date", "params": {"pattern": "D MMM YYYY, HH:mm"}}
    if fields is mapping.PERSON:
        assert formats["device.transmitter_id"] == {"id": "truncate", "params": {"fieldLength": 8}}
        alerts = {one["key"]: one["value"] for one in formats["alert.name"]["params"]["lookupEntries"]}
        assert alerts["urgentLowSoon"] == "Urgent low soon"
        clock = {one["key"]: one["value"] for one in formats["time.minute_of_day"]["params"]["lookupEntries"]}
        assert (len(clock), clock["0"], clock["455"], clock["1439"]) == (1440, "00:00", "07:35", "23:59")
        assert formats["episode.minutes"]["params"]["outputFormat"] == "humanizePrecise"


ROW = 1.8
"""Units of the grid that a row of a table takes; heading, pager and title take some six (Kibana 8.12 at 1600 px)."""


@pytest.mark.parametrize("panel", [p for p in LENS if "paging" in state(p)["visualization"]], ids=str)
def test_a_page_of_a_table_fits_its_panel(panel: Panel) -> None:
    grid, look = panel.panel["gridData"], state(panel)["visualization"]
    rows = MOST_ROWS.get(panel.name, look["paging"]["size"])
    assert grid["h"] >= min(rows, look["paging"]["size"]) * ROW - 0.2, str(panel)


MOST_ROWS = {"episode-kinds": 6, "operator-kinds": 6, "transmitters": 7, "alerts-by-name": 6, "operator-storage": 7}
"""Where fewer are to be expected than a page holds."""


@pytest.mark.parametrize("panel", LENS, ids=str)
def test_lens_columns_and_accessors_agree(panel: Panel) -> None:
    for layer in layers(panel).values():
        columns, order = layer["columns"], layer["columnOrder"]
        assert sorted(order) == sorted(columns)
        bucketed = [columns[c]["isBucketed"] for c in order]
        assert bucketed == sorted(bucketed, reverse=True), "buckets come first"
        for column in columns.values():
            assert column["operationType"] in BUCKETS | METRICS
            assert column["isBucketed"] == (column["operationType"] in BUCKETS)
            assert set(column.get("references", [])) <= set(columns)
            for tree in values_of(column, "tinymathAst"):
                assert {a for a in tree["args"] if isinstance(a, str)} == set(column["references"])
                assert tree["name"] in {"divide", "multiply"}
    for layer_id, used in _accessors(state(panel)["visualization"]):
        assert used <= set(layers(panel)[layer_id]["columns"]), str(panel)


RENDERED = {"count", "average", "sum", "min", "max", "percentile", "last_value", "static_value", "formula", "math"}
"""What a real Kibana 8.12.2 showed (min and max: of the same shape as average)."""

SERIES = {"line", "bar", "bar_percentage_stacked"}


@pytest.mark.parametrize("panel", [p for p in LENS if "operator" not in str(p)], ids=str)
def test_a_persons_panels_keep_to_shapes_that_were_seen_rendered(panel: Panel) -> None:
    for layer in layers(panel).values():
        for column in layer["columns"].values():
            assert column["operationType"] in RENDERED | BUCKETS
            form = column["params"].get("format", {"id": "number"})["id"]
            assert form in {"number", "percent"}, "a duration is a number with a suffix"
            if column["operationType"] == "last_value":
                assert column["dataType"] in {"number", "string"}, "not a date"
            if column["operationType"] == "terms":
                assert column["params"]["orderBy"] == {"type": "alphabetical", "fallback": False}
    for some in values_of(state(panel)["visualization"], "layers"):
        assert {one["seriesType"] for one in some if "seriesType" in one} <= SERIES


def _accessors(visualization: Json) -> list[tuple[str, set[str]]]:
    found = []
    for layer in visualization.get("layers", [visualization]):
        used = {layer[name] for name in ("xAccessor", "metricAccessor", "splitAccessor") if name in layer}
        used |= {*layer.get("accessors", []), *layer.get("metrics", []), *layer.get("primaryGroups", [])}
        used |= {one["forAccessor"] for one in layer.get("yConfig", [])} | set(layer.get("colorsByDimension", {}))
        used |= {one["columnId"] for one in layer.get("columns", [])}
        found.append((layer["layerId"], used))
    return found


def _fields_of(panel: Panel) -> set[str]:
    """The fields of the data view that a Lens panel stands on."""
    view = panel.config["attributes"]["references"][0]["id"]
    return set(mapping.RUNS if view.startswith("cgm-runs-") else mapping.PERSON)


@pytest.mark.parametrize("panel", LENS, ids=str)
def test_lens_fields_exist_in_the_mapping(panel: Panel) -> None:
    there = _fields_of(panel)
    asked = set(values_of(state(panel), "sourceField")) - {"___records___"} | set(values_of(state(panel), "sortField"))
    for query in values_of(state(panel), "query"):
        if isinstance(query, str):
            asked |= kql.names(kql.read(query))
    assert asked <= there, asked - there


def test_every_panel_has_its_line_of_help() -> None:
    for board in (one for one in BENS if one["type"] == "dashboard"):
        told = next(p for p in panels([board]) if p.name == "help").config["savedVis"]["params"]["markdown"]
        for panel in panels([board]):
            vega = panel.config.get("savedVis", {}).get("type") == "vega"
            if vega or (panel.panel["type"] == "lens" and not panel.config["hidePanelTitles"]):
                assert f"**{panel.config['title']}.**" in told, str(panel)
