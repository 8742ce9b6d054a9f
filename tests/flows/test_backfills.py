"""A backfill waits for its turn and is never forgotten, whatever becomes of who reads it."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from glucoflow.model.errors import Rejected
from glucoflow.service.backfill import WAITS, run_asked, run_due
from glucoflow.simulators.dexcom import Fault
from glucoflow.store import Backfill, new_owner
from tests.flows.conftest import NOW, House

FIRST = (NOW - timedelta(days=4)).date()
LAST = (NOW - timedelta(days=3)).date()


def asked(house: House) -> Backfill:
    return house.rt.store.backfills.ask("alma", FIRST, LAST, house.clock())


def stands(house: House) -> Backfill:
    (one,) = house.rt.store.backfills.list(user_id="alma")
    return one


def ignore(_share: float) -> None: ...


def expected(house: House) -> int:
    zone = house.rt.store.people.get("alma").zone
    assert zone == "Europe/Berlin"
    start = datetime(FIRST.year, FIRST.month, FIRST.day, tzinfo=UTC) - timedelta(hours=2)
    records = house.sim.truth("alma", "egvs", start, start + timedelta(days=2))
    return sum(record["value"] is not None for record in records)


def test_it_waits_for_a_sync_and_says_so(house: House) -> None:
    (connection,) = house.rt.store.connections.list()
    sync = new_owner()
    assert house.rt.store.leases.claim(connection.id, sync, NOW, house.rt.lease)
    looks: list[str] = []

    def pause(_seconds: float) -> None:
        one = stands(house)
        looks.append(one.message)
        assert one.state == "waiting"
        assert run_due(house.rt) == [], "it is somebody's already"
        if len(looks) == 3:
            house.rt.store.leases.release(connection.id, sync)

    shares: list[float] = []
    (outcome,) = run_asked(house.rt, asked(house).id, shares.append, pause)
    assert looks == [WAITS] * 3
    assert (outcome.status, outcome.counts.created > 0) == ("ok", True)
    assert shares[-1] == 1.0
    assert (stands(house).state, stands(house).message, stands(house).progress) == ("done", "", 1.0)
    assert len(house.stored("alma")) == expected(house)


def test_what_a_process_had_that_is_gone_is_taken_up_at_once(house: House) -> None:
    code = "from glucoflow.store import new_owner; print(new_owner())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    one = asked(house)
    assert house.rt.store.backfills.take(one.id, said.stdout.strip(), NOW, house.rt.lease)
    assert [due.id for due in house.rt.store.backfills.due(NOW)] == [one.id]
    (outcome,) = run_due(house.rt)
    assert outcome.status == "ok"
    assert stands(house).state == "done"
    assert len(house.stored("alma")) == expected(house)


def test_what_fails_for_a_while_is_tried_again_later(house: House) -> None:
    house.sim.faults.add(Fault("status", path="egvs", status=503, times=None))
    one = asked(house)
    (outcome,) = run_asked(house.rt, one.id, ignore)
    assert outcome.status == "retry"
    waits = stands(house)
    assert (waits.state, waits.tries) == ("waiting", 1)
    assert waits.message == outcome.message
    assert run_due(house.rt) == [], "not yet"
    house.sim.faults.clear()
    house.clock.advance(timedelta(minutes=2))
    assert [done.status for done in run_due(house.rt)] == ["ok"]
    assert stands(house).state == "done"
    assert len(house.stored("alma")) == expected(house)


def test_it_is_given_up_after_some_tries(house: House) -> None:
    house.sim.faults.add(Fault("status", path="egvs", status=503, times=None))
    one = asked(house)
    run_asked(house.rt, one.id, ignore)
    for _ in range(5):
        assert stands(house).state == "waiting"
        house.clock.advance(timedelta(hours=2))
        run_due(house.rt)
    assert stands(house).state == "failed"
    assert stands(house).message
    assert asked(house).id != one.id, "asked for again, it is a new one"


def test_where_there_is_nobody_to_ask_it_ends_and_stops_no_other(house: House) -> None:
    (connection,) = house.rt.store.connections.list()
    house.rt.store.connections.disconnect(connection.id)
    one = asked(house)
    with pytest.raises(Rejected, match="connect them again"):
        run_asked(house.rt, one.id, ignore)
    assert stands(house).state == "failed"
    assert asked(house).id != one.id
    assert run_due(house.rt) == []
