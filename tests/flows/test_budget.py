"""The app's hourly budget of calls."""

from dataclasses import replace
from datetime import timedelta

from glucoflow.service.call_budget import CallBudget
from glucoflow.service.providers import Providers
from tests.flows.conftest import NOW, House


def test_a_sync_stops_at_the_cap_and_goes_on_in_the_next_hour(house: House) -> None:
    house.rt = replace(house.rt, providers=replaced_budget(house, 4))
    before = len(house.sim.requests)
    (outcome,) = house.sync()
    assert outcome.status == "retry"
    assert len(house.sim.requests) - before == 4
    (connection,) = house.rt.store.connections.for_user("alma")
    assert connection.next_poll_at
    assert connection.next_poll_at - NOW >= timedelta(hours=1)
    house.clock.advance(timedelta(minutes=59))
    assert house.sync("alma")[0].status == "retry"
    assert len(house.sim.requests) - before == 4, "another worker's budget is the same one"
    house.clock.advance(timedelta(hours=1))
    house.rt = replace(house.rt, providers=replaced_budget(house, 1000))
    assert house.sync()[0].status == "ok"
    assert house.values("alma") == house.truth("alma")


def replaced_budget(house: House, per_hour: int) -> Providers:
    budget = CallBudget(house.rt.store.calls, per_hour, house.clock)
    return Providers(house.rt.settings.dexcom, house.sim.base_url, budget=budget)
