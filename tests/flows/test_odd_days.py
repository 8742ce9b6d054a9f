"""Days out of the ordinary: empty, of one reading, of superseded ones, of 23 and 30 hours, and those that vanish."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import structs

from glucoflow.enrich import Enricher, Owner
from glucoflow.es.provision import delete_user, ensure_index
from glucoflow.model.documents import Document, SampleFields
from glucoflow.model.records import Reading
from glucoflow.service.summaries import summarize_changes, summarize_last, summarize_span
from tests.flows.conftest import NOW, House
from tests.flows.counting import days, documents

EVE = datetime(2026, 6, 19, 6, tzinfo=UTC)


@pytest.fixture
def odd(house: House) -> Iterator[House]:
    """A house whose other people are removed afterwards."""
    yield house
    for person in house.rt.store.people.list():
        delete_user(house.rt.client, house.rt.names, person.id)


def put(house: House, user_id: str, zone: str, stretches: list[tuple[datetime, int, int]]) -> None:
    """A person with a reading of 120 mg/dL every 5 minutes over stretches of (start, hours or 0 for one, offset)."""
    house.rt.store.people.add(user_id, user_id, NOW, zone=zone)
    ensure_index(house.rt.client, house.rt.names, user_id)
    owner = Owner(user_id=user_id, connection_id="c", provider="dexcom", zone=zone)
    house.rt.sink(user_id).write(made(owner, stretches), (), NOW)


def made(owner: Owner, stretches: list[tuple[datetime, int, int]]) -> Iterator[Document]:
    readings = [
        Reading(time=moment, key=moment.isoformat(), offset_min=offset, value=120, unit="mg/dL", interval_ms=300_000)
        for start, hours, offset in stretches
        for moment in (start + timedelta(minutes=5 * i) for i in range(max(1, hours * 12)))
    ]
    return Enricher(owner, "readings").documents(readings)


def test_superseded_readings_count_in_nothing_but_their_own_count(odd: House) -> None:
    odd.rt.store.people.add("two", "Two", NOW)
    ensure_index(odd.rt.client, odd.rt.names, "two")
    documents_of = list(made(Owner(user_id="two", connection_id="c", provider="dexcom", zone="UTC"), [(EVE, 4, 0)]))
    hidden = SampleFields(interval_ms=300_000, superseded=True)
    mixed = [
        Document(one.id, structs.replace(one.source, sample=hidden)) if i % 3 == 0 else one
        for i, one in enumerate(documents_of)
    ]
    odd.rt.sink("two").write(mixed, (), NOW)
    summarize_changes(odd.rt, "two", None)
    (only,) = days(odd, "two").values()
    assert (only["summary"]["n"], only["summary"]["left_out"]["superseded"]) == (32, 16)


def test_nothing_and_one_reading(odd: House) -> None:
    odd.rt.store.people.add("nil", "Nil", NOW)
    assert summarize_last(odd.rt, "nil").written == 0
    put(odd, "uno", "UTC", [(NOW - timedelta(days=1), 0, 0)])
    summarize_changes(odd.rt, "uno", None)
    (only,) = days(odd, "uno").values()
    assert (only["summary"]["n"], only["summary"]["mean_mg_dl"]) == (1, 120)
    assert "sd_mg_dl" not in only["summary"]
    assert only["summary"]["missing"]["sd_mg_dl"] == "needs two readings"
    assert only["summary"]["sufficiency"]["reason"].startswith("not enough data")
    assert documents(odd, "episode", "uno") == []


def test_a_day_that_lost_its_readings_loses_its_summary(odd: House) -> None:
    put(odd, "uno", "UTC", [(NOW - timedelta(days=2), 4, 0), (NOW - timedelta(days=1), 4, 0)])
    summarize_changes(odd.rt, "uno", None)
    assert len(days(odd, "uno")) == 2
    gone = [key for key, day in odd.rt.queries.ids("uno", "cgm.reading", "2026-06-18", "2026-06-18").items()]
    odd.rt.sink("uno").write((), gone, NOW)
    summarize_span(odd.rt, "uno", NOW - timedelta(days=2), NOW)
    assert set(days(odd, "uno")) == {"2026-06-19"}


def test_days_of_23_and_30_hours(odd: House) -> None:
    midnight = datetime(2026, 3, 28, 23, tzinfo=UTC)  # of 29 March in Berlin, when clocks go forward
    spring = [(midnight - timedelta(hours=24), 26, 60), (midnight + timedelta(hours=2), 45, 120)]
    put(odd, "dst", "Europe/Berlin", spring)
    start = datetime(2026, 2, 2, 23, tzinfo=UTC)  # a flight six hours west at noon
    put(odd, "trip", "Europe/Berlin", [(start - timedelta(hours=24), 36, 60), (start + timedelta(hours=12), 42, -300)])
    for user_id, name, hours in (("dst", "2026-03-29", 23), ("trip", "2026-02-03", 30)):
        summarize_changes(odd.rt, user_id, None)
        summary = days(odd, user_id)[name]["summary"]
        length = datetime.fromisoformat(summary["end"]) - datetime.fromisoformat(summary["start"])
        assert (length, summary["n"], summary["active_percent"]) == (timedelta(hours=hours), hours * 12, 100)
