"""What the operator's dashboard is told: runs, stages, rejects, connections and sizes, from a real sync."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glucoflow.es.client import make_client
from glucoflow.es.sizes import Growth, a_year_on
from glucoflow.service.call_budget import CallBudget
from glucoflow.service.deletion import delete_person
from glucoflow.service.providers import Providers
from glucoflow.service.retention import Rules, retain
from glucoflow.service.run_metrics import record_connections
from glucoflow.simulators import DEMO
from glucoflow.simulators.dexcom import Fault
from tests.flows.conftest import NOW, House, OpenHouse, small_scenario

Doc = dict[str, Any]


def told(house: House, dataset: str) -> list[Doc]:
    names = house.rt.names
    house.rt.client.indices.refresh(index=names.runs)
    query = {"term": {"event.dataset": f"glucoflow.{dataset}"}}
    hits = house.rt.client.search(index=names.runs, query=query, size=1000, sort="@timestamp")["hits"]["hits"]
    return [hit["_source"] for hit in hits]


def with_cap(house: House, per_hour: int) -> Providers:
    """Its providers, each app of which may make so many calls an hour."""
    own = house.rt.settings.providers[DEMO].model_copy(update={"calls_per_hour": per_hour})
    budget = CallBudget(house.rt.store.calls, house.clock)
    return Providers(settings={DEMO: own}, doubles={DEMO: house.sim.base_url}, budget=budget)


def test_a_run_with_its_lag_and_its_calls_against_the_cap(house: House) -> None:
    house.rt = replace(house.rt, providers=with_cap(house, 500))
    house.sync()
    (run,) = told(house, "run")
    newest = max(record["systemTime"] for record in house.sim.truth("alma", "egvs", NOW - timedelta(days=1), NOW))
    asked = sum(1 for request in house.sim.requests if "/users/self/" in request.path)
    assert run["run"]["lag_hours"] == pytest.approx((NOW - datetime.fromisoformat(newest)) / timedelta(hours=1))
    assert (run["run"]["flow"], run["run"]["state"], run["user"]["id"]) == ("sync", "completed", "alma")
    assert run["run"]["counts"]["created"] > 3000
    assert run["run"]["calls"] == run["run"]["calls_of_the_hour"] == asked > 3
    assert run["run"]["calls_cap"] == 500

    house.clock.advance(timedelta(minutes=50))
    house.sync("alma")
    first, second = told(house, "run")
    assert second["run"]["calls_of_the_hour"] == first["run"]["calls"] + second["run"]["calls"]


def test_the_time_of_each_stage_adds_up_to_less_than_the_run(house: House) -> None:
    house.sync()
    stages = {one["stage"]["kind"]: one["stage"] for one in told(house, "stage")}
    assert set(stages) >= {"readings", "events", "summaries"}
    since = house.sim.scenario.person("alma").since
    assert stages["readings"]["fetched"] == len(house.sim.truth("alma", "egvs", since, NOW))
    for kind, one in stages.items():
        parts = ("compute",) if kind == "summaries" else ("fetch", "write", "store")
        assert all(one[f"{part}_seconds"] >= 0 for part in parts)
    assert stages["readings"]["write_seconds"] > 0.01
    assert stages["summaries"]["compute_seconds"] > 0.01


def test_what_was_kept_aside_by_reason(house: House) -> None:
    good = house.sim.truth("alma", "egvs", NOW - timedelta(hours=1), NOW)[0]
    odd = [{**good, "recordId": f"odd-{i}", "systemTime": "teatime"} for i in range(3)]
    house.sim.faults.add(Fault("records", path="egvs", records=[*odd, {**good, "recordId": "odd", "value": "lots"}]))
    house.sync()
    rejects = {one["reject"]["field"]: one["reject"] for one in told(house, "reject")}
    assert rejects["systemTime"]["records"] == 3
    assert rejects["value"]["records"] == 1
    assert all("teatime" not in str(one) and "lots" not in str(one) for one in rejects.values())


def test_how_connections_stand_and_which_are_gone(house: House) -> None:
    house.sync()
    (one,) = told(house, "connection")
    newest = max(record["systemTime"] for record in house.sim.truth("alma", "egvs", NOW - timedelta(days=1), NOW))
    assert datetime.fromisoformat(one["connection"]["newest"]) == datetime.fromisoformat(newest)
    assert (one["connection"]["state"], one["connection"]["failures"]) == ("connected", 0)
    assert one["connection"]["next_poll"] > one["connection"]["last_success"]

    house.sim.revoke("alma")
    for _ in range(2):  # one no is not believed
        house.clock.advance(timedelta(hours=3))
        house.sync("alma")
    (one,) = told(house, "connection")
    (connection,) = house.rt.store.connections.for_user("alma")
    assert one["connection"]["state"] == "needs_reauthorization"
    assert one["connection"]["error"] == connection.last_error
    assert one["connection"]["newest"], "what was known stays"

    delete_person(house.rt, "alma")
    record_connections(house.rt)
    assert told(house, "connection") == told(house, "run") == told(house, "storage") == []


def test_a_connection_that_the_store_no_longer_has_is_forgotten(open_house: OpenHouse) -> None:
    with open_house(small_scenario(days=1)) as house:
        record_connections(house.rt)
        assert len(told(house, "connection")) == 1
        house.rt.store.people.delete("alma")
        record_connections(house.rt)
        assert told(house, "connection") == []


def test_sizes_are_measured_once_an_hour_and_foretold_for_a_year(house: House) -> None:
    house.sync()
    record_connections(house.rt)
    alias = house.rt.names.alias("alma")
    house.rt.client.indices.refresh(index=alias)
    house.clock.advance(timedelta(minutes=61))
    record_connections(house.rt)
    (size,), (disk,) = told(house, "storage"), told(house, "disk")
    held = house.rt.client.count(index=alias)["count"]
    assert size["user"]["id"] == "alma"
    assert size["storage"]["documents"] == held > 3000
    here = house.rt.client.cat.indices(index=alias, bytes="b", format="json", h="store.size")
    assert size["storage"]["bytes"] == pytest.approx(int(here[0]["store.size"]), rel=0.3)  # type: ignore[index]
    # Twelve days are there, so a year on there is what is there and 365 days more.
    assert size["storage"]["year_bytes"] == pytest.approx(size["storage"]["bytes"] * (12 + 365) / 12, rel=0.1)
    assert disk["disk"]["people"] == 1
    assert disk["disk"]["bytes"] == size["storage"]["bytes"]
    assert 0 < disk["disk"]["free_bytes"] < disk["disk"]["total_bytes"]

    measured_at = disk["@timestamp"]
    house.clock.advance(timedelta(minutes=30))
    record_connections(house.rt)
    assert [one["@timestamp"] for one in told(house, "disk")] == [measured_at], "not yet an hour later"
    house.clock.advance(timedelta(days=1))
    record_connections(house.rt)
    assert len(told(house, "disk")) == len(told(house, "storage")) == 2, "a document a day"


def test_retention_forgets_the_operators_copy_too(house: House) -> None:
    house.sync()
    house.clock.advance(timedelta(days=40))
    house.sync("alma")
    assert len(told(house, "run")) == 2
    retain(house.rt, Rules(days={"everything": 30}), dry=False)
    assert len(told(house, "run")) == 1


def test_nothing_stops_when_it_cannot_be_told(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.rt = replace(house.rt, client=make_client("http://127.0.0.1:9", timeout_s=1))
    record_connections(house.rt)
    assert "could not be written for the operator" in caplog.text


@given(size=st.integers(0, 10**12), documents=st.integers(0, 10**9), new=st.integers(0, 10**6), days=st.floats(1, 30))
def test_an_index_never_shrinks_by_being_foretold(size: int, documents: int, new: int, days: float) -> None:
    assert a_year_on(size, documents, Growth(documents=new, days=days)) >= size


def test_a_year_of_a_reading_every_five_minutes() -> None:
    """288 a day at 200 bytes: 21,024,000 bytes a year."""
    assert a_year_on(2000, 10, Growth(documents=8640, days=30)) == 2000 + 288 * 365 * 200
    assert a_year_on(0, 0, Growth(documents=0, days=1)) == 0
