"""The simulated Dexcom for many people, in a process of its own: `python -m benchmarks.cloud --port N --people N`.

Everybody lives one of four lives, so that making their records costs this machine little; each has an account and
tokens of their own. The clock is so many hours behind; each SIGUSR1 lets one pass, and its twelve readings are there.
"""

import argparse
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import requests

from glucoflow.simulators.dexcom import Client, Scenario, demo_scenario
from glucoflow.simulators.dexcom.app import create_app
from glucoflow.simulators.dexcom.archive import Archive, RecordKind
from glucoflow.simulators.serving import until_interrupted
from tests.ports import free_ports

HOUR = timedelta(hours=1)
LIVES = 4
CALLS_PER_HOUR = 10_000_000


def scenario_of(people: int, days: int, now: datetime) -> Scenario:
    """So many people, `person-0000` and on, who live the demo's four lives by turns."""
    demo = demo_scenario(now, days=days)
    lives = demo.people[:LIVES]
    named = (replace(lives[n % LIVES], id=f"person-{n:05}", name=f"Person {n}", gaps=()) for n in range(people))
    return replace(demo, people=tuple(named))


class SharedLives:
    """Satisfies `Holdings`: everybody's records are those of the first who lives the same life."""

    def __init__(self, scenario: Scenario) -> None:
        people = scenario.people[:LIVES]
        self._archive = Archive(replace(scenario, people=people))
        self._life = {one.id: people[n % len(people)].id for n, one in enumerate(scenario.people)}
        self._page = lru_cache(maxsize=256)(self._archive.page)
        self._range = lru_cache(maxsize=256)(self._archive.data_range)

    def page(
        self, person_id: str, kind: RecordKind, start: datetime, end: datetime, as_of: datetime, client: str = Client.id
    ) -> bytes:
        """See `Holdings`."""
        del client
        return self._page(self._life[person_id], kind, start, end, as_of)

    def data_range(self, person_id: str, as_of: datetime, since: datetime | None) -> dict[str, Any]:
        """See `Holdings`."""
        return self._range(self._life[person_id], as_of, since)


@contextmanager
def running_cloud(people: int, days: int, behind: int = 1) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Its address and its process."""
    (port,) = free_ports(1)
    numbers = {"port": port, "people": people, "days": days, "behind": behind}
    argv = [sys.executable, "-m", "benchmarks.cloud", *(f"--{name}={n}" for name, n in numbers.items())]
    process = subprocess.Popen(argv)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                requests.get(f"{url}/health", timeout=5)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield url, process
    finally:
        process.terminate()
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("port", "people", "days", "behind"):
        parser.add_argument(f"--{name}", type=int, required=True)
    asked = parser.parse_args()
    behind: timedelta = asked.behind * HOUR

    def on_time(_signal: int, _frame: object) -> None:
        nonlocal behind
        behind -= HOUR

    def clock() -> datetime:
        return datetime.now(UTC).replace(microsecond=0) - behind

    signal.signal(signal.SIGUSR1, on_time)
    scenario = scenario_of(asked.people, asked.days, datetime.now(UTC))
    app = create_app(scenario, clock, archive=SharedLives(scenario), calls_per_hour=CALLS_PER_HOUR)
    until_interrupted(app, "127.0.0.1", asked.port)


if __name__ == "__main__":
    main()
