"""A run whose process is gone is set Crashed by whoever takes runs next, and holds up none: over a real server."""

import subprocess
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from glucoflow.es.provision import delete_user, provision
from glucoflow.service.demo import connect
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings
from glucoflow.simulators.dexcom import Fault, SettableClock, Simulator, demo_scenario, running_simulator
from tests.flows.prefect_house import PrefectHouse, doubles
from tests.node import Node
from tests.prefect_database import PrefectDatabase

pytestmark = pytest.mark.timeout(900)  # some ten processes that import Prefect, on a busy machine


@pytest.fixture
def sim() -> Iterator[Simulator]:
    scenario = demo_scenario(datetime.now(UTC), days=2)
    scenario = replace(scenario, people=(scenario.person("alma"),))
    with running_simulator(scenario, clock=SettableClock(datetime.now(UTC))) as sim:
        yield sim


@pytest.fixture
def house(
    sim: Simulator,
    elasticsearch_node: Node,
    prefect_database: PrefectDatabase,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[PrefectHouse]:
    """Alma, connected and not yet synced; Prefect's server runs."""
    house = PrefectHouse(
        tmp_path, elasticsearch_node, prefect_database, f"a{uuid.uuid4().hex[:8]}-", **doubles(sim.base_url)
    )
    for name, value in house.environment.items():
        if not name.startswith("PREFECT_"):
            monkeypatch.setenv(name, value)
    with open_runtime(Settings.load()) as rt:
        provision(rt.client, rt.names)
        connect(rt, sim.scenario.person("alma"))
    try:
        yield house
    finally:
        house.close()
        with open_runtime(Settings.load()) as rt:
            delete_user(rt.client, rt.names, "alma")


def in_a_call(house: PrefectHouse, sim: Simulator, takes: subprocess.Popen[bytes]) -> str:
    """A sync that waits for the provider, and says who runs it; its id."""
    sim.faults.add(Fault("slow", path="egvs", seconds=25, times=None))
    run_id = house.run("sync")
    house.until(lambda: sim.requested("egvs") > 0, takes)
    assert house.flow_run(run_id)["state_type"] == "RUNNING"
    assert house.flow_run(run_id)["infrastructure_pid"].count(".") == 3, "who runs it"
    return run_id


@pytest.mark.parametrize("with_the_server", [False, True])
def test_what_was_served_when_all_was_killed(house: PrefectHouse, sim: Simulator, with_the_server: bool) -> None:
    server, serving = house.start_server(), house.serve()
    killed = in_a_call(house, sim, serving)
    house.kill(serving)
    if with_the_server:
        house.kill(server)
        house.start_server()
    sim.faults.clear()
    assert house.flow_run(killed)["state_type"] == "RUNNING", "nobody has noticed"
    serving = house.serve()
    assert house.ended(killed, serving)["state_type"] == "CRASHED"
    after = house.ended(house.run("sync"), serving)
    assert after["state_type"] == "COMPLETED", after["state"]["message"]
    assert "1 connection," in after["state"]["message"]


def test_what_a_worker_ran_when_it_was_killed(house: PrefectHouse, sim: Simulator) -> None:
    house.start_server()
    house.provision()
    worker = house.work()
    killed = in_a_call(house, sim, worker)
    bystander = house.run("sync", user_id="alma")
    assert house.ended(bystander, worker)["state_type"] == "CANCELLED", "one at a time"
    other = house.work("other")
    house.until(lambda: len(house.ask("work_pools/glucoflow/workers/filter")) == 2, other)
    assert house.flow_run(killed)["state_type"] == "RUNNING", "a living one is left alone"
    house.kill(worker)
    house.kill(other)
    sim.faults.clear()
    worker = house.work("third")
    assert house.ended(killed, worker)["state_type"] == "CRASHED"
    after = house.ended(house.run("sync"), worker)
    assert after["state_type"] == "COMPLETED", after["state"]["message"]
    assert "1 connection," in after["state"]["message"]
