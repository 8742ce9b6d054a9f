"""A strict fake of Tidepool's API: log-in, who shares with whom, and data by window with its surprises.

In a test: `with running_cloud(demo_scenario(now), clock) as (url, cloud)`; `alma@example.org` has alma's data.
"""

from contextlib import AbstractContextManager

from starlette.types import ASGIApp

from glucoflow.simulators.scenario import Scenario
from glucoflow.simulators.serving import AppOptions, running
from glucoflow.simulators.settable_clock import Clock, real_clock
from glucoflow.simulators.tidepool.app import create_app
from glucoflow.simulators.tidepool.cloud import Cloud


def running_cloud(scenario: Scenario, clock: Clock = real_clock) -> AbstractContextManager[tuple[str, Cloud]]:
    """The cloud on a free loopback port: its address, and what a test looks at."""
    return running(Cloud(scenario, clock), create_app)


def demo_app(scenario: Scenario, _options: AppOptions) -> ASGIApp:
    """The user is `PERSON@example.org`, the password `PERSON-tidepool`."""
    return create_app(Cloud(scenario, real_clock))
