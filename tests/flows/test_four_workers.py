"""Four workers on one PostgreSQL, as plain processes: what Prefect adds is in `test_sharing`."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from glucoflow.simulators import DEMO
from glucoflow.simulators.dexcom import Fault, SettableClock
from tests.flows.conftest import NOW, House, opened_house, small_scenario
from tests.flows.test_crashes import until_stopped
from tests.node import Node
from tests.postgres import Server
from tests.processes import environment_of
from tests.stores import lay_postgres

ROOT = Path(__file__).parents[2]
WORKERS = 4
PEOPLE = 12
CAP = 60
"""Less than twelve first syncs take."""


@pytest.fixture
def house(elasticsearch_node: Node, postgres: Server, tmp_path: Path) -> Iterator[House]:
    """People with half a day and a connection each, and slow answers: nobody is done before others begin."""
    one = replace(small_scenario(days=1).person("alma"), since=NOW - timedelta(hours=12))
    everybody = tuple(replace(one, id=f"person-{n}", name=f"Person {n}") for n in range(PEOPLE))
    scenario, database = replace(small_scenario(), people=everybody), lay_postgres(postgres, tmp_path)
    with opened_house(elasticsearch_node, tmp_path, scenario, SettableClock(NOW), database) as house:
        house.sim.faults.add(Fault("slow", path="egvs", seconds=0.5, times=None))
        yield house


class Group:
    """Workers that began in one moment; see `plain_workers`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.pids: list[int] = self._told()
        self.ended: list[tuple[int | None, int]] = [(code, had) for code, had in self._told()]

    def _told(self) -> Any:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())

    def wake(self, worker: int) -> None:
        """Let one that was stopped go on, to its end."""
        os.kill(self.pids[worker], signal.SIGCONT)
        self._process.communicate(timeout=300)


@contextmanager
def workers(house: House, faults: Sequence[Sequence[str]], **more: str) -> Iterator[Group]:
    """As many as there are entries, once all have ended that are not stopped; gone afterwards."""
    assert house.rt.settings.store.database_url
    simulators = json.dumps({DEMO: house.sim.base_url})
    usual = {"DEMO_SIMULATORS": simulators, "SYNC_BATCH_SIZE": "1", "PYTHONPATH": str(ROOT)}
    environment = environment_of(house.rt.settings, **{**usual, **more})
    argv = [sys.executable, "-m", "tests.flows.plain_workers", house.clock().isoformat(), json.dumps(faults)]
    process = subprocess.Popen(argv, env=environment, text=True, stdout=subprocess.PIPE, start_new_session=True)
    try:
        yield Group(process)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def calls(house: House) -> int:
    """Calls of people's data, as the provider counts them."""
    return sum("/users/self/" in asked.path for asked in house.sim.requests)


def truths(house: House) -> dict[str, dict[str, int]]:
    """What the provider has of each by now."""
    return {person.id: house.truth(person.id) for person in house.sim.scenario.people}


def assert_whole(house: House, at_first: dict[str, dict[str, int]]) -> None:
    """All that was there at first is held, and nothing that is not the provider's or is twice (`stored` looks).

    Who had their turn in time is not due again, so what came to their provider later is not asked for yet.
    """
    for user_id, now in truths(house).items():
        held = house.values(user_id)
        assert at_first[user_id].items() <= held.items() <= now.items(), user_id


def test_all_together_keep_to_the_apps_cap(house: House) -> None:
    """The cap is of the app, not of a worker. What did not fit comes in the next hour."""
    at_first = truths(house)
    with workers(house, [()] * WORKERS, DEXCOM_CALLS_PER_HOUR=str(CAP)) as four:
        assert {code for code, _ in four.ended} == {0}
        shares = [had for _, had in four.ended]
    assert calls(house) == CAP, "not one more, and none was left unused"
    assert sum(shares) == PEOPLE
    assert min(shares) >= 1, shares
    tried = Counter(run.connection_id for run in house.rt.store.runs.list(flow="sync", limit=100))
    assert set(tried.values()) == {1}, "nobody was polled twice"
    assert len(tried) == PEOPLE

    house.clock.advance(timedelta(hours=2))
    house.sim.faults.clear()
    assert house.sync(), "what did not fit"
    assert_whole(house, at_first)


def test_killed_stopped_and_cut_from_the_database(house: House) -> None:
    """Three of four at once, each in the middle of a connection; then the one that slept wakes up."""
    at_first = truths(house)
    with workers(house, [("after_bulk", "die"), ("after_fetch", "stop"), ("after_bulk", "cut"), ()]) as four:
        killed, stopped, *_ = [code for code, _ in four.ended]
        assert (killed, stopped) == (-signal.SIGKILL, None)
        until_stopped(four.pids[1])
        house.clock.advance(house.rt.lease + timedelta(hours=2))
        house.sim.faults.clear()
        assert len(house.sync()) >= 2, "of the killed and of the stopped one"
        assert_whole(house, at_first)
        before = {user_id: house.versions(user_id) for user_id in at_first}
        four.wake(1)
        assert {user_id: house.versions(user_id) for user_id in at_first} == before, "it writes nothing more"
    assert_whole(house, at_first)
