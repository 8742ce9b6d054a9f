"""Provider to index and out again, with nothing pretended: simulated cloud, connector, store, flows' work, a real node.

Bruno's phone is offline for four weeks, comes back, then readings are revised, events updated, events deleted. After
each sync the index is what the cloud holds; and what is exported, deleted and imported is the same again.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from glucoflow.enrich import Owner
from glucoflow.es.provision import delete_user, ensure_index
from glucoflow.es.scan import refresh, scan
from glucoflow.model.ingestion import Counts, Kind
from glucoflow.service.export import ExportFormat, export
from glucoflow.simulators.dexcom import (
    Scenario,
    SettableClock,
    demo_scenario,
)
from glucoflow.tidepool.files import read_file
from tests.bruno import DAY, ENDPOINTS, NOW, offline
from tests.flows.conftest import House, opened_house
from tests.node import Node

MINUTE = timedelta(minutes=1)
DATASETS: dict[Kind, list[str]] = {
    "readings": ["cgm.reading"],
    "calibrations": ["cgm.calibration"],
    "alerts": ["device.alert"],
    "events": ["insulin.bolus", "insulin.basal", "food", "exercise", "health", "note", "glucose.fingerstick"],
}
DERIVED = ["summary.day", "summary.period", "episode", "insight"]


def scenario() -> Scenario:
    demo = demo_scenario(NOW, days=32)
    return replace(demo, people=(offline(demo.person("bruno")),))


@pytest.fixture(scope="module")
def house(elasticsearch_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Bruno's, on the day before his phone goes offline."""
    clock = SettableClock(NOW - 29 * DAY)
    with opened_house(elasticsearch_node, tmp_path_factory.mktemp("bruno"), scenario(), clock) as opened:
        yield opened


def synced(house: House, now: datetime) -> Counts:
    house.clock.set(now)
    (outcome,) = house.sync("bruno")
    assert outcome.status == "ok"
    return outcome.counts


def held(house: House, kind: Kind) -> dict[str, Any]:
    """Payloads of what is in the index, by the provider's id."""
    alias = house.rt.names.alias("bruno")
    refresh(house.rt.client, alias)
    found = scan(house.rt.client, alias, {"terms": {"event.dataset": DATASETS[kind]}})
    payloads = [msgspec.json.decode(hit.source)["payload"] for hit in found]
    return {payload["recordId"]: payload for payload in payloads}


def truth(house: House, kind: Kind) -> dict[str, Any]:
    since = house.sim.scenario.person("bruno").since
    records = house.sim.truth("bruno", ENDPOINTS[kind], since, house.clock())
    return {record["recordId"]: record for record in records}


def test_four_weeks_offline_then_back_then_revised_and_deleted(house: House) -> None:
    told: list[Counts] = []
    for now in (NOW - 29 * DAY, NOW - 14 * DAY, NOW + MINUTE, NOW + DAY + MINUTE, NOW + 2 * DAY + MINUTE):
        told.append(synced(house, now))
        for kind in DATASETS:
            assert held(house, kind) == truth(house, kind), (kind, now)
    first, quiet, back, revised, deleted = told
    assert first.created > 700
    assert quiet.created < first.created
    assert back.created > 7_000
    assert revised.updated > 250
    assert deleted.deleted > 0
    assert house.rt.store.rejected_records.list(user_id="bruno") == ()

    before = house.versions("bruno")
    again = synced(house, NOW + 2 * DAY + MINUTE)
    assert again.unchanged > 500
    assert (again.created, again.updated, again.deleted) == (0, 0, 0)
    assert house.versions("bruno") == before


@pytest.mark.parametrize("form", ["tidepool", "ndjson"])
def test_exported_deleted_and_imported_it_is_the_same(house: House, tmp_path: Path, form: ExportFormat) -> None:
    client, alias = house.rt.client, house.rt.names.alias("bruno")
    if not contents(house):  # another worker has the test before, after which the phone is back
        house.clock.set(NOW + 3 * DAY)
        house.sync("bruno")
    before = contents(house)
    assert len(before) > 8_000
    exported = export(scan(client, alias), form, tmp_path / "out")
    assert sum(n for dataset, n in exported.documents.items() if dataset not in DERIVED) == len(before)
    assert delete_user(client, house.rt.names, "bruno") == 1
    ensure_index(client, house.rt.names, "bruno")
    for batch in read_file(tmp_path / "out", owner_of(house)):
        assert batch.rejected == []
        result = house.rt.sink("bruno").write(batch.documents, (), NOW)
        assert (result.created, list(result.rejected)) == (len(batch.documents), [])
    refresh(client, alias)
    assert contents(house) == before


def owner_of(house: House) -> Owner:
    (connection,) = house.rt.store.connections.for_user("bruno")
    zone = house.rt.store.people.get("bruno").zone
    return Owner(user_id="bruno", connection_id=connection.id, provider="dexcom", zone=zone, delivers_meals=True)


def contents(house: House) -> dict[str, Any]:
    """Everything but what is derived, and the time of writing; the hash is of the bytes, so they are the same to the
    byte."""
    found: dict[str, Any] = {}
    query = {"bool": {"must_not": {"terms": {"event.dataset": DERIVED}}}}
    for hit in scan(house.rt.client, house.rt.names.alias("bruno"), query):
        source = msgspec.json.decode(hit.source)
        source["event"].pop("ingested")
        found[hit.id] = source
    return found
