"""A running simulator with the four people, its clock set to one moment of 2026."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from glucoflow.simulators.dexcom import Scenario, SettableClock, demo_scenario, running_simulator
from tests.simulators.caller import Caller, Record

NOW = datetime(2026, 11, 21, 10, 2, 30, tzinfo=UTC)

SINCE = datetime(2026, 8, 23, tzinfo=UTC)
ZONES = {"alma": "Europe/Berlin", "bruno": "America/New_York", "chiara": "Australia/Sydney", "dario": "Europe/Rome"}

Opening = Callable[..., AbstractContextManager[Caller]]


CLOCK = SettableClock(NOW)


@contextmanager
def opened(scenario: Scenario, clock: SettableClock, calls_per_hour: int = 60_000) -> Iterator[Caller]:
    """A caller of a simulator of its own."""
    with (
        running_simulator(scenario, clock=clock, calls_per_hour=calls_per_hour) as sim,
        httpx.Client(base_url=sim.base_url, timeout=120, trust_env=False) as http,
    ):
        yield Caller(sim, http)


@pytest.fixture
def clock() -> SettableClock:
    """The clock of `caller`; stands at NOW until a test moves it."""
    CLOCK.set(NOW)
    return CLOCK


@pytest.fixture
def opening() -> Opening:
    """Opens simulators of other worlds."""
    return opened


@pytest.fixture(scope="session")
def cloud() -> Iterator[Caller]:
    """The four people's cloud, started once."""
    with opened(demo_scenario(NOW), CLOCK) as caller:
        yield caller


@pytest.fixture
def caller(cloud: Caller, clock: SettableClock) -> Caller:
    """A caller of the four people's cloud, with its clock, faults and logs as new."""
    cloud.sim.faults.clear()
    cloud.sim.faults.served.clear()
    cloud.sim.requests.clear()
    cloud.sim.refreshes.clear()
    return cloud


@pytest.fixture(scope="session")
def readings(cloud: Caller) -> dict[str, list[Record]]:
    """90 days of readings of each, over HTTP."""
    return {person: cloud.records(person, "egvs", SINCE, NOW + timedelta(hours=1)) for person in ZONES}
