"""How fast a year of readings goes the whole way, against raw bulk requests of the same documents in the same run.

    uv run python -m benchmarks.backfill [--years 1]

Whole way: HTTP from the simulator (a process of its own), parse, validate, enrich, bulk into a real node, checkpoint in
SQLite. Ceiling: the same documents, already serialised, in raw bulk requests of 5,000, one or two at a time, whichever
is faster. Peak memory is of this process, before the ceiling's documents are loaded.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import httpx
import orjson
from pydantic import HttpUrl

from glucoflow.es.provision import ensure_index
from glucoflow.es.scan import scan
from glucoflow.model.ingestion import Window
from glucoflow.node.local import LocalNode, NodeSettings, RunningNode
from glucoflow.service.backfill import backfill_person
from glucoflow.service.demo import connect
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import DemoSettings, ElasticsearchSettings, Settings, StoreSettings, cache_folder
from glucoflow.simulators import DEMO
from glucoflow.simulators.people import demo_family
from tests.ports import free_ports

PERSON = "alma"
WARMED_BY = "bruno"
BULK = 5_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--years", type=int, default=1)
    years = parser.parse_args().years
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        http, transport, simulator_port = free_ports(3)
        node = LocalNode(folder, cache_folder(None), NodeSettings(port=http, transport_port=transport, heap="1g"))
        with node, simulator(simulator_port, days=365 * years) as url:
            running = node.start()
            print(f"node and simulator are up; {365 * years} days of {PERSON}", file=sys.stderr)
            with open_runtime(settings(folder, running, url)) as rt:
                for person in demo_family(rt.clock()).people:
                    if person.id in (PERSON, WARMED_BY):
                        connect(rt, person)
                whole_way(
                    rt, WARMED_BY, 90
                )  # the node's compiler is as warm for us as it is for the ceiling afterwards
                cpu = time.process_time()
                readings, seconds = whole_way(rt, PERSON, 365 * years)
                cpu = time.process_time() - cpu
                peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
                words = f"{readings} readings in {seconds:.1f} s, {cpu:.1f} s of our CPU, {peak:.0f} MB"
                print(f"whole way: {words}", file=sys.stderr)
                ceiling = best_ceiling(rt, running)
    rate = readings / seconds
    answer = {
        "readings": readings,
        "years": years,
        "readings_per_s": round(rate),
        "ceiling_per_s": round(ceiling),
        "ratio": round(rate / ceiling, 3),
        "peak_rss_mb": round(peak, 1),
    }
    print(json.dumps(answer))


def settings(folder: Path, node: RunningNode, simulator_url: str) -> Settings:
    loaded = Settings.load()
    es = ElasticsearchSettings(endpoint=HttpUrl(node.url), user=node.username, password=node.password)
    return loaded.model_copy(
        update={
            "es": es,
            "store": StoreSettings(data_dir=folder / "state"),
            "demo": DemoSettings(simulators={DEMO: HttpUrl(simulator_url)}),
        }
    )


@contextmanager
def simulator(port: int, days: int) -> Iterator[str]:
    """The simulated provider in a process of its own."""
    argv = [sys.executable, "-m", "glucoflow.simulators", DEMO, "--port", str(port), "--days", str(days)]
    process = subprocess.Popen(argv, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                httpx.get(url)
                break
            except httpx.ConnectError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


def whole_way(rt: Runtime, user_id: str, days: int) -> tuple[int, float]:
    """Readings stored, and seconds from the first request to the last checkpoint."""
    ensure_index(rt.client, rt.names, user_id)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    window = Window(today - timedelta(days=days), today)
    started = time.perf_counter()
    (outcome,) = backfill_person(rt, user_id, window, None, ["readings"], lambda _share: None)
    seconds = time.perf_counter() - started
    assert outcome.status == "ok", outcome.message
    assert outcome.counts.created > 260 * days, outcome.counts
    return outcome.counts.created, seconds


def best_ceiling(rt: Runtime, node: RunningNode) -> float:
    """Documents a second with raw bulk requests: the best of one and two at a time, into fresh indices."""
    rt.client.indices.refresh(index=rt.names.alias(PERSON))
    bodies = list(bulk_bodies(rt))
    count = sum(n for n, _ in bodies)
    rates = []
    for lanes in (1, 2):
        alias = ensure_index(rt.client, rt.names, f"ceiling{lanes}").alias
        with (
            httpx.Client(
                auth=(node.username, node.password.get_secret_value()),
                headers={"content-type": "application/x-ndjson"},
                timeout=60,
            ) as client,
            ThreadPoolExecutor(lanes) as pool,
        ):
            started = time.perf_counter()
            for answer in pool.map(partial(_post, client, f"{node.url}/{alias}/_bulk"), [body for _, body in bodies]):
                assert b'"errors":false' in answer
            rates.append(count / (time.perf_counter() - started))
        print(f"ceiling, {lanes} at a time: {rates[-1]:.0f} documents a second", file=sys.stderr)
    return max(rates)


def _post(client: httpx.Client, url: str, body: bytes) -> bytes:
    return client.post(url, content=body).raise_for_status().content


def bulk_bodies(rt: Runtime) -> Iterator[tuple[int, bytes]]:
    lines: list[bytes] = []
    for hit in scan(rt.client, rt.names.alias(PERSON), {"match_all": {}}):
        lines += [orjson.dumps({"create": {"_id": hit.id}}), bytes(hit.source)]
        if len(lines) == 2 * BULK:
            yield BULK, b"\n".join(lines) + b"\n"
            lines = []
    if lines:
        yield len(lines) // 2, b"\n".join(lines) + b"\n"


if __name__ == "__main__":
    main()
