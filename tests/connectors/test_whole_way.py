"""Provider to index and out again, with nothing pretended: simulated cloud, connector, enrichment, a real node.

Bruno's phone is offline for four weeks, comes back, then readings are revised, events updated, events deleted. After
each sync the index is what the cloud holds; and what is exported, deleted and imported is the same again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from elasticsearch import Elasticsearch
from pydantic import SecretStr

from connectors.dexcom import DexcomAuthorizer, DexcomConnector, DexcomHosts, Limits, open_connector
from connectors.tidepool_file import read_file
from glucoflow.connector import Counts, Kind, Rejection
from glucoflow.enrich import Enricher, Owner
from glucoflow.es.names import Names
from glucoflow.es.provision import delete_user, provision
from glucoflow.es.scan import Hit, refresh, scan
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.export import ExportFormat, export
from glucoflow.ingest import ingest, plan
from glucoflow.simulator import (
    Client,
    DeleteEvents,
    Offline,
    ReviseReadings,
    SettableClock,
    Simulator,
    UpdateEvents,
    World,
    demo_world,
    running_simulator,
)
from tests.connectors.test_dexcom_simulator import consent

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
START = NOW - 32 * DAY
OFFLINE = Offline(NOW - 28 * DAY, NOW)
CHANGES = (
    ReviseReadings(at=NOW + DAY, start=NOW - 20 * DAY, end=NOW - 19 * DAY),
    UpdateEvents(at=NOW + DAY, start=NOW - 12 * DAY, end=NOW - 10 * DAY),
    DeleteEvents(at=NOW + 2 * DAY, start=NOW - 11 * DAY, end=NOW - 9 * DAY),
)
OWNER = Owner(user_id="bruno", connection_id="c1", provider="dexcom", zone="America/New_York", delivers_meals=True)
ENDPOINTS: dict[Kind, Any] = {
    "readings": "egvs", "events": "events", "calibrations": "calibrations", "alerts": "alerts"
}  # fmt: skip


def world() -> World:
    demo = demo_world(NOW, days=32)
    bruno = replace(demo.person("bruno"), offline=(OFFLINE,), changes=CHANGES)
    return replace(demo, people=(bruno,))


class Ledger:
    """Checkpoints in memory."""

    def __init__(self) -> None:
        self._held: dict[Kind, datetime] = {}
        self.rejected: list[Rejection] = []

    def checkpoint(self, kind: Kind) -> datetime | None:
        return self._held.get(kind)

    def advance(
        self, kind: Kind, to: datetime | None, _counts: Counts, rejected: Sequence[Rejection], _now: datetime
    ) -> None:
        self.rejected += rejected
        if to is not None:
            self._held[kind] = max(to, self._held.get(kind, to))


class Syncs:
    """One person's syncs over time."""

    def __init__(self, sim: Simulator, clock: SettableClock, es: Elasticsearch, names: Names) -> None:
        self._sim = sim
        self._clock = clock
        self._es = es
        self._names = names
        self._last: datetime | None = None
        self.ledger = Ledger()

    def sync(self, now: datetime) -> Counts:
        self._clock.set(now)
        connector = self._connector(now)
        total = Counts()
        for kind in connector.capabilities.kinds:
            updated = connector.extent(kind, self._last) if self._last else None
            checkpoint = self.ledger.checkpoint(kind)
            window = plan(connector.capabilities, connector.extent(kind), updated, checkpoint, now)
            if window is not None:
                sink = ElasticsearchSink(self._es, self._names, OWNER.user_id)
                total += ingest(connector, kind, window, Enricher(OWNER, kind), sink, self.ledger, now)
        connector.close()
        self._last = now
        refresh(self._es, self._names.alias(OWNER.user_id))
        return total

    def _connector(self, now: datetime) -> DexcomConnector:
        hosts = DexcomHosts(base_url=self._sim.base_url)
        token = consent(self._sim, "bruno")
        authorizer = DexcomAuthorizer(hosts, Client().id, SecretStr(Client().secret), Client().redirect_uris[0])

        def source(force: bool) -> SecretStr:
            nonlocal token
            if force:
                token = authorizer.refresh(token.refresh, now)
            return token.access

        return open_connector(hosts, source, now=now, lag=timedelta(hours=6), limits=Limits(read_s=10))

    def held(self, kind: Kind) -> dict[str, Any]:
        """Payloads of what is in the index, by the provider's id."""
        datasets = {
            "readings": ["cgm.reading"], "calibrations": ["cgm.calibration"], "alerts": ["device.alert"],
            "events": ["insulin.bolus", "insulin.basal", "food", "exercise", "health", "note", "glucose.fingerstick"],
        }[kind]  # fmt: skip
        found = scan(self._es, self._names.alias(OWNER.user_id), {"terms": {"event.dataset": datasets}})
        payloads = [msgspec.json.decode(hit.source)["payload"] for hit in found]
        return {payload["recordId"]: payload for payload in payloads}

    def truth(self, kind: Kind, now: datetime) -> dict[str, Any]:
        records = self._sim.truth("bruno", ENDPOINTS[kind], START - DAY, now)
        return {record["recordId"]: record for record in records}


