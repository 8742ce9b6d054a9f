"""A run whose process is gone is set Crashed by whoever takes runs next, and holds up none: over a real server."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from glucoflow.es.provision import provision
from glucoflow.service.demo import connect
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings
from glucoflow.simulators.dexcom import Fault, SettableClock, Simulator, demo_scenario, running_simulator
from tests.flows.prefect_house import PrefectHouse, doubles
from tests.node import Node
from tests.prefect_database import PrefectDatabase
from tests.prefixes import own_prefix

pytestmark = pytest.mark.timeout(900)  # some ten processes that import Prefect, on a busy machine


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    scenario = demo_scenario(datetime.now(UTC), days=2)
    scenario = replace(scenario, people=(scenario.person("alma"),))
    with running_simulator(scenario, clock=SettableClock(datetime.now(UTC))) as sim:
        yield sim


@pytest.fixture(scope="module")
def house(
    sim: Simulator,
    elasticsearch_node: Node,
    prefect_database: PrefectDatabase,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[PrefectHouse]:
    """Alma, connected and not yet synced; Prefect's server runs."""
    folder = tmp_path_factory.mktemp("abandoned")
    with own_prefix(elasticsearch_node) as prefix, pytest.MonkeyPatch.context() as patch:
        house = PrefectHouse(folder, elasticsearch_node, prefect_database, prefix, **doubles(sim.base_url))
        for name, value in house.environment.items():
            if not name.startswith("PREFECT_"):
                patch.setenv(name, value)
        with open_runtime(Settings.load()) as rt:
            provision(rt.client, rt.names)
            connect(rt, sim.scenario.person("alma"))
        try:
            house.start_server()
            yield house
        finally:
            house.close()


def offered(house: PrefectHouse) -> list[str]:
    """The people that the form of a backfill lists."""
    found = house.ask("deployments/filter", deployments={"name": {"any_": ["backfill"]}})
    fields = [one["parameter_openapi_schema"]["properties"]["user_id"] for one in found]
    return [who for field in fields for part in field.get("anyOf", []) for who in part.get("enum", [])]


def in_a_call(house: PrefectHouse, sim: Simulator, takes: subprocess.Popen[bytes]) -> str:
    """A sync that waits for the provider longer than other processes start, and says who runs it; its id."""
    with open_runtime(Settings.load()) as rt:
        for one in rt.store.connections.for_user("alma"):
            rt.store.connections.schedule(one.id, datetime.now(UTC))
    asked = sim.requested("egvs")
    for kind in (
        "egvs",
        "events",
        "calibrations",
        "alerts",
        "devices",
    ):
        sim.faults.add(Fault("slow", path=kind, seconds=25, times=None))
    run_id = house.run("sync")
    house.until(lambda: sim.requested("egvs") > asked, takes)
    assert house.flow_run(run_id)["state_type"] == "RUNNING"
    assert house.flow_run(run_id)["infrastructure_pid"].count(".") == 3, "who runs it"
    return run_id


def crashed(house: PrefectHouse, sim: Simulator, killed: str, takes: subprocess.Popen[bytes]) -> None:
    """Whoever takes runs now has noticed, and none is held up: the next sync reads."""
    assert house.ended(killed, takes)["state_type"] == "CRASHED"
    after = house.ended(house.run("sync"), takes)
    assert after["state_type"] == "COMPLETED", after["state"]["message"]
    assert "1 connection," in after["state"]["message"]


def test_what_was_served_when_all_was_killed(house: PrefectHouse, sim: Simulator) -> None:
    """First what takes runs alone, then Prefect's server with it."""
    serving = house.serve()
    house.until(lambda: offered(house) == ["alma"], serving)
    killed = in_a_call(house, sim, serving)
    house.kill(serving)
    sim.faults.clear()
    assert house.flow_run(killed)["state_type"] == "RUNNING", "nobody has noticed"
    serving = house.serve()
    assert house.ended(killed, serving)["state_type"] == "CRASHED"

    killed = in_a_call(house, sim, serving)
    house.kill(serving)
    house.restart_server()
    sim.faults.clear()
    assert house.flow_run(killed)["state_type"] == "RUNNING", "nobody has noticed"
    serving = house.serve()
    crashed(house, sim, killed, serving)
    house.kill(serving)


def test_what_a_worker_ran_when_it_was_killed(house: PrefectHouse, sim: Simulator) -> None:
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
    crashed(house, sim, killed, house.work("third"))
