"""Workers share what is due: all of them work, and no connection is polled twice at once."""

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from math import isqrt
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from flows.sync import helpers
from glucoflow.es.provision import ensure_index, provision
from glucoflow.service.providers import SIMULATOR
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import Settings
from glucoflow.simulators import DEMO
from glucoflow.simulators.dexcom import Fault, SettableClock, Simulator, demo_scenario, running_simulator
from tests.flows.prefect_house import PrefectHouse, doubles
from tests.node import Node
from tests.postgres import Server
from tests.prefect_database import PrefectDatabase
from tests.prefixes import own_prefix

ROUNDS = 4
"""Batches that each worker would have, if they shared evenly."""

counts = st.integers(0, 1000)


@given(due=counts, batch=st.integers(1, 200), workers=st.integers(0, 50), there=counts)
def test_as_many_help_as_there_are_batches_and_workers_for(due: int, batch: int, workers: int, there: int) -> None:
    more = helpers(due, batch, workers, there)
    assert more >= 0
    assert more == 0 or more + there + 1 <= workers, "nobody would take it"
    assert more == 0 or (more + there) * batch < due, "there would be nothing left for it"
    if there == 0 and workers > 1 and due > batch:
        assert more >= 1
    assert helpers(due, batch, workers, there + more) == 0, "asked again, nothing more is needed"


@pytest.fixture
def sim(connections: int) -> Iterator[Simulator]:
    """People with half a day each, and about as many connections each as there are of them."""
    one = demo_scenario(datetime.now(UTC), days=1).person("alma")
    people = tuple(replace(one, id=f"person-{n}", name=f"Person {n}") for n in range(isqrt(connections)))
    scenario = replace(demo_scenario(datetime.now(UTC), days=1), people=people)
    with running_simulator(scenario, clock=SettableClock(datetime.now(UTC))) as sim:
        yield sim


@pytest.fixture
def house(
    sim: Simulator,
    elasticsearch_node: Node,
    postgres: Server,
    prefect_database: PrefectDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[PrefectHouse]:
    """One PostgreSQL and one Prefect for all workers."""
    name = f"shared_{uuid.uuid4().hex[:8]}"
    postgres.execute(f"CREATE DATABASE {name}")
    more = {"GLUCOFLOW_DATABASE_URL": postgres.url(name), **doubles(sim.base_url)}
    with own_prefix(elasticsearch_node) as prefix:
        house = PrefectHouse(tmp_path, elasticsearch_node, prefect_database, prefix, **more)
        for variable, value in house.environment.items():
            if not variable.startswith("PREFECT_"):
                monkeypatch.setenv(variable, value)
        try:
            yield house
        finally:
            house.close()


def connect_all(sim: Simulator, connections: int) -> None:
    with open_runtime(Settings.load()) as rt:
        provision(rt.client, rt.names)
        for number in range(connections):
            person = sim.scenario.people[number % len(sim.scenario.people)]
            now = datetime.now(UTC)
            if rt.store.people.find(person.id) is None:
                rt.store.people.add(person.id, person.name, now, zone=person.zone)
                ensure_index(rt.client, rt.names, person.id)
            connect(rt, person.id, now)


def connect(rt: Runtime, user_id: str, now: datetime) -> None:
    """One more connection of theirs, to the same account."""
    authorizer = rt.providers.authorizer(DEMO, SIMULATOR)
    state = rt.store.oauth_states.create(user_id, DEMO, SIMULATOR, now)
    address = f"{authorizer.authorize_url(state)}&person={user_id}&auto=1"
    location = requests.get(address, timeout=120, allow_redirects=False).headers["location"]
    credentials = authorizer.exchange(parse_qs(urlsplit(location).query)["code"][0], now)
    rt.store.connections.add(user_id, DEMO, SIMULATOR, now, credentials)


@pytest.mark.timeout(2400)  # ten processes that import Prefect, and each of the connections is read whole
@pytest.mark.parametrize(
    ("connections", "workers"),
    [(16, 2), pytest.param(200, 2, marks=pytest.mark.slow), pytest.param(1000, 4, marks=pytest.mark.slow)],
)
def test_all_work_and_none_is_polled_twice_at_once(
    house: PrefectHouse, sim: Simulator, connections: int, workers: int
) -> None:
    connect_all(sim, connections)
    sim.faults.add(Fault("slow", path="egvs", seconds=3, times=None))  # so that the first is not done before the last
    house.start_server()
    house.environment["SYNC_BATCH_SIZE"] = str(connections // (workers * ROUNDS))
    house.environment["SYNC_EVERY_MINUTES"] = "60"
    house.provision()
    there = [house.work(f"worker-{n}") for n in range(workers)]
    house.until(lambda: len(house.ask("work_pools/glucoflow/workers/filter")) == workers, *there)

    led = house.run("sync")
    house.until(lambda: len(running(house)) == workers, *there)
    assert {parent_of(one["infrastructure_pid"]) for one in running(house)} == {one.pid for one in there}
    helped = [one["id"] for one in running(house) if one["id"] != led]
    done = [house.ended(one, *there, seconds=1800) for one in (led, *helped)]
    assert {one["state_type"] for one in done} == {"COMPLETED"}, [one["state"]["message"] for one in done]
    shares = [int(one["state"]["message"].partition(" ")[0]) for one in done]
    assert sum(shares) == connections
    assert min(shares) >= connections // (workers * ROUNDS), shares

    with open_runtime(Settings.load()) as rt:
        runs = rt.store.runs.list(flow="sync", limit=10 * connections)
    assert Counter(run.connection_id for run in runs).most_common(1)[0][1] == 1, "each was polled once"
    assert len(runs) == connections
    assert {run.state for run in runs} == {"completed"}


def running(house: PrefectHouse) -> list[dict[str, str]]:
    """Syncs that say who runs them."""
    found = house.ask("flow_runs/filter", flow_runs={"state": {"type": {"any_": ["RUNNING"]}}})
    return [one for one in found if str(one["infrastructure_pid"]).count(".") == 3]


def parent_of(owner: str) -> int:
    """The process that started the one behind `owner`."""
    pid = owner.split(".")[1]
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
