"""What one part lacks costs no other: kinds, windows, people; it is remembered, said, and read after all."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from glucoflow.es.held import Held
from glucoflow.ingest import Sink
from glucoflow.model.errors import Unavailable
from glucoflow.model.ingestion import Window
from glucoflow.service.backfill import backfill_person
from glucoflow.service.batches import run_batch
from glucoflow.service.jobs import SYNC_JOB
from glucoflow.service.runtime import Runtime
from glucoflow.simulators.dexcom import Fault, demo_scenario
from glucoflow.store import Connection
from tests.flows.conftest import NOW, House, OpenHouse, small_scenario

MINUTE = timedelta(minutes=1)


@pytest.fixture
def house(open_house: OpenHouse) -> Iterator[House]:
    with open_house(small_scenario(days=5)) as opened:
        yield opened


def connection_of(house: House, user_id: str = "alma") -> Connection:
    (connection,) = house.rt.store.connections.for_user(user_id)
    return connection


def due(house: House, by: timedelta = 7 * MINUTE) -> None:
    house.clock.advance(by)


def test_a_kind_that_fails_costs_the_others_nothing_and_is_read_when_it_can_be(house: House) -> None:
    house.sim.faults.add(Fault("status", path="events", times=None, status=500))
    (outcome,) = house.sync()
    assert house.sim.faults.served["status"] > 0
    assert outcome.status == "partial"
    assert outcome.exit_code
    assert house.values("alma") == house.truth("alma")
    connection = connection_of(house)
    assert (connection.state, connection.failures) == ("connected", 0)
    assert connection.last_error == "Events cannot be read since 20 June 2026: Dexcom answered 500."
    assert "tried again by itself" in (connection.last_remedy or "")
    assert connection.last_success_at is not None
    assert connection.next_poll_at is not None
    assert connection.next_poll_at - NOW <= 6 * MINUTE, "readings go on at their own pace"
    (unread,) = house.rt.store.unread.list()
    assert (unread.kind, unread.end, unread.tries) == ("events", None, 1)

    house.sim.faults.clear()
    due(house)
    (again,) = house.sync()
    assert again.status == "ok"
    assert house.rt.store.unread.list() == ()
    assert connection_of(house).last_error is None
    assert len(house.stored("alma", "food")) > 5


def test_it_is_tried_again_more_and_more_rarely_except_when_somebody_asks(house: House) -> None:
    house.sim.faults.add(Fault("status", path="events", times=None, status=500))
    asked = []
    for _ in range(6):
        house.sync()
        asked.append(house.sim.requested("events"))
        due(house)
    assert asked[-1] == asked[-2], "after some failures it waits longer than one poll"
    house.sync("alma")
    assert house.sim.requested("events") > asked[-1]
    assert house.values("alma") == house.truth("alma")


def test_a_provider_that_is_down_is_asked_little(house: House) -> None:
    house.sync()
    due(house)
    house.sim.faults.add(Fault("status", path="users/self", times=None, status=503))
    before = len(house.sim.requests)
    (outcome,) = house.sync()
    assert outcome.status == "retry"
    assert len(house.sim.requests) - before <= 3 * 2, "dataRange, events and readings, each tried twice; then no more"
    assert connection_of(house).failures == 1
    house.sim.faults.clear()
    due(house)
    (again,) = house.sync()
    assert again.status == "ok"
    assert house.rt.store.unread.list() == ()


def test_a_bad_day_is_passed_over_remembered_and_read_after_all(house: House) -> None:
    bad = (NOW - timedelta(days=2)).date()
    house.sim.faults.add(Fault("status", path="egvs", times=None, day=bad, status=400))
    (outcome,) = house.sync()
    assert outcome.status == "partial"
    assert "18 June 2026" in outcome.message
    truth = house.truth("alma")
    held = house.values("alma")
    assert len(truth) - 288 <= len(held) < len(truth)
    assert max(truth, key=lambda key: key) in truth
    (unread,) = house.rt.store.unread.list()
    assert (unread.start.date(), unread.end) == (bad, unread.start + timedelta(days=1))
    position = {c.kind: c.position for c in house.rt.store.connections.checkpoints(connection_of(house).id)}
    assert NOW - timedelta(minutes=10) < position["readings"] <= NOW, "what is behind it was read"

    house.sim.faults.clear()
    due(house)
    assert house.sync()[0].status == "ok"
    assert house.values("alma") == house.truth("alma")
    assert house.rt.store.unread.list() == ()


def test_a_window_that_stays_bad_is_tried_now_and_then_and_rows_do_not_grow(open_house: OpenHouse) -> None:
    with open_house(small_scenario(days=12)) as house:
        bad = (NOW - timedelta(days=9)).date()
        house.sim.faults.add(Fault("status", path="egvs", times=None, day=bad, status=400))
        for _ in range(4):
            house.sync("alma")
            house.clock.advance(timedelta(hours=1))
        (unread,) = house.rt.store.unread.list()
        assert unread.tries == 4
        assert unread.first_at == NOW


def test_what_nobody_foresaw_in_one_kind_costs_that_kind(house: House) -> None:
    """JSON allows an integer of 5,000 digits; Python's decoder raises ValueError for it."""
    digits = b'{"recordType": "device", "records": [{"transmitterId": ' + b"9" * 5000 + b"}]}"
    house.sim.faults.add(Fault("status", path="devices", times=None, status=200, body=digits))
    (outcome,) = house.sync()
    assert house.sim.faults.served["status"] > 0
    assert outcome.status in ("ok", "partial")
    assert house.values("alma") == house.truth("alma")


