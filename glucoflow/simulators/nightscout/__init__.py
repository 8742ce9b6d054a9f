"""A strict fake of Nightscout sites, one a made-up person: API v1 and v3, tokens, secrets, and every fault at the wire.

In a test: `with running_sites(demo_scenario(now), clock=clock) as (url, sites)`, then `sites.token("alma")`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from glucoflow.simulators.scenario import Client, Scenario
from glucoflow.simulators.settable_clock import Clock, real_clock

if TYPE_CHECKING:
    from glucoflow.simulators.nightscout.app import Sites


@contextmanager
def running_sites(
    scenario: Scenario, clock: Clock = real_clock, *, v3: bool = True, readable_by_all: bool = False
) -> Iterator[tuple[str, "Sites"]]:
    """The sites of a scenario's people on a free loopback port: their address, and what a test looks at."""
    from glucoflow.simulators.nightscout.app import Sites, create_app
    from glucoflow.simulators.serving import in_thread

    sites = Sites(scenario, clock, v3=v3, readable_by_all=readable_by_all)
    with in_thread(create_app(sites)) as url:
        yield url, sites


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
    """Serves the sites of the demo's people until interrupted, and prints their tokens."""
    from glucoflow.simulators.nightscout.app import Sites, create_app
    from glucoflow.simulators.people import demo_scenario
    from glucoflow.simulators.serving import until_interrupted

    del client, state
    sites = Sites(demo_scenario(now, days=days, seed=seed), real_clock)
    for person in sites.documents:
        print(f"{person}: token {sites.token(person)}")  # noqa: T201 – made up, and nobody could sign in without
    until_interrupted(create_app(sites), host, port)
