"""A strict fake of Nightscout sites, one a made-up person: API v1 and v3, tokens, secrets, and every fault at the wire.

In a test: `with running_sites(demo_scenario(now), clock=clock) as (url, sites)`, then `sites.token("alma")`.
"""

from contextlib import AbstractContextManager

from starlette.types import ASGIApp

from glucoflow.simulators.nightscout.app import Sites, create_app
from glucoflow.simulators.scenario import Scenario
from glucoflow.simulators.serving import AppOptions, running
from glucoflow.simulators.settable_clock import Clock, real_clock


def running_sites(
    scenario: Scenario, clock: Clock = real_clock, *, v3: bool = True, readable_by_all: bool = False
) -> AbstractContextManager[tuple[str, Sites]]:
    """The sites of a scenario's people on a free loopback port: their address, and what a test looks at."""
    return running(Sites(scenario, clock, v3=v3, readable_by_all=readable_by_all), create_app)


def demo_app(scenario: Scenario, _options: AppOptions) -> ASGIApp:
    """A site a person; prints their tokens."""
    sites = Sites(scenario, real_clock)
    for person in sites.documents:
        print(f"{person}: token {sites.token(person)}")  # noqa: T201 – made up, and nobody could sign in without
    return create_app(sites)