class Broken(Exception):
    pass


def test_what_nobody_foresaw_in_one_connection_costs_no_other(open_house: OpenHouse) -> None:
    """Before, the batch ended with the first one, and the neighbours' leases were given back under their threads."""
    with open_house(demo_scenario(NOW, days=2)) as house:
        rt = house.rt

        class Odd(Runtime):
            def sink(
                self, user_id: str, before_write: Callable[[], None] = lambda: None, held: Held | None = None
            ) -> Sink:
                if user_id == "bruno":
                    raise Broken
                return super().sink(user_id, before_write, held)

        house.rt = Odd(**{name: getattr(rt, name) for name in rt.__dataclass_fields__})
        outcomes = {one.user_id: one for one in house.sync()}
        assert {name: one.status for name, one in outcomes.items() if one.status != "ok"} == {"bruno": "failed"}
        assert "Broken" in outcomes["bruno"].message
        broken = connection_of(house, "bruno")
        assert (broken.failures, broken.lease_owner) == (1, None)
        assert broken.next_poll_at is not None
        assert broken.next_poll_at > house.clock()
        assert house.values("alma") == house.truth("alma")
        house.rt = rt
        due(house)
        house.sync()
        assert house.values("bruno") == house.truth("bruno")


def test_leases_are_given_back_only_when_the_threads_have_ended(
    open_house: OpenHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One raises what is everybody's while another is still at work: nobody may take that one over meanwhile."""
    with open_house(demo_scenario(NOW, days=2)) as house:
        rt = house.rt
        raised, at_work = threading.Event(), []
        release_all = rt.store.leases.release_all

        def released(owner: str) -> int:
            at_work.append([one.name for one in threading.enumerate() if one.name.startswith("glucoflow")])
            return release_all(owner)

        class Gone(Runtime):
            def sink(
                self, user_id: str, before_write: Callable[[], None] = lambda: None, held: Held | None = None
            ) -> Sink:
                if user_id == "alma":
                    raised.set()
                    raise Unavailable("No Elasticsearch.")
                raised.wait(10)
                return super().sink(user_id, before_write, held)

        gone = Gone(**{name: getattr(rt, name) for name in rt.__dataclass_fields__})
        claimed = rt.store.leases.claim_due("w", house.clock(), rt.lease, 4)
        monkeypatch.setattr(rt.store.leases, "release_all", released)
        with pytest.raises(Unavailable):
            run_batch(gone, claimed, SYNC_JOB, "w", threads=4)
        assert at_work == [[]], "no thread is left when the leases go"
        assert {one.lease_owner for one in rt.store.connections.list()} == {None}


@pytest.mark.parametrize("status", [403, 404])
def test_an_endpoint_that_one_person_lacks_aborts_nobody(open_house: OpenHouse, status: int) -> None:
    with open_house(demo_scenario(NOW, days=2)) as house:
        house.sim.faults.add(Fault("status", path="alerts", person="alma", times=None, status=status))
        outcomes = {one.user_id: one.status for one in house.sync()}
        assert outcomes == {"alma": "partial", "bruno": "ok", "chiara": "ok", "dario": "ok"}
        assert connection_of(house).state == "connected"
        assert str(status) in (connection_of(house).last_error or "")
        for person in outcomes:
            assert house.values(person) == house.truth(person)
        assert house.rt.queries.counts("alma")["summary.day"] >= 2, "figures are computed all the same"


def test_a_clock_that_is_somewhat_off_is_said(house: House) -> None:
    sim_clock = house.sim.clock
    house.rt = replace(house.rt, clock=lambda: sim_clock() + 25 * MINUTE)
    assert house.sync()[0].status == "ok"
    connection = connection_of(house)
    assert connection.clock_ahead_s == 25 * 60
    assert "25 min ahead" in (connection.last_error or "")
    assert "NTP" in (connection.last_remedy or "")
    assert connection.failures == 0
    read_at = {one.read_at for one in house.rt.store.connections.checkpoints(connection_of(house).id)}
    assert read_at == {NOW - 15 * MINUTE}, "what changed since then is asked for by the provider's clock"
    house.rt = replace(house.rt, clock=sim_clock)
    house.sync("alma")
    assert connection_of(house).clock_ahead_s is None


@pytest.mark.parametrize("days", [-400, 400])
def test_a_clock_that_is_far_off_reads_nothing_and_stores_no_time(house: House, days: int) -> None:
    house.sync()
    before = house.rt.store.connections.checkpoints(connection_of(house).id)
    right = house.rt
    house.clock.advance(timedelta(hours=1))
    sim_clock = house.sim.clock
    house.rt = replace(right, clock=lambda: sim_clock() + timedelta(days=days))
    (outcome,) = house.sync("alma")
    assert outcome.status == "failed"
    assert f"400 days {'ahead of' if days > 0 else 'behind'}" in outcome.message
    assert "NTP" in outcome.remedy
    connection = connection_of(house)
    assert connection.last_error_at == house.clock()
    assert connection.next_poll_at is not None
    assert connection.next_poll_at - house.clock() < timedelta(hours=7)
    assert house.rt.store.connections.checkpoints(connection.id) == before
    assert [run.state for run in right.store.runs.list(user_id="alma")] == ["completed"]

    house.rt = right
    house.clock.advance(timedelta(hours=1))
    assert house.sync()[0].status == "ok"
    assert connection_of(house).clock_ahead_s is None
    assert house.values("alma") == house.truth("alma")


def test_a_finished_backfill_asked_for_again_reads_all_again(house: House) -> None:
    window = Window(NOW - timedelta(days=4), NOW - timedelta(days=1))

    def backfilled() -> int:
        (outcome,) = backfill_person(house.rt, "alma", window, None, ["readings"], lambda _share: None)
        assert outcome.status == "ok"
        return outcome.counts.fetched

    first = backfilled()
    assert first > 800
    connection = connection_of(house)
    assert house.rt.store.connections.checkpoints(connection.id) == ()
    alias = house.rt.names.alias("alma")
    house.rt.client.indices.delete(index=next(iter(house.rt.client.indices.get_alias(name=alias))))
    assert backfilled() == first, "the index was emptied: the days are read again"
    assert len(house.values("alma")) == len(
        [r for r in house.sim.truth("alma", "egvs", window.start, window.end) if r["value"] is not None]
    )


def test_a_backfill_that_a_kind_stopped_goes_on_there(open_house: OpenHouse) -> None:
    with open_house(small_scenario(days=70)) as house:
        window = Window(NOW - timedelta(days=65), NOW - timedelta(days=2))
        house.sim.faults.add(Fault("status", path="egvs", times=None, skip=1, status=503, retry_after=600))

        def backfilled() -> str:
            (outcome,) = backfill_person(house.rt, "alma", window, None, ["readings"], lambda _share: None)
            return outcome.status

        assert backfilled() == "retry"
        assert house.rt.store.unread.list() == (), "it is the backfill's own trouble"
        house.sim.faults.clear()
        asked = house.sim.requested("egvs")
        assert backfilled() == "ok"
        assert house.sim.requested("egvs") - asked == 2, "one of three pages was safe"