@pytest.fixture(scope="module")
def names(es: Elasticsearch) -> Iterator[Names]:
    names = Names(prefix="whole-way-", runs="whole-way-runs")
    provision(es, names)
    yield names
    delete_user(es, names, OWNER.user_id)


@pytest.fixture(scope="module")
def syncs(es: Elasticsearch, names: Names) -> Iterator[Syncs]:
    clock = SettableClock(NOW)
    with running_simulator(world(), clock=clock) as sim:
        yield Syncs(sim, clock, es, names)


def versions(es: Elasticsearch, names: Names) -> dict[str, int]:
    alias = names.alias(OWNER.user_id)
    answer = es.search(index=alias, size=10_000, source=False, version=True, sort=["@timestamp", "_seq_no"])
    return {hit["_id"]: hit["_version"] for hit in answer["hits"]["hits"]}


def test_four_weeks_offline_then_back_then_revised_and_deleted(syncs: Syncs, es: Elasticsearch, names: Names) -> None:
    told: list[Counts] = []
    for now in (NOW - 29 * DAY, NOW - 14 * DAY, NOW + MINUTE, NOW + DAY + MINUTE, NOW + 2 * DAY + MINUTE):
        told.append(syncs.sync(now))
        for kind in ENDPOINTS:
            assert syncs.held(kind) == syncs.truth(kind, now), (kind, now)
    assert syncs.ledger.rejected == []
    first, quiet, back, revised, deleted = told
    assert first.created > 700
    assert quiet.created < first.created
    assert back.created > 7_000
    assert revised.updated > 250
    assert deleted.deleted > 0
    before = versions(es, names)
    again = syncs.sync(NOW + 2 * DAY + MINUTE)
    assert (again.created, again.updated, again.deleted) == (0, 0, 0)
    assert versions(es, names) == before


@pytest.mark.parametrize("form", ["tidepool", "ndjson"])
def test_exported_deleted_and_imported_it_is_the_same(
    syncs: Syncs, es: Elasticsearch, names: Names, tmp_path: Path, form: ExportFormat
) -> None:
    alias = names.alias(OWNER.user_id)
    before = contents(scan(es, alias))
    assert len(before) > 8_000
    exported = export(scan(es, alias), form, tmp_path / "out")
    assert sum(exported.documents.values()) == len(before)
    assert delete_user(es, names, OWNER.user_id) == 1
    sink = ElasticsearchSink(es, names, OWNER.user_id)
    for batch in read_file(tmp_path / "out", OWNER):
        assert batch.rejected == []
        result = sink.write(batch.documents, (), NOW)
        assert (result.created, list(result.rejected)) == (len(batch.documents), [])
    refresh(es, alias)
    assert contents(scan(es, alias)) == before


def contents(hits: Iterator[Hit]) -> dict[str, Any]:
    """Everything but the time of writing; the hash is of the bytes, so they are the same to the byte."""
    found: dict[str, Any] = {}
    for hit in hits:
        source = msgspec.json.decode(hit.source)
        source["event"].pop("ingested")
        found[hit.id] = source
    return found
