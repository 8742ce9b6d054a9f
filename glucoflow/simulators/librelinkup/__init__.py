"""A strict fake of LibreLinkUp: followers, regions, terms, lock-outs, and the last twelve hours of each person.

In a test: `with running_cloud(demo_scenario(now), clock) as (url, cloud)`; `alma@example.org` follows alma.
"""

from contextlib import AbstractContextManager

from starlette.types import ASGIApp

from glucoflow.simulators.librelinkup.app import Cloud, create_app
from glucoflow.simulators.scenario import Scenario
from glucoflow.simulators.serving import AppOptions, running
from glucoflow.simulators.settable_clock import Clock, real_clock


def running_cloud(scenario: Scenario, clock: Clock = real_clock) -> AbstractContextManager[tuple[str, Cloud]]:
    """The cloud on a free loopback port: its address, and what a test looks at."""
    return running(Cloud(scenario, clock), create_app)


def demo_app(scenario: Scenario, _options: AppOptions) -> ASGIApp:
    """`PERSON@example.org` follows each, the password is `PERSON-libre`."""
    return create_app(Cloud(scenario, real_clock))
