"""A sync over real HTTP into a real node: the index equals the provider's truth, and stays so."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from glucoflow.es.client import make_client
from glucoflow.es.provision import provision
from glucoflow.es.queries import Queries
from glucoflow.model.errors import Retryable
from glucoflow.service.jobs import Outcome
from glucoflow.simulators.dexcom import Fault, ReviseReadings
from tests.flows.conftest import NOW, House, OpenHouse, small_scenario


@pytest.fixture
def house(open_house: OpenHouse) -> Iterator[House]:
    """Alma's five days: what is tested here shows on few."""
    with open_house(small_scenario(days=5)) as opened:
        yield opened


def test_the_first_sync_brings_everything_and_the_second_rewrites_nothing(house: House) -> None:
    (first,) = house.sync()
    assert first.status == "ok"
    assert house.values("alma") == house.truth("alma")
    assert first.counts.created == first.counts.fetched - first.counts.rejected
    before = house.versions("alma")

    (second,) = house.sync("alma")
    assert second.counts.unchanged > 500
    assert (second.counts.created, second.counts.updated, second.counts.deleted) == (0, 0, 0)
    assert house.versions("alma") == before


def test_a_sync_only_steps_back_by_its_lag(open_house: OpenHouse) -> None:
    with open_house(small_scenario(days=35)) as house:
        house.sync()
        asked = house.sim.requested("egvs")
        assert asked >= 2, "all of it would be two pages"
        house.clock.advance(timedelta(hours=1))
        (second,) = house.sync("alma")
        assert house.sim.requested("egvs") == asked + 1
        assert second.counts.created >= 10
        readings_in_three_days = 3 * 288
        assert second.counts.fetched < 2 * readings_in_three_days
        assert house.values("alma") == house.truth("alma")


def test_once_a_day_it_steps_back_further_and_finds_what_changed(open_house: OpenHouse) -> None:
    ten_days_ago = NOW - timedelta(days=10)
    revised = ReviseReadings(NOW + timedelta(hours=1), ten_days_ago, ten_days_ago + timedelta(hours=2), by=9)
    with open_house(small_scenario(days=12, changes=(revised,))) as house:
        house.sync()
        before = house.values("alma")
        house.clock.advance(timedelta(hours=25))
        (outcome,) = house.sync("alma")
        assert outcome.counts.updated >= 20
        after = house.values("alma")
        assert after == house.truth("alma")
        assert sum(after[key] - before[key] == 9 for key in before) >= 20


def test_the_documents_carry_what_the_reading_said(synced: House) -> None:
    truth = {r["recordId"]: r for r in synced.sim.truth("alma", "egvs", NOW - timedelta(days=2), NOW)}
    stored = synced.stored("alma")
    for key, record in truth.items():
        document = stored[key]
        assert document["payload"] == record
        assert document["@timestamp"] == record["systemTime"]
        shown = record["displayTime"]
        assert document["time"]["date"] == shown[:10]  # type: ignore[index]
        assert document["time"]["hour"] == int(shown[11:13])  # type: ignore[index]


def test_a_revoked_consent_stops_one_person_and_says_what_to_do(house: House) -> None:
    house.sync()
    house.sim.revoke("alma")
    house.clock.advance(timedelta(hours=3))
    (outcome,) = house.sync("alma")
    assert outcome.status == "retry", "one no is not believed"
    house.clock.advance(timedelta(hours=1))
    (outcome,) = house.sync("alma")
    assert outcome.status == "reauthorize"
    (connection,) = house.rt.store.connections.for_user("alma")
    assert connection.state == "needs_reauthorization"
    assert connection.last_error
    assert "onnect" in (connection.last_remedy or "")
    asked = len(house.sim.requests)
    assert house.sync("alma") == []
    assert len(house.sim.requests) == asked, "a provider that said no is not asked again"


def test_overload_is_waited_out_as_long_as_the_provider_asks(house: House) -> None:
    house.sim.faults.add(Fault("status", path="egvs", times=50, status=429, retry_after=1800))
    (outcome,) = house.sync()
    assert house.sim.faults.served["status"] > 0
    assert outcome.status == "retry"
    (connection,) = house.rt.store.connections.for_user("alma")
    assert connection.state == "connected"
    assert connection.next_poll_at is not None
    assert timedelta(minutes=30) <= connection.next_poll_at - NOW <= timedelta(minutes=34)
    house.sim.faults.clear()
    house.clock.advance(timedelta(minutes=35))
    (again,) = house.sync()
    assert again.status == "ok"
    assert house.values("alma") == house.truth("alma")


