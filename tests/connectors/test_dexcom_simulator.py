"""The connector against the simulated cloud, which shares no code with it: all that is there, as it is, once."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
import requests
from pydantic import SecretStr

from connectors.dexcom import PROVIDER, DexcomSettings
from connectors.dexcom.connector import DexcomConnector, open_connector
from connectors.dexcom.oauth import DexcomAuthorizer
from connectors.dexcom.oauth import authorizer as authorizer_of
from glucoflow.model import records as r
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import Misconfigured, Reauthorize, Retryable, Unreadable
from glucoflow.model.ingestion import Kind, Window
from glucoflow.provider import Double, Limits, Page, Site, Terms
from glucoflow.simulators.dexcom import (
    Client,
    Fault,
    Scenario,
    SettableClock,
    Simulator,
    demo_scenario,
    running_simulator,
)
from tests.bruno import DAY, ENDPOINTS, NOW, OFFLINE, offline

SINCE = NOW - timedelta(days=90)
REDIRECT = Client().redirect_uris[0]
PATIENT = Limits(read_s=3, first_wait_s=0.01, longest_wait_s=0.05, max_bytes=8 * 2**20)


def scenario() -> Scenario:
    """The demo's people; bruno's phone was offline for four weeks, then he revises and deletes."""
    demo = demo_scenario(NOW, days=90)
    return replace(demo, people=tuple(offline(one) if one.id == "bruno" else one for one in demo.people))


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Simulator, SettableClock]]:
    clock = SettableClock(NOW)
    with running_simulator(scenario(), clock=clock) as sim:
        yield sim, clock


@pytest.fixture
def sim(running: tuple[Simulator, SettableClock]) -> Simulator:
    sim, clock = running
    clock.set(NOW)
    sim.faults.clear()
    return sim


def site(sim: Simulator, secret: str = Client().secret) -> Site:
    double = Double(url=sim.base_url, client_id=Client().id, client_secret=SecretStr(secret), redirect_uri=REDIRECT)
    return Site(region="simulator", double=double)


def authorizer(sim: Simulator, secret: str = Client().secret) -> DexcomAuthorizer:
    return authorizer_of(DexcomSettings(), site(sim, secret))


def consent(sim: Simulator, person: str) -> Credentials:
    """Walk the code flow as a browser would."""
    url = authorizer(sim).authorize_url("the-state") + f"&person={person}&auto=1"
    back = requests.get(url, allow_redirects=False, timeout=120).headers["Location"]
    query = parse_qs(urlsplit(back).query)
    assert query["state"] == ["the-state"]
    return authorizer(sim).exchange(query["code"][0], NOW)


def open_for(sim: Simulator, person: str, now: datetime = NOW) -> DexcomConnector:
    credentials = consent(sim, person)

    def source(force: bool) -> Credentials:
        nonlocal credentials
        if force:
            credentials = authorizer(sim).refresh(credentials, now)
        return credentials

    return open_connector(DexcomSettings(), site(sim), source, Terms(now=now, limits=PATIENT))


def read(connector: DexcomConnector, kind: Kind, window: Window | None = None) -> list[Page]:
    window = window or connector.extent(kind)
    return [] if window is None else list(connector.pages(kind, window))


@pytest.mark.parametrize("person", ["alma", "bruno", "chiara", "dario"])
def test_everything_an_account_holds(sim: Simulator, person: str) -> None:
    connector = open_for(sim, person)
    for kind in PROVIDER.kinds:
        pages = read(connector, kind)
        records = [record for page in pages for record in page.records]
        assert [rejection for page in pages for rejection in page.rejected] == []
        assert [record.time for record in records] == sorted(record.time for record in records) or kind == "devices"
        truth = sim.truth(person, ENDPOINTS[kind], SINCE - DAY, NOW)
        if kind == "devices":
            assert sum(isinstance(record, r.DeviceStatus) for record in records) == len(truth)
            continue
        assert [msgspec.json.decode(record.payload) for record in records] == sorted(
            truth, key=lambda wire: (wire["systemTime"], wire["recordId"])
        )
        assert {record.key for record in records} == {wire["recordId"] for wire in truth}
    connector.close()


def test_values_and_local_times_are_those_sent(sim: Simulator) -> None:
    connector = open_for(sim, "dario")
    readings = [record for page in read(connector, "readings") for record in page.records]
    assert len(readings) > 20_000
    for reading in readings:
        wire = msgspec.json.decode(reading.payload)
        assert isinstance(reading, r.Reading)
        assert (reading.value, reading.unit, reading.trend_word) == (wire["value"], "mg/dL", wire["trend"])
        shown = datetime.fromisoformat(wire["displayTime"])
        assert shown == reading.time
        assert shown.utcoffset() == timedelta(minutes=reading.offset_min or 0)
    connector.close()


def test_a_phone_that_was_offline_is_found_by_what_was_updated(
    sim: Simulator, running: tuple[Simulator, SettableClock]
) -> None:
    clock = running[1]
    clock.set(NOW - timedelta(hours=1))
    before = open_for(sim, "bruno", NOW - timedelta(hours=1)).extent("readings")
    assert before is not None
    assert before.end <= OFFLINE.start
    clock.set(NOW + timedelta(minutes=1))
    updated = open_for(sim, "bruno", NOW).extent("readings", NOW - timedelta(hours=1))
    assert updated is not None
    assert updated.start < OFFLINE.start + timedelta(hours=1)


def test_updates_and_deletions_arrive(sim: Simulator, running: tuple[Simulator, SettableClock]) -> None:
    window = Window(NOW - 25 * DAY, NOW)
    held: dict[str, Any] = {}
    for days, changed in ((0, False), (1.5, True), (2.5, True)):
        at = NOW + days * DAY
        running[1].set(at)
        connector = open_for(sim, "bruno", at)
        for page in read(connector, "events", window):
            held.update({record.key: msgspec.json.decode(record.payload) for record in page.records})
            for key in page.deleted:
                held.pop(key, None)
        truth = {wire["recordId"]: wire for wire in sim.truth("bruno", "events", window.start, window.end)}
        assert held == truth
        assert any(wire["eventStatus"] == "updated" for wire in held.values()) is changed
        connector.close()
    assert sum(len(page.deleted) for page in read(open_for(sim, "bruno", at), "events", window)) > 0


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fault("status", path="egvs", status=503, times=2), None),
        (Fault("status", path="egvs", status=429, retry_after=0), None),
        (Fault("status", path="egvs", status=503, times=9), Retryable),
        (Fault("status", path="egvs", status=429, retry_after=60), Retryable),
        (Fault("html", path="egvs"), None),
        (Fault("html", path="egvs", times=9), Retryable),
        (Fault("truncated", path="egvs"), None),
        (Fault("cut", path="egvs"), None),
        (Fault("reset", path="egvs"), None),
        (Fault("lost", path="egvs"), None),
        (Fault("slow", path="egvs", seconds=5), None),  # given up, halved, and then good
        (Fault("huge", path="egvs", size=9 * 2**20), None),
        (Fault("duplicates", path="egvs"), None),
        (Fault("date", path="egvs", shift=timedelta(days=400)), None),
        (Fault("revoke", path="egvs"), Reauthorize),
        (Fault("status", path="egvs", status=400), Unreadable),
    ],
    ids=lambda value: f"{value.kind}-{value.status}-{value.times}" if isinstance(value, Fault) else None,
)
def test_a_fault_changes_nothing_or_is_said(sim: Simulator, fault: Fault, outcome: type[Exception] | None) -> None:
    connector = open_for(sim, "alma")
    window = Window(NOW - 2 * DAY, NOW)
    served = sim.faults.served[fault.kind]
    sim.faults.add(fault)
    if outcome is None:
        keys = [record.key for page in read(connector, "readings", window) for record in page.records]
        truth = sim.truth("alma", "egvs", window.start, window.end)
        assert keys == [wire["recordId"] for wire in truth]
    else:
        with pytest.raises(outcome):
            read(connector, "readings", window)
    assert sim.faults.served[fault.kind] > served
    connector.close()


def test_odd_records_are_kept_aside_and_the_page_goes_on(sim: Simulator) -> None:
    odd: list[dict[str, Any]] = [
        {"recordId": "odd", "systemTime": "2026-11-20T25:00:00Z", "value": 100},
        {"value": None},
    ]
    sim.faults.add(Fault("records", path="egvs", records=odd))
    connector = open_for(sim, "alma")
    (page,) = read(connector, "readings", Window(NOW - DAY, NOW))
    assert len(page.records) == len(sim.truth("alma", "egvs", NOW - DAY, NOW))
    assert [(rejection.key, rejection.field) for rejection in page.rejected] == [
        ("odd", "systemTime"),
        (None, "systemTime"),
    ]
    connector.close()


def test_an_expired_token_is_renewed_and_the_old_refresh_token_is_spent(
    sim: Simulator, running: tuple[Simulator, SettableClock]
) -> None:
    token = consent(sim, "alma")
    renewed = authorizer(sim).refresh(token, NOW)
    assert renewed["refresh"] != token["refresh"]
    connector = open_for(sim, "alma", NOW + timedelta(hours=3))
    running[1].set(NOW + timedelta(hours=3))
    assert read(connector, "readings", Window(NOW - timedelta(hours=1), NOW))[0].records
    with pytest.raises(Reauthorize):
        authorizer(sim).refresh(token, NOW)
    connector.close()


def test_a_wrong_client_secret_is_the_operators(sim: Simulator) -> None:
    token = consent(sim, "alma")
    with pytest.raises(Misconfigured, match="DEXCOM_CLIENT_SECRET"):
        authorizer(sim, "wrong").refresh(token, NOW)
