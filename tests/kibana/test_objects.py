"""Every exported object: references, fields, ids, versions. Nothing renders here; see docs/kibana.md."""

import importlib.util
import json
import re
from collections import Counter
from typing import Any

import pytest

from glucoflow.files import packaged
from glucoflow.kibana import KibanaPerson, export_operator, export_person
from glucoflow.model.errors import Misconfigured
from tests.kibana import kql, mapping
from tests.kibana.conftest import ANNA, BEN, INDEX, RUNS_INDEX
from tests.kibana.objects import ALL_PANELS, ANNAS, BENS, FILES, LENS, Json, Panel, layers, panels, values_of

VERSIONS = {"index-pattern": "8.0.0", "tag": "8.0.0", "search": "8.0.0", "dashboard": "8.9.0"}
DASHBOARDS = ["now", "profile", "days", "patterns", "episodes", "events", "sensor"]
BOTH = pytest.mark.parametrize("objects", FILES.values(), ids=FILES)


def test_the_compiled_dashboards_are_made_from_these_sources() -> None:
    spec = importlib.util.spec_from_file_location("compile_dashboards", packaged("kibana") / "compile.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("person", "operator"):
        first = (packaged("kibana") / "compiled" / f"{name}.ndjson").read_text("utf-8").splitlines()[0]
        assert json.loads(first)["glucoflow"]["sources"] == module.sources_hash(), "run kibana/compile.py again"


@BOTH
def test_versions_and_keys_are_those_that_kibana_8_12_takes(objects: list[Json]) -> None:
    for one in objects:
        assert set(one) == {
            "type",
            "id",
            "managed",
            "coreMigrationVersion",
            "typeMigrationVersion",
            "references",
            "attributes",
        }
        assert (one["coreMigrationVersion"], one["typeMigrationVersion"]) == ("8.8.0", VERSIONS[one["type"]])
        assert one["managed"] is False
        assert "showApplySelections" not in json.dumps(one)
        assert "sections" not in one["attributes"]


def test_ids_are_unique_over_people_and_end_with_the_persons_key() -> None:
    every = [(one["type"], one["id"]) for objects in FILES.values() for one in objects]
    assert max(Counter(every).values()) == 1
    for key, objects in FILES.items():
        assert all(one["id"].endswith(f"-{key}") for one in objects)


def test_each_person_has_the_seven_dashboards() -> None:
    for key, objects in (("anna", ANNAS), ("ben", BENS)):
        assert [one["id"] for one in objects if one["type"] == "dashboard"] == [f"cgm-{b}-{key}" for b in DASHBOARDS]


@BOTH
def test_every_reference_resolves_inside_the_file(objects: list[Json]) -> None:
    there = {(one["type"], one["id"]) for one in objects}
    for one in objects:
        for reference in one["references"]:
            assert (reference["type"], reference["id"]) in there, (one["id"], reference)
        assert len({r["name"] for r in one["references"]}) == len(one["references"])


@BOTH
def test_what_needs_a_reference_has_it(objects: list[Json]) -> None:
    for board in (one for one in objects if one["type"] == "dashboard"):
        expected = {f"tag-ref-{one['id']}" for one in objects if one["type"] == "tag"}
        for panel in panels([board]):
            expected |= _needed(panel)
        source = json.loads(board["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
        expected |= {one["meta"]["indexRefName"] for one in source["filter"]}
        controls = json.loads(board["attributes"].get("controlGroupInput", {}).get("panelsJSON", "{}"))
        for name, control in controls.items():
            kind = {"optionsListControl": "optionsListDataView", "rangeSliderControl": "rangeSliderDataView"}
            expected.add(f"controlGroup_{name}:{kind[control['type']]}")
        assert {r["name"] for r in board["references"]} == expected


def _needed(panel: Panel) -> set[str]:
    index, config = panel.panel["panelIndex"], panel.config
    needed = set()
    if panel.panel["type"] == "lens":
        inner = {r["name"] for r in config["attributes"]["references"]}
        assert inner == {f"indexpattern-datasource-layer-{layer}" for layer in layers(panel)}, str(panel)
        needed |= {f"{index}:{name}" for name in inner}
    if "panelRefName" in panel.panel:
        assert panel.panel["panelRefName"] == f"panel_{index}"
        needed.add(f"{index}:panel_{index}")
    if panel.panel["type"] == "links":
        needed |= {f"{index}:{link['destinationRefName']}" for link in config["attributes"]["links"]}
    for event in config["enhancements"].get("dynamicActions", {}).get("events", []):
        needed.add(f"{index}:drilldown:{event['action']['factoryId']}:{event['eventId']}:dashboardId")
    return needed


@BOTH
def test_other_fields_exist_in_the_mapping(objects: list[Json]) -> None:
    for one in objects:
        attributes = one["attributes"]
        fields = mapping.RUNS if one["id"].endswith("-operator") else mapping.PERSON
        if one["type"] == "index-pattern":
            assert set(json.loads(attributes["fieldFormatMap"])) <= set(fields)
            assert attributes["runtimeFieldMap"] == "{}"
        if one["type"] == "search":
            assert set(attributes["columns"]) <= set(fields)
            query = json.loads(attributes["kibanaSavedObjectMeta"]["searchSourceJSON"])["query"]["query"]
            assert kql.names(kql.read(query)) <= set(fields)
        if "controlGroupInput" in attributes:
            views = {r["name"]: r["id"] for r in one["references"]}
            for name, control in json.loads(attributes["controlGroupInput"]["panelsJSON"]).items():
                view = next(v for n, v in views.items() if n.startswith(f"controlGroup_{name}:"))
                there = mapping.RUNS if view.startswith("cgm-runs-") else mapping.PERSON
                assert control["explicitInput"]["fieldName"] in there


@BOTH
def test_no_scripts_and_nothing_that_costs_a_licence(objects: list[Json]) -> None:
    words = json.dumps(objects)
    for forbidden in ("painless", "URL_DRILLDOWN", "esql", '"script"', 'adHocDataViews": {"'):
        assert forbidden not in words


def test_the_unit_decides_fields_limits_and_charts() -> None:
    anna, ben = str(ANNAS), str(BENS)
    assert "glucose.mmol_l" not in json.dumps(
        [s for p in LENS if "anna" in str(p) for s in values_of(p.panel, "sourceField")]
    )
    assert "glucose.mg_dl" not in json.dumps(
        [s for p in LENS if "ben" in str(p) for s in values_of(p.panel, "sourceField")]
    )
    assert "70–180 mg/dL" in anna
    assert "3.5–7.8 mmol/L" in ben  # 63–140 mg/dL
    params = _params(BENS)
    assert params["unit"] == "mmol/L"
    assert (params["decimals"], params["low"], params["high"]) == (1, 63, 140)
    assert params["factor"] == pytest.approx(1 / 18.01559, abs=1e-7)


def _params(objects: list[Json]) -> dict[str, Any]:
    chart = next(p for p in panels(objects) if p.config.get("savedVis", {}).get("type") == "vega")
    spec = json.loads(chart.config["savedVis"]["params"]["spec"])
    return {one["name"]: one["value"] for one in spec["params"]}


def test_charts_read_the_persons_index_and_carry_nothing_of_our_pages() -> None:
    for panel in ALL_PANELS:
        if panel.config.get("savedVis", {}).get("type") == "vega":
            spec = json.loads(panel.config["savedVis"]["params"]["spec"])
            operators = panel.dashboard["id"].endswith("-operator")
            assert set(values_of(spec, "index")) == {RUNS_INDEX if operators else INDEX}
            assert "usermeta" not in spec
            assert not {"width", "height"} & set(spec)


def test_a_name_stays_as_it_is_and_no_placeholder_is_left() -> None:
    assert ANNAS[1]["attributes"]["name"] == f"Glucose: {ANNA.display_name}"

    for objects in (BENS, FILES["operator"]):
        assert not re.findall(r"\{(?:[a-z][a-z_]*)\}", json.dumps(objects))


def test_the_same_person_gives_the_same_bytes_within_kibanas_limits() -> None:
    assert export_person(BEN) == export_person(BEN)
    assert len(export_person(BEN)) < 2_000_000
    assert export_operator() == export_operator()


def test_an_id_that_kibana_cannot_hold_is_refused() -> None:

    with pytest.raises(Misconfigured, match="cannot be used in Kibana"):
        KibanaPerson(user_id="Ben Ü", display_name="Ben", index_alias="x")
