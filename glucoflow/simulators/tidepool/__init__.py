"""A strict fake of Tidepool's API: log-in, who shares with whom, and data by window with its surprises.

In a test: `with running_cloud(demo_scenario(now), clock) as (url, cloud)`; `alma@example.org` has alma's data.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from glucoflow.simulators.scenario import Client, Scenario
from glucoflow.simulators.settable_clock import Clock, real_clock

if TYPE_CHECKING:
    from glucoflow.simulators.tidepool.app import Cloud


@contextmanager
def running_cloud(scenario: Scenario, clock: Clock = real_clock) -> Iterator[tuple[str, "Cloud"]]:
    """The cloud on a free loopback port: its address, and what a test looks at."""
    from glucoflow.simulators.serving import in_thread
    from glucoflow.simulators.tidepool.app import Cloud, create_app

    cloud = Cloud(scenario, clock)
    with in_thread(create_app(cloud)) as url:
        yield url, cloud


def run(
    port: int,
    now: datetime,
    *,
    host: str = "127.0.0.1",
    days: int = 90,
    seed: int = 0,
    client: Client | None = None,
    state: Path | None = None,
) -> None:
    """Serves the demo's people until interrupted: the user is `PERSON@example.org`, the password `PERSON-tidepool`."""
    from glucoflow.simulators.people import demo_scenario
    from glucoflow.simulators.serving import until_interrupted
    from glucoflow.simulators.tidepool.app import Cloud, create_app

    del client, state
    until_interrupted(create_app(Cloud(demo_scenario(now, days=days, seed=seed), real_clock)), host, port)
