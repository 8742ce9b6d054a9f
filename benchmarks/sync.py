"""How long many people's next sync takes: each has twelve new readings, behind Prefect, on PostgreSQL.

    uv run python -m benchmarks.sync [--people 1000] [--workers 1 2 4] [--layout person]

Everything is real and a process of its own: the cloud, Elasticsearch, PostgreSQL, Prefect's server and the workers.
Everybody is synced once, an hour behind, which is not measured; then the cloud's clock goes on by an hour, and the
scheduled flow is run. `prefect_share` is the part of the wall time in which no batch was worked on: starting processes,
claiming, telling Prefect; `prefect_cpu_share` that of CPU which Prefect's server and the waiting workers used.
"""

import argparse
import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from pydantic import HttpUrl, SecretStr
from sqlalchemy import create_engine, text

from benchmarks.cloud import HOUR, running_cloud, scenario_of
from benchmarks.requests_of_node import requests_of
from glucoflow.es.provision import provision
from glucoflow.node.local import LocalNode, NodeSettings
from glucoflow.service.batches import run_batch, sync_due
from glucoflow.service.demo import connect
from glucoflow.service.jobs import SYNC_JOB
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import DemoSettings, ElasticsearchSettings, IndexSettings, Settings, StoreSettings, cache_folder
from glucoflow.simulators import DEMO
from glucoflow.store import new_owner
from tests.flows.prefect_house import PrefectHouse, doubles
from tests.node import Node
from tests.ports import free_ports
from tests.postgres import RunningServer
from tests.prefect_database import PrefectDatabase

NEW = 12
"""Readings of an hour, of a sensor that is worn."""


@dataclass(frozen=True)
class Place:
    """Where everything runs."""

    folder: Path
    node: Node
    node_pid: int
    postgres: str
    cloud: str
    cloud_pid: int
    people: int
    layout: str = "person"
    prefix: str = "cgm-"

    def settings(self) -> Settings:
        es = ElasticsearchSettings(
            endpoint=HttpUrl(self.node.url), user=self.node.username, password=self.node.password, index=self.prefix
        )
        return Settings.load().model_copy(
            update={
                "es": es,
                "index": IndexSettings.model_validate({"layout": self.layout}),
                "store": StoreSettings(data_dir=self.folder / "data", database_url=SecretStr(self.postgres)),
                "demo": DemoSettings(simulators={DEMO: HttpUrl(self.cloud)}),
            }
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=1000)
    parser.add_argument("--days", type=int, default=4)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--heap", default="1g")
    parser.add_argument("--layout", choices=["person", "shared"], default="person")
    asked = parser.parse_args()
    measured = []
    for workers in asked.workers:
        with place(asked.people, asked.days, asked.heap, asked.layout) as here:
            fill(here)
            said(f"{workers} workers")
            measured.append({"workers": workers, **(through_prefect(here, workers) if workers else inside(here))})
            said(json.dumps(measured[-1]))
    print(json.dumps({"people": asked.people, "new_readings": NEW, "runs": measured}))


