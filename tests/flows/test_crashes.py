"""Killed at every point between two durable writes: afterwards nothing is missing, and nothing is there twice."""

import json
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from glucoflow.model.ingestion import Window
from glucoflow.service.backfill import backfill_person
from glucoflow.simulators.dexcom import Gap
from tests.flows.conftest import NOW, House, OpenHouse, small_scenario
from tests.processes import environment_of

WORKER = Path(__file__).with_name("killed_worker.py")


def run_and_kill(house: House, point: str, nth: int, job: str = "sync") -> int:
    return begun(house, point, nth, job).wait(300)


def begun(house: House, point: str, nth: int, *more: str) -> subprocess.Popen[bytes]:
    """`killed_worker` over the house, at its clock's time."""
    environment = environment_of(
        house.rt.settings,
        DEMO_SIMULATORS=json.dumps({"dexcom": house.sim.base_url}),
        PYTHONPATH=str(Path(__file__).parents[2]),
    )
    job, *how = more
    argv = [sys.executable, str(WORKER), point, str(nth), job, house.clock().isoformat(), *how]
    return subprocess.Popen(argv, env=environment)


def mostly_off(first: int, last: int) -> Gap:
    """No sensor between so many days ago: pages are windows of 30 days, however little is in them."""
    return Gap(NOW - timedelta(days=first), NOW - timedelta(days=last))


@pytest.mark.parametrize("point", ["after_fetch", "after_bulk", "after_checkpoint"])
def test_a_sync_killed_anywhere_is_made_good_by_the_next(open_house: OpenHouse, point: str) -> None:
    # 35 days are two pages of readings; events come first, with two pages of their own: it dies at the last page.
    with open_house(small_scenario(days=35, gaps=(mostly_off(33, 6),))) as house:
        assert run_and_kill(house, point, 4) == 9, "the worker must have died at that point"
        stored = len(house.values("alma"))
        assert stored > 500
        assert (stored < len(house.truth("alma"))) == (point == "after_fetch")
        assert house.sync("alma") == [], "the dead worker's lease still holds"

        house.clock.advance(house.rt.lease + timedelta(seconds=1))
        (outcome,) = house.sync()
        assert outcome.status == "ok"
        assert house.values("alma") == house.truth("alma")
        assert outcome.counts.updated == 0
        rewritten = [version for version in house.versions("alma").values() if version > 1]
        assert rewritten == [], "a page that is repeated rewrites nothing"
        dead, *_ = [run for run in house.rt.store.runs.list(user_id="alma") if run.state != "completed"]
        house.clock.advance(2 * house.rt.lease)
        house.sync("alma")
        assert house.rt.store.runs.get(dead.id).state == "interrupted"


def test_a_backfill_goes_on_where_it_was_killed(open_house: OpenHouse) -> None:
    with open_house(small_scenario(days=70, gaps=(mostly_off(68, 38), mostly_off(34, 6)))) as house:
        window = Window(NOW - timedelta(days=66), NOW - timedelta(days=2))
        job = f"{window.start.isoformat()}..{window.end.isoformat()}"
        assert run_and_kill(house, "after_checkpoint", 2, job) == 9
        asked = house.sim.requested("egvs")
        house.clock.advance(house.rt.lease + timedelta(seconds=1))
        (outcome,) = backfill_person(house.rt, "alma", window, None, ["readings"], lambda _share: None)
        assert outcome.status == "ok"
        assert house.sim.requested("egvs") - asked == 1, "two of three pages were safe"
        assert outcome.counts.unchanged == 0
        assert outcome.counts.created > 500
        inside = {
            record["recordId"]
            for record in house.sim.truth("alma", "egvs", window.start, window.end)
            if record["value"] is not None
        }
        assert set(house.values("alma")) == inside

        (connection,) = house.rt.store.connections.for_user("alma")
        assert house.rt.store.connections.checkpoints(connection.id) == (), "a backfill never moves a sync's checkpoint"
        (whole,) = house.sync("alma")
        assert whole.status == "ok"
        assert house.values("alma") == house.truth("alma")


def test_progress_is_told_from_nothing_to_all(house: House) -> None:
    told: list[float] = []
    backfill_person(house.rt, "alma", Window(NOW - timedelta(days=10), NOW), None, (), told.append)
    assert told == sorted(told)
    assert told[-1] == 1.0
    (run,) = house.rt.store.runs.list(flow="backfill")
    assert run.progress == 1.0
    assert isinstance(run.finished_at, datetime)


@pytest.mark.parametrize("point", ["after_fetch", "after_bulk"])
def test_a_worker_that_slept_longer_than_its_lease_writes_nothing_more(open_house: OpenHouse, point: str) -> None:
    with open_house(small_scenario(days=2)) as house:
        sleeper = begun(house, point, 3, "sync", "stop")
        try:
            until_stopped(sleeper.pid)
            assert house.sync() == [], "it may be at work still"
            house.clock.advance(house.rt.lease + timedelta(minutes=20))
            (outcome,) = house.sync()
            assert outcome.status == "ok"
            before = house.versions("alma")
            (connection,) = house.rt.store.connections.for_user("alma")
            checkpoints = house.rt.store.connections.checkpoints(connection.id)
            next_poll = connection.next_poll_at
        finally:
            sleeper.send_signal(signal.SIGCONT)
        assert sleeper.wait(300) == 0
        assert house.versions("alma") == before
        assert house.values("alma") == house.truth("alma")
        assert house.rt.store.connections.checkpoints(connection.id) == checkpoints
        assert house.rt.store.connections.get(connection.id).next_poll_at == next_poll
        (slept,) = [run for run in house.rt.store.runs.list(user_id="alma") if run.state != "completed"]
        assert "taken over" in slept.message


def until_stopped(pid: int) -> None:
    """Wait until the kernel says that the process is stopped. Fails where it ends before."""
    stat = Path(f"/proc/{pid}/stat")
    while (state := stat.read_text().rpartition(")")[2].split()[0]) != "T":
        assert state != "Z", "it ended before it was stopped"
        time.sleep(0.05)
