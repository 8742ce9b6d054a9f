"""What many people cost Elasticsearch, with an index each and in shared ones: heap, start, a sync, a page.

    uv run python -m benchmarks.scale [--people 100 1000 10000] [--layouts person shared] [--heap 1g] [--minutes 60]

Each person has a day of readings: what is measured is what people cost, not what readings do. For each number of people
and layout there is a node of its own, which is filled, measured, and started once more. CPU is the node's own, so that
figures can be compared between machines with other work. Nothing is begun after `--minutes`. The last line is JSON.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import psutil
from elasticsearch import Elasticsearch

from glucoflow.enrich import Enricher, Owner
from glucoflow.es.client import make_client
from glucoflow.es.held import look
from glucoflow.es.names import Names
from glucoflow.es.provision import ensure_index, provision
from glucoflow.es.queries import Queries
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.model.documents import Document
from glucoflow.model.records import Device, Reading
from glucoflow.node.local import LocalNode, NodeSettings, RunningNode
from glucoflow.settings import cache_folder
from tests.ports import free_ports

SHARED = 4
A_DAY = 288
NEW = 12
ASKED = 40
"""So many people are synced and looked at; the figures are of one of them."""

NOW = datetime.now(UTC).replace(microsecond=0)
FIVE = timedelta(minutes=5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--layouts", nargs="+", choices=["person", "shared"], default=["person", "shared"])
    parser.add_argument("--heap", default="1g")
    parser.add_argument("--minutes", type=float, default=60)
    asked = parser.parse_args()
    until = time.monotonic() + 60 * asked.minutes
    rows = []
    for people in asked.people:
        for layout in asked.layouts:
            if time.monotonic() > until:
                said(f"no time for {people} people, {layout}")
                continue
            rows.append(measured(people, layout, asked.heap, until))
            said(json.dumps(rows[-1]))
    print(json.dumps({"heap": asked.heap, "rows": rows}))


def measured(people: int, layout: str, heap: str, until: float) -> dict[str, Any]:
    """One row. Where the node cannot, or time is over, it says so instead."""
    names = Names(shared=SHARED if layout == "shared" else 0)
    row: dict[str, Any] = {"people": people, "layout": layout}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        try:
            with node(folder, heap) as (running, client):
                row |= filled(client, running, names, people, until)
                row |= state_of(client)
                row |= asked_of(client, running, names, row["filled"])
            began = time.perf_counter()
            with node(folder, heap) as (_, client):
                client.cluster.health(wait_for_no_initializing_shards=True, wait_for_status="yellow", timeout="600s")
                row["start_s"] = round(time.perf_counter() - began, 1)
        except Exception as error:  # noqa: BLE001 – where one machine ends is what is asked
            row["broke"] = f"{type(error).__name__}: {str(error)[:200]}"
    return row


@contextmanager
def node(folder: Path, heap: str) -> Iterator[tuple[RunningNode, Elasticsearch]]:
    """A node of our own on this folder."""
    http, transport = free_ports(2)
    settings = NodeSettings(port=http, transport_port=transport, heap=heap, role="superuser")  # to allow shards
    with LocalNode(folder, cache_folder(None), settings) as local:
        running = local.start()
        client = make_client(running.url, running.username, running.password, timeout_s=300)
        try:
            yield running, client
        finally:
            client.close()


def filled(client: Elasticsearch, running: RunningNode, names: Names, people: int, until: float) -> dict[str, Any]:
    """Everybody with a day of readings, or as many as there is time for."""
    client.cluster.put_settings(persistent={"cluster.max_shards_per_node": str(max(1000, 2 * people))})
    provision(client, names)
    began, cpu = time.perf_counter(), cpu_of(running)
    done = 0
    for number in range(people):
        if time.monotonic() > until:
            break
        ensure_index(client, names, person(number))
        write(client, names, number, A_DAY, NOW - A_DAY * FIVE)
        done += 1
    seconds = time.perf_counter() - began
    return {
        "filled": done,
        "fill_ms": round(1000 * seconds / max(1, done), 1),
        "fill_cpu_ms": round(1000 * (cpu_of(running) - cpu) / max(1, done), 1),
    }


def state_of(client: Elasticsearch) -> dict[str, Any]:
    """Shards, heap in use (the least of some looks: rubbish comes and goes), and disk."""
    heap = []
    for _ in range(15):
        stats = next(iter(client.nodes.stats(metric="jvm").body["nodes"].values()))
        heap.append(stats["jvm"]["mem"]["heap_used_in_bytes"])
        time.sleep(1)
    store = client.indices.stats(metric="store,docs").body["_all"]["total"]
    return {
        "shards": client.cluster.health()["active_shards"],
        "heap_mb": round(min(heap) / 2**20),
        "disk_mb": round(store["store"]["size_in_bytes"] / 2**20),
        "documents": store["docs"]["count"],
    }


def asked_of(client: Elasticsearch, running: RunningNode, names: Names, people: int) -> dict[str, Any]:
    """What a sync with twelve new readings, and a page, cost the node."""
    step = max(1, people // ASKED)
    chosen = range(0, people, step)[:ASKED]
    queries = Queries(client, names)
    return {
        **timed(running, "sync", chosen, lambda number: synced(client, queries, names, number)),
        **timed(running, "page", chosen, lambda number: page(queries, person(number))),
    }


def timed(running: RunningNode, what: str, people: Sequence[int], do: Callable[[int], None]) -> dict[str, Any]:
    do(people[0])  # compiled and warm, as it is in a node that has been up for a while
    cpu, times = cpu_of(running), []
    for number in people:
        began = time.perf_counter()
        do(number)
        times.append(1000 * (time.perf_counter() - began))
    used = 1000 * (cpu_of(running) - cpu) / len(people)
    return {f"{what}_ms": round(median(times), 1), f"{what}_cpu_ms": round(used, 1)}


def synced(client: Elasticsearch, queries: Queries, names: Names, number: int) -> None:
    """What a sync asks of Elasticsearch for its readings and the figures that follow from them."""
    user = person(number)
    look(
        client,
        names,
        user,
        provider="dexcom",
        connection_id="c1",
        since=NOW - timedelta(days=3),
        readings_from=NOW - timedelta(days=3),
        fasting=timedelta(hours=8),
        tail=timedelta(minutes=20),
    )
    write(client, names, number, NEW, datetime.now(UTC).replace(microsecond=0))
    queries.changed_dates(user, NOW)
    queries.readings(user, NOW - timedelta(days=4))


def page(queries: Queries, user: str) -> None:
    """What a person's first page asks: the newest reading, the figures of a fortnight, and its readings."""
    queries.latest(user)
    queries.overview(user, NOW - timedelta(days=14), NOW + timedelta(days=1))
    queries.readings(user, NOW - timedelta(days=1))


