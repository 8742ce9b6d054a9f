"""The app's hourly budget of calls."""

from dataclasses import replace
from datetime import timedelta

from glucoflow.model.ingestion import Window
from glucoflow.service.backfill import backfill_person
from tests.flows.conftest import NOW, House
from tests.flows.test_operator import with_cap


def test_a_backfill_leaves_calls_to_the_syncs(house: House) -> None:
    house.rt = replace(house.rt, providers=with_cap(house, 20))
    window = Window(NOW - timedelta(days=20), NOW)
    spent = [backfill_person(house.rt, "alma", window, None, (), lambda _share: None)[0].status for _ in range(4)]
    assert spent == ["ok", "ok", "ok", "retry"]
    assert calls(house) == 16
    (outcome,) = house.sync("alma")
    assert calls(house) == 20
    assert outcome.counts.unchanged > 500, "the readings came first, and there were calls for them"


def calls(house: House) -> int:
    return sum("/users/self/" in asked.path for asked in house.sim.requests)


def test_a_sync_stops_at_the_cap_and_goes_on_in_the_next_hour(house: House) -> None:
    house.rt = replace(house.rt, providers=with_cap(house, 2))
    before = len(house.sim.requests)
    (outcome,) = house.sync()
    assert outcome.status == "retry"
    assert len(house.sim.requests) - before == 2
    (connection,) = house.rt.store.connections.for_user("alma")
    assert connection.next_poll_at
    assert connection.next_poll_at - NOW >= timedelta(hours=1)
    house.clock.advance(timedelta(minutes=59))
    assert house.sync("alma")[0].status == "retry"
    assert len(house.sim.requests) - before == 2, "another worker's budget is the same one"
    house.clock.advance(timedelta(hours=1))
    house.rt = replace(house.rt, providers=with_cap(house, 1000))
    assert house.sync()[0].status == "ok"
    assert house.values("alma") == house.truth("alma")