@contextmanager
def place(people: int, days: int, heap: str, layout: str) -> Iterator[Place]:
    """A node, a database and a cloud of so many people, each a process of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        folder.chmod(0o755)
        http, transport = free_ports(2)
        settings = NodeSettings(port=http, transport_port=transport, heap=heap, role="superuser")  # to allow shards
        running = stack.enter_context(LocalNode(folder / "node", cache_folder(None), settings)).start()
        node = Node(url=running.url, username=running.username, password=running.password)
        server = stack.enter_context(RunningServer())
        server.execute("CREATE DATABASE sync")
        url, cloud = stack.enter_context(running_cloud(people, days))
        allow_shards(node, people)
        yield Place(folder, node, running.pid, server.url("sync"), url, cloud.pid, people, layout)


def allow_shards(node: Node, people: int) -> None:
    """More than the thousand of a default, where it takes more."""
    with node.client() as client:
        most = str(max(1000, people + 100))
        client.cluster.put_settings(persistent={"cluster.max_shards_per_node": most})


def fill(here: Place) -> None:
    """Everybody connected and synced once, an hour ago; then the hour passes."""
    began = time.perf_counter()
    with open_runtime(here.settings(), lambda: datetime.now(UTC) - HOUR) as rt:
        provision(rt.client, rt.names)
        people = scenario_of(here.people, 1, datetime.now(UTC)).people
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda one: connect(rt, one), people))
        said(f"{here.people} people connected after {time.perf_counter() - began:.0f} s")
        outcomes = synced(rt)
        assert len(outcomes) == here.people
        assert all(one.status == "ok" for one in outcomes), [one for one in outcomes if one.status != "ok"][:3]
        said(
            f"synced once after {time.perf_counter() - began:.0f} s: {sum(o.counts.created for o in outcomes)} records"
        )
    os.kill(here.cloud_pid, signal.SIGUSR1)
    make_due(here)


def make_due(here: Place) -> None:
    engine = create_engine(here.postgres.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE connections SET next_poll_at = :at"), {"at": datetime.now(UTC) - timedelta(minutes=1)}
        )
    engine.dispose()


def synced(rt: Runtime) -> list[Any]:
    owner = new_owner()
    return sync_due(rt, owner, lambda batch: run_batch(rt, batch, SYNC_JOB, owner, rt.settings.sync.threads))


def inside(here: Place) -> dict[str, Any]:
    """The same work in this process, without Prefect: to profile, and to compare with."""
    with open_runtime(here.settings()) as rt:
        before, counted = cpu_of(here), requests_of(here.node)
        began, own = time.perf_counter(), time.process_time()
        outcomes = synced(rt)
        seconds = time.perf_counter() - began
        check(rt, here)
    assert len(outcomes) == here.people
    return {
        "seconds": round(seconds, 1),
        "own_cpu_s": round(time.process_time() - own, 1),
        "cpu_s": {name: round(cpu_of(here)[name] - at, 1) for name, at in before.items()},
        **wire(here, counted),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def check(rt: Runtime, here: Place) -> None:
    """Nobody was left out, and everybody has what is new."""
    runs = rt.store.runs.list(flow="sync", limit=3 * here.people)
    assert len(runs) == 2 * here.people, len(runs)
    newest = runs[: here.people]
    assert {run.state for run in newest} == {"completed"}
    assert len({run.connection_id for run in newest}) == here.people
    created = sum(run.counts.created for run in newest)
    said(f"{created} new records")
    assert created >= NEW * here.people * 0.9, created


def wire(here: Place, before: Mapping[str, int]) -> dict[str, Any]:
    """Requests to Elasticsearch since then, all and by path, a person."""
    now = requests_of(here.node)
    rose = {path: (now[path] - before.get(path, 0)) / here.people for path in now}
    rose = {path: round(n, 2) for path, n in sorted(rose.items(), key=lambda one: -one[1]) if n >= 0.005}
    return {"requests_a_person": round(sum(rose.values()), 2), "requests": rose}


def cpu_of(here: Place) -> dict[str, float]:
    def seconds(pid: int) -> float:
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)

    postmaster = [one for one in psutil.process_iter(["cmdline"]) if _is_postgres(one, here)]
    postgres = sum(
        t.user + t.system + t.children_user + t.children_system for one in postmaster for t in [one.cpu_times()]
    )
    return {"elasticsearch": seconds(here.node_pid), "cloud": seconds(here.cloud_pid), "postgres": postgres}


def _is_postgres(process: psutil.Process, here: Place) -> bool:
    line = process.info["cmdline"] or []
    return "-p" in line and here.postgres.rpartition(":")[2].partition("/")[0] in line


def through_prefect(here: Place, workers: int) -> dict[str, Any]:
    """The scheduled flow, run by so many workers of the pool."""
    database = PrefectDatabase(here.folder / "prefect.db")
    more = {
        "GLUCOFLOW_DATABASE_URL": here.postgres,
        "SYNC_EVERY_MINUTES": "60",
        "INDEX_LAYOUT": here.layout,
        **doubles(here.cloud),
    }
    house = PrefectHouse(here.folder, here.node, database, here.prefix, **more)
    try:
        house.start_server()
        house.provision()
        running = [house.work(f"worker{n}") for n in range(workers)]
        house.until(lambda: len(house.ask("work_pools/glucoflow/workers/filter")) == workers, *running)
        watch = Watch([house.server_pid, *(one.pid for one in running)])
        before, counted, began = cpu_of(here), requests_of(here.node), time.perf_counter()
        run = house.run("sync")
        while house.flow_run(run)["state_type"] not in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
            watch.look()
            time.sleep(0.5)
        helped = house.ask("flow_runs/filter", flow_runs={"state": {"type": {"any_": ["RUNNING", "PENDING"]}}})
        for one in helped:
            house.ended(one["id"], *running)
        seconds = time.perf_counter() - began
        watch.look()
        spent = {name: cpu_of(here)[name] - at for name, at in before.items()}
        with open_runtime(here.settings()) as rt:
            check(rt, here)
        batches = house.ask("task_runs/filter", limit=200)
        orchestration = watch.own
        whole = sum(spent.values()) + watch.total
        return {
            "seconds": round(seconds, 1),
            "prefect_share": round(1 - covered(batches) / seconds, 3),
            "prefect_cpu_share": round(orchestration / whole, 3),
            "cpu_s": {"sync": round(watch.total - orchestration, 1), "prefect": round(orchestration, 1)}
            | {name: round(used, 1) for name, used in spent.items()},
            **wire(here, counted),
            "peak_rss_mb": round(watch.peak / 2**20),
        }
    finally:
        house.close()


class Watch:
    """What a few processes and all that they start use: CPU seconds since now, and the largest one's memory."""

    def __init__(self, pids: list[int]) -> None:
        self._roots = pids
        self._used: dict[int, float] = {}
        self._first = {one.pid: self._seconds(one) for one in self._all()}
        self.peak = 0

    def look(self) -> None:
        """To be called now and then: who has ended is not seen any more."""
        for one in self._all():
            try:
                self._used[one.pid] = self._seconds(one) - self._first.get(one.pid, 0.0)
                if one.pid not in self._roots:
                    self.peak = max(self.peak, one.memory_info().rss)
            except psutil.NoSuchProcess:
                continue

    @property
    def total(self) -> float:
        return sum(self._used.values())

    @property
    def own(self) -> float:
        """Of the processes themselves, without those that they started."""
        return sum(self._used.get(pid, 0.0) for pid in self._roots)

    def _all(self) -> list[psutil.Process]:
        roots = [psutil.Process(pid) for pid in self._roots]
        return [*roots, *(child for root in roots for child in root.children(recursive=True))]

    @staticmethod
    def _seconds(process: psutil.Process) -> float:
        times = process.cpu_times()
        return float(times.user + times.system)


def covered(batches: list[dict[str, Any]]) -> float:
    """Seconds in which some batch was worked on."""
    spans = sorted(
        (datetime.fromisoformat(one["start_time"]), datetime.fromisoformat(one["end_time"]))
        for one in batches
        if one["start_time"] and one["end_time"]
    )
    seconds, until = 0.0, datetime.min.replace(tzinfo=UTC)
    for start, end in spans:
        if end > until:
            seconds += (end - max(start, until)).total_seconds()
            until = end
    return seconds


def said(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
