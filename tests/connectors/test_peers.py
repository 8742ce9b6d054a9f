"""Clients that others wrote read from the doubles what our connectors read: neither was made to fit the other."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from pydexcom import Dexcom, Region
from pydexcom.const import DEXCOM_BASE_URLS
from pydexcom.errors import AccountError
from pylibrelinkup import PyLibreLinkUp
from pylibrelinkup.exceptions import AuthenticationError

from connectors.dexcom_share import HELD
from glucoflow.model import records as r
from glucoflow.model.ingestion import Window
from glucoflow.simulators import dexcom_share, librelinkup
from glucoflow.simulators.people import demo_scenario
from glucoflow.simulators.settable_clock import SettableClock
from tests.connectors import test_dexcom_share as share
from tests.connectors import test_librelinkup as libre

NOW = datetime(2026, 11, 21, 12, 0, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def at_share() -> Iterator[share.Running]:
    clock = SettableClock(NOW)
    with dexcom_share.running_cloud(demo_scenario(NOW, days=3), clock) as (url, cloud):
        yield share.Running(url, cloud, clock)


@pytest.fixture(scope="module")
def at_libre() -> Iterator[libre.Running]:
    clock = SettableClock(NOW)
    with librelinkup.running_cloud(demo_scenario(NOW, days=3), clock) as (url, cloud):
        yield libre.Running(url, cloud, clock)


@pytest.fixture
def their_share(at_share: share.Running, monkeypatch: pytest.MonkeyPatch) -> share.Running:
    """Only the address is another."""
    address = f"{at_share.url}/ShareWebServices/Services/"
    monkeypatch.setitem(DEXCOM_BASE_URLS, Region.US, address)
    return at_share


@pytest.mark.parametrize("person", ["alma", "chiara", "dario"])
def test_pydexcom_reads_what_we_read(their_share: share.Running, person: str) -> None:
    theirs = Dexcom(username=f"{person}@example.org", password=their_share.cloud.password(person), region=Region.US)
    found = theirs.get_glucose_readings(minutes=1440, max_count=288)
    ours = {one.time: one for one in their_share.read(person, HELD)}
    assert len(found) > 100
    for one in found:
        mine = ours.pop(one.datetime.astimezone(UTC))
        assert (mine.value, mine.unit, mine.trend_word) == (one.value, "mg/dL", one.trend_direction)
        offset = one.datetime.utcoffset()
        assert offset is not None
        assert mine.offset_min == offset / timedelta(minutes=1)
    assert not ours, "and nothing besides"


def test_pydexcom_is_refused_as_we_are(their_share: share.Running) -> None:
    with pytest.raises(AccountError):
        Dexcom(username="alma@example.org", password="wrong", region=Region.US)


def theirs_at(running: libre.Running, email: str, password: str) -> PyLibreLinkUp:
    client = PyLibreLinkUp(email=email, password=password)
    client.api_url = running.url
    client.authenticate()
    return client


@pytest.mark.parametrize("person", ["alma", "chiara"])
def test_pylibrelinkup_reads_what_we_read(at_libre: libre.Running, person: str) -> None:
    email = f"{person}@example.org"
    theirs = theirs_at(at_libre, email, f"{person}-libre")
    (patient,) = theirs.get_patients()
    connector = at_libre.connector(at_libre.credentials(email))
    window = Window(NOW - timedelta(hours=12), NOW + SECOND)
    ours: dict[datetime, Any] = {
        one.time: one
        for page in connector.pages("readings", window)
        for one in page.records
        if isinstance(one, r.Reading)
    }
    graph, latest = theirs.graph(patient), theirs.latest(patient)
    assert isinstance(patient.patient_id, UUID)
    assert len(graph) > 100
    for one in (*graph, latest):
        at = one.factory_timestamp.replace(tzinfo=UTC)
        if at >= window.start:
            assert ours.pop(at).value == one.value_in_mg_per_dl
    assert not ours, "and nothing besides"


def test_pylibrelinkup_is_refused_as_we_are(at_libre: libre.Running) -> None:
    with pytest.raises(AuthenticationError):
        theirs_at(at_libre, "alma@example.org", "wrong")
