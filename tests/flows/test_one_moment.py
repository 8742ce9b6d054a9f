"""Readings of one moment from several sources: one counts, whatever comes first, and the others when it goes."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import orjson
import pytest

from glucoflow.enrich import Enricher, Owner
from glucoflow.es.moments import ReadingMoments
from glucoflow.es.scan import refresh, scan
from glucoflow.model.documents import Document
from glucoflow.model.records import Device, Reading
from glucoflow.service.one_moment import settle_changes, settle_span
from glucoflow.service.ranking import prefer_sensor
from tests.flows.conftest import NOW, House

DAY = datetime(2026, 6, 18, tzinfo=UTC)
OTHER = "ffffffffffffffffffffffffffffffff"


def readings(count: int, start: datetime = DAY, value: float = 150, device: str = "other sensor") -> Iterable[Reading]:
    for i in range(count):
        time = start + timedelta(minutes=5 * i)
        payload = msgspec.Raw(b'{ "sgv" : %d.50, "n" : %d }' % (value, i))
        yield Reading(
            time=time, key=f"{device} {time}", value=value, unit="mg/dL", device=Device(id=device), payload=payload
        )


def documents(house: House, found: Iterable[Reading], connection: str = OTHER) -> list[Document]:
    owner = Owner(user_id="alma", connection_id=connection, provider="other", zone="Europe/Berlin")
    return list(Enricher(owner, "readings").documents(found))


def write(house: House, found: list[Document], deleted: list[str] | None = None) -> None:
    house.rt.sink("alma").write(found, deleted or [], house.clock())


def held(house: House) -> list[dict[str, Any]]:
    alias = house.rt.names.alias("alma")
    refresh(house.rt.client, alias)
    query = {"term": {"event.dataset": "cgm.reading"}}
    return [orjson.loads(bytes(hit.source)) for hit in scan(house.rt.client, alias, query)]


def versions(house: House) -> dict[str, int]:
    whole = ReadingMoments(house.rt.client, house.rt.names, "alma").between(DAY - timedelta(days=60), NOW)
    every = house.versions("alma")
    return {key: every[key] for key in whole.ids}


def superseded(house: House, connection: str | None = None) -> int:
    return sum(
        one["sample"].get("superseded", False)
        for one in held(house)
        if connection is None or one["connection"]["id"] == connection
    )


def counted(house: House) -> int:
    refresh(house.rt.client, house.rt.names.alias("alma"))
    return house.rt.queries.overview("alma", DAY - timedelta(days=60), NOW + timedelta(days=1)).n


def settle(house: House) -> int:
    return settle_changes(house.rt, "alma", None)


@pytest.fixture
def own(house: House) -> int:
    """How many readings Alma's first connection brought; all of them count."""
    house.sync("alma")
    assert superseded(house) == 0
    return counted(house)


def test_the_connection_that_was_there_first_counts_and_the_other_fills_its_gaps(house: House, own: int) -> None:
    write(house, documents(house, readings(288)))
    assert counted(house) == own + 288
    settle(house)
    assert superseded(house) == superseded(house, OTHER) > 200
    assert counted(house) == own + 288 - superseded(house)
    for one in held(house):
        if one["connection"]["id"] == OTHER and not one["sample"].get("superseded"):
            at = datetime.fromisoformat(one["@timestamp"])
            span = (at - timedelta(seconds=150), at + timedelta(seconds=150.001))
            assert house.rt.queries.overview("alma", *span).n == 1, "nobody else stands for this moment"


def test_looking_again_writes_nothing_and_neither_does_reading_again(house: House, own: int) -> None:
    found = documents(house, readings(288))
    write(house, found)
    assert settle(house) > 0
    before = versions(house)
    assert settle(house) == 0
    write(house, found)
    house.clock.advance(timedelta(minutes=10))
    house.sync("alma")
    after = versions(house)
    assert {key: after[key] for key in before} == before


def test_it_is_undone_when_the_better_reading_goes(house: House, own: int) -> None:
    write(house, documents(house, readings(12)))
    settle(house)
    marked = superseded(house)
    assert marked
    moments = ReadingMoments(house.rt.client, house.rt.names, "alma").between(DAY, DAY + timedelta(hours=1))
    better = [
        key
        for key, route in zip(moments.ids, moments.route.tolist(), strict=True)
        if moments.routes[route].connection_id != OTHER
    ]
    write(house, [], better)
    settle_span(house.rt, "alma", DAY, DAY + timedelta(hours=1))
    assert superseded(house) == 0


def test_a_changed_record_keeps_its_mark(house: House, own: int) -> None:
    write(house, documents(house, readings(12)))
    settle(house)
    marked = superseded(house)
    house.clock.advance(timedelta(minutes=1))
    write(house, documents(house, readings(12, value=151)))
    assert superseded(house) == 0, "its content is new, and says nothing of others"
    assert settle_changes(house.rt, "alma", house.clock()) == marked
    assert superseded(house) == marked


def test_what_the_provider_sent_stays_byte_for_byte(house: House, own: int) -> None:
    write(house, documents(house, readings(12)))
    settle(house)
    alias = house.rt.names.alias("alma")
    refresh(house.rt.client, alias)
    for hit in scan(house.rt.client, alias, {"term": {"connection.id": OTHER}}):
        assert b'{ "sgv" : 150.50, "n" : ' in bytes(hit.source)


def test_the_sensor_that_was_worn_before_counts_though_its_history_comes_later(house: House) -> None:
    """B's afternoon is there first; then A's, which began in the morning; then B's own history of the day before."""
    noon = DAY + timedelta(hours=12)
    write(house, documents(house, readings(48, noon, device="B")))
    settle(house)
    house.clock.advance(timedelta(minutes=1))
    write(house, documents(house, with_transmitters(readings(96, DAY + timedelta(hours=8), device="A"))))
    write(house, documents(house, with_transmitters(readings(48, noon, device="B2"))))
    settle_changes(house.rt, "alma", house.clock())
    assert _counting(house, noon) == {"A"}
    house.clock.advance(timedelta(minutes=1))
    write(house, documents(house, with_transmitters(readings(12, DAY - timedelta(days=2), device="B2"))))
    settle_changes(house.rt, "alma", house.clock())
    assert _counting(house, noon) == {"B2"}, "it was worn before after all"
    assert prefer_sensor(house.rt, "alma", newer=True) == 96
    assert _counting(house, noon) == {"A"}, "a person may want the newer one"


def with_transmitters(found: Iterable[Reading]) -> Iterable[Reading]:
    for one in found:
        assert one.device
        device = msgspec.structs.replace(one.device, transmitter_id=one.device.id)
        yield msgspec.structs.replace(one, device=device)


def _counting(house: House, start: datetime) -> set[str]:
    end = start + timedelta(hours=4)
    return {
        one["device"]["id"]
        for one in held(house)
        if start <= datetime.fromisoformat(one["@timestamp"]) < end and not one["sample"].get("superseded")
    }