@pytest.mark.parametrize("kind", ["html", "truncated", "cut", "reset"])
def test_a_broken_answer_is_never_taken_for_no_data(house: House, kind: str) -> None:
    house.sim.faults.add(Fault(kind, path="egvs", times=50))  # type: ignore[arg-type]
    (outcome,) = house.sync()
    assert house.sim.faults.served[kind] > 0
    assert outcome.status == "retry"
    (connection,) = house.rt.store.connections.for_user("alma")
    kinds = {checkpoint.kind for checkpoint in house.rt.store.connections.checkpoints(connection.id)}
    assert "readings" not in kinds
    house.sim.faults.clear()
    assert house.sync("alma")[0].status == "ok"
    assert house.values("alma") == house.truth("alma")


def test_odd_records_are_kept_aside_with_their_reason_and_their_page_goes_on(house: House) -> None:
    good = house.sim.truth("alma", "egvs", NOW - timedelta(hours=1), NOW)[0]
    faults: list[dict[str, object]] = [
        {"value": "lots"},
        {"systemTime": "yesterday"},
        {"value": 1e300},
        {"value": None},
    ]
    odd = [{**good, "recordId": f"odd-{i}", **bad} for i, bad in enumerate(faults)]
    house.sim.faults.add(Fault("records", path="egvs", records=odd))
    (outcome,) = house.sync()
    assert house.sim.faults.served["records"] == 1
    assert outcome.status == "ok"
    assert outcome.counts.rejected >= 3
    assert house.values("alma") == house.truth("alma")
    reasons = {(reject.field, reject.key) for reject in house.rt.store.rejected_records.list(user_id="alma")}
    assert {field for field, _ in reasons} >= {"value", "systemTime"}


def test_two_workers_at_once_never_take_the_same_person_nor_refresh_twice(open_house: OpenHouse) -> None:
    with open_house(small_scenario(days=3)) as house:
        house.sync()
        house.clock.advance(timedelta(hours=3))
        before = len(house.sim.refreshes)
        outcomes: list[Outcome] = []
        start = threading.Barrier(4)

        def work() -> None:
            start.wait()
            outcomes.extend(house.sync("alma"))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {outcome.status for outcome in outcomes} == {"ok"}
        assert len(house.sim.refreshes) - before == 1
        assert all(refresh.accepted for refresh in house.sim.refreshes)
        assert house.values("alma") == house.truth("alma")


def test_a_full_disk_is_waited_out_and_nothing_is_lost(house: House) -> None:
    alias = house.rt.names.alias("alma")
    # What Elasticsearch itself sets when the disk is nearly full.
    house.rt.client.indices.put_settings(index=alias, settings={"index.blocks.read_only_allow_delete": True})
    (outcome,) = house.sync()
    assert outcome.status == "retry"
    assert "disk" in (outcome.message + outcome.remedy).lower()
    house.rt.client.indices.put_settings(index=alias, settings={"index.blocks.read_only_allow_delete": None})
    (again,) = house.sync("alma")
    assert again.status == "ok"
    assert house.values("alma") == house.truth("alma")


def test_a_node_that_is_gone_costs_nothing_but_time(house: House) -> None:
    there = house.rt
    gone = make_client("http://127.0.0.1:9", timeout_s=1)
    house.rt = replace(there, client=gone, queries=Queries(gone, there.names))
    with pytest.raises(Retryable, match="Elasticsearch"):
        provision(gone, there.names)
    (outcome,) = house.sync()
    assert outcome.status == "retry"
    assert "Elasticsearch" in outcome.message
    (connection,) = there.store.connections.for_user("alma")
    assert connection.lease_owner is None, "the lease is given back"
    assert there.store.connections.checkpoints(connection.id) == ()

    house.rt = there
    assert house.sync("alma")[0].status == "ok"
    assert house.values("alma") == house.truth("alma")
