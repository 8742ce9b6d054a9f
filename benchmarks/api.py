"""What apps cost the pages' process: 50 that poll each minute, and a year that one uploads while it is killed.

    uv run python -m benchmarks.api ADDRESS SECRET PID [minutes]     50 apps ask the site of process PID
    uv run python -m benchmarks.api year ADDRESS SECRET [seed]       a double of xDrip+ uploads a year

The secret may read and upload. One line of JSON: share of a core, or what arrived. Only the site's process is counted,
not Elasticsearch's, which `benchmarks.metrics` looks at.
"""

import json
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from random import Random

import httpx
import psutil

from tests.api.doubles import XdripQueue, upload_all

APPS = 50
ASKED = (
    "/api/v1/entries/sgv.json?count=10", "/api/v1/entries.json?count=10", "/api/v2/properties", "/pebble",
    "/api/v1/treatments.json?count=100", "/api/v1/devicestatus.json?count=1", "/api/v3/lastModified",
    "/api/v1/entries/current.json", "/api/v1/status.json", "/api/v1/entries?count=60",
)  # fmt: skip
"""What followers, watches and menu bars ask each minute, one each."""


def polled(address: str, secret: str, pid: int, minutes: float) -> dict[str, object]:
    """Each app asks once a minute at a second of its own."""
    process = psutil.Process(pid)
    headers = {"api-secret": secret, "accept": "application/json"}
    done: list[float] = []
    failed: list[int] = []

    def app(at: int) -> None:
        with httpx.Client(base_url=address, headers=headers, timeout=60) as client:
            time.sleep(60 * at / APPS)
            ends = time.monotonic() + 60 * minutes
            while time.monotonic() < ends:
                began = time.perf_counter()
                answer = client.get(ASKED[at % len(ASKED)])
                done.append(time.perf_counter() - began)
                if answer.status_code != 200:
                    failed.append(answer.status_code)
                time.sleep(60 - (time.perf_counter() - began))

    before, began = process.cpu_times(), time.perf_counter()
    threads = [threading.Thread(target=app, args=(at,)) for at in range(APPS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    used, took = process.cpu_times(), time.perf_counter() - began
    seconds = used.user + used.system - before.user - before.system
    return {
        "apps": APPS,
        "requests": len(done),
        "failed": len(failed),
        "seconds": round(took),
        "cpu_ms_a_request": round(1000 * seconds / len(done), 1),
        "share_of_a_core": round(seconds / len(done) * APPS / 60, 4),
        "median_ms": round(1000 * sorted(done)[len(done) // 2]),
    }


def year(address: str, secret: str, seed: int) -> dict[str, object]:
    """105,120 readings in rounds of 300, killed at random."""
    end = datetime.now(UTC).replace(second=0, microsecond=0)
    times = [end - timedelta(minutes=5 * at) for at in range(365 * 288)]
    queue = XdripQueue.of(times, Random(seed))  # noqa: S311
    began = time.perf_counter()
    with httpx.Client(
        base_url=address, headers={"api-secret": secret, "accept": "application/json"}, timeout=120
    ) as app:
        kills = upload_all(app, queue, Random(seed), every=12)  # noqa: S311
        since = int((end - timedelta(days=366)).timestamp() * 1000)
        held = app.get(f"/api/v1/entries.json?count=200000&find[date][$gte]={since}").json()
    missing = queue.all_of_them - {(one["date"], one["sgv"]) for one in held}
    return {
        "readings": len(times),
        "kills": kills,
        "held": len(held),
        "missing": len(missing),
        "seconds": round(time.perf_counter() - began),
    }


def main(arguments: list[str]) -> None:
    if arguments[0] == "year":
        found = year(arguments[1], arguments[2], int(arguments[3]) if len(arguments) > 3 else 1)
    else:
        minutes = float(arguments[3]) if len(arguments) > 3 else 2.0
        found = polled(arguments[0], arguments[1], int(arguments[2]), minutes)
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1:])
