"""No Lens or list panel is empty for any person of the demo, over the span in which the panel opens."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from connectors.dexcom.devices import DeviceStates
from connectors.dexcom.events import Alerts, Calibrations, Events
from connectors.dexcom.readings import Readings
from glucoflow.enrich import Enricher, Owner
from glucoflow.kibana import KibanaPerson
from glucoflow.kibana.export import person_objects
from glucoflow.model.ingestion import Window
from glucoflow.model.units import parse_unit
from glucoflow.simulators.dexcom import demo_scenario
from glucoflow.simulators.dexcom.archive import Archive
from tests.kibana import kql
from tests.kibana.conftest import epoch, flat
from tests.kibana.objects import Json, Panel, layers, panels, state
from tests.kibana.people import episodes

NOW = datetime(2026, 11, 21, 15, 0, tzinfo=UTC)
WORLD = demo_scenario(NOW)
ARCHIVE = Archive(WORLD)
LONGEST = timedelta(days=31)
UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "y": timedelta(days=365)}
KINDS: dict[Any, Any] = {
    "egvs": ("readings", Readings),
    "events": ("events", Events),
    "calibrations": ("calibrations", Calibrations),
    "alerts": ("alerts", Alerts),
    "devices": ("devices", DeviceStates),
}

Doc = dict[str, Any]


def documents(person: Any) -> list[Doc]:
    """The last month of a person's documents, made as a sync makes them, newest first and flat."""
    owner = Owner(user_id=person.id, connection_id="c1", provider="dexcom", zone=person.zone)
    window, made = Window(NOW - LONGEST, NOW), []
    for endpoint, (kind, converter) in KINDS.items():
        raws = msgspec.json.decode(ARCHIVE.page(person.id, endpoint, window.start, NOW, NOW), type=list[msgspec.Raw])
        page = converter(NOW).page(window, raws)
        assert not page.rejected
        made += [doc.source for doc in Enricher(owner, kind).documents(page.records)]
    sources = [msgspec.json.decode(msgspec.json.encode(one)) for one in made]
    sources += episodes(person.id, sources)
    flats = [flat({**one, "payload": None}) | {"epoch": epoch(one)} for one in sources]
    return sorted(flats, key=lambda one: -one["epoch"])


def objects_of(person: Any) -> list[Json]:
    return person_objects(
        KibanaPerson(
            user_id=person.id, display_name=person.name, unit=parse_unit(person.unit), index_alias=f"cgm-{person.id}"
        )
    )


def shown_in(panel: Panel, docs: list[Doc]) -> list[Doc]:
    """The documents of the span in which the panel opens: the dashboard's, or its own."""
    span = panel.config.get("timeRange", {}).get("from", panel.dashboard["attributes"]["timeFrom"])
    found = re.fullmatch(r"now-(\d+)([hdy])", span)
    assert found, span
    start = (NOW - int(found[1]) * UNITS[found[2]]).timestamp() * 1000
    return [one for one in docs if one["epoch"] >= start]


def held(query: str, docs: list[Doc]) -> list[Doc]:
    tree = kql.read(query)
    return [one for one in docs if kql.holds(tree, one)]


def missing(panel: Panel, docs: list[Doc]) -> list[str]:
    """What a panel would have no value for: itself without a row, or a column without a number in any row."""
    look, lacking = state(panel)["visualization"], []
    for layer in layers(panel).values():
        columns = {n: c for n, c in layer["columns"].items() if c["operationType"] not in {"static_value", "math"}}
        if not columns:
            continue  # limits
        rows = held(state(panel)["query"]["query"], docs)
        rows = [one for one in rows if all(c["sourceField"] in one for c in columns.values() if c["isBucketed"])]
        if "metricAccessor" in look:
            assert columns[look["metricAccessor"]]["params"]["emptyAsNull"] is False, "nothing noted is 0, not N/A"
            continue
        if not rows:
            lacking.append("every row")
        for column in columns.values():
            field = column.get("sourceField", "___records___")
            if column["isBucketed"] or column["operationType"] in {"count", "formula"}:
                continue  # no such document is 0
            if not any(field in one for one in held(column.get("filter", {}).get("query", ""), rows)):
                lacking.append(column["label"])
    return lacking


@pytest.mark.parametrize("person", WORLD.people, ids=lambda one: one.id)
def test_no_panel_is_empty(person: Any) -> None:
    docs, objects = documents(person), objects_of(person)
    lists = {
        one["id"]: msgspec.json.decode(one["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])["query"]["query"]
        for one in objects
        if one["type"] == "search"
    }
    empty: dict[str, list[str]] = {}
    looked_at = 0
    for panel in panels(objects):
        some = shown_in(panel, docs)
        index, kind = panel.panel["panelIndex"], panel.panel["type"]
        if kind == "lens":
            looked_at += 1
            empty |= {str(panel): lacking for lacking in [missing(panel, some)] if lacking}
        if kind == "search":
            looked_at += 1
            name = f"{index}:panel_{index}"
            found = next(one["id"] for one in panel.dashboard["references"] if one["name"] == name)
            empty |= {str(panel): ["every row"]} if not held(lists[found], some) else {}
    assert empty == {}
    assert looked_at > 15


def test_a_month_without_a_list_would_be_noticed() -> None:
    """The check itself: without meals, boluses and the rest the list of events is empty."""
    alma = next(one for one in WORLD.people if one.id == "alma")
    panel = next(p for p in panels(objects_of(alma)) if p.name == "day-table")
    reading = {
        "event.dataset": "cgm.reading",
        "glucose.mg_dl": 100.0,
        "time.date": "2026-11-21",
        "epoch": NOW.timestamp() * 1000,
    }
    assert missing(panel, []) == ["every row", "Mean mg/dL", "Lowest mg/dL", "Highest mg/dL"]
    assert missing(panel, [reading]) == []