def write(client: Elasticsearch, names: Names, number: int, count: int, start: datetime) -> None:
    result = ElasticsearchSink(client, names, person(number)).write(readings(person(number), count, start), [], NOW)
    assert not result.rejected, result.rejected[:1]


def readings(user: str, count: int, start: datetime) -> list[Document]:
    owner = Owner(user_id=user, connection_id="c1", provider="dexcom", zone="Europe/Berlin")
    device = Device(id="d", transmitter_id="tx", model="g7")
    made = (
        Reading(
            time=start + FIVE * at,
            key=f"{start:%Y%m%d%H%M%S}-{at}",
            offset_min=60,
            device=device,
            value=90 + at % 120,
            unit="mg/dL",
            trend_word="flat",
            interval_ms=300_000,
            record_id=f"{user}-{start:%Y%m%d%H%M%S}-{at}",
            payload=msgspec.Raw(b'{"recordId": "%d", "transmitterGeneration": "g7", "displayApp": "G7"}' % at),
        )
        for at in range(count)
    )
    return list(Enricher(owner, "readings").documents(made))


def person(number: int) -> str:
    return f"person-{number:05}x"


def cpu_of(running: RunningNode) -> float:
    times = psutil.Process(running.pid).cpu_times()
    return float(times.user + times.system)


def said(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
