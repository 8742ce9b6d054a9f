"""The simulator as a server: for the command line, and in a thread for tests."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.types import ASGIApp

from glucoflow.simulators.dexcom.app import Records, create_app
from glucoflow.simulators.dexcom.archive import Archive, Holdings, RecordKind
from glucoflow.simulators.dexcom.grants import Grants
from glucoflow.simulators.dexcom.oauth import RefreshAttempt
from glucoflow.simulators.fault_injection import Faults
from glucoflow.simulators.faulty_wire import Asked
from glucoflow.simulators.scenario import Client, Scenario
from glucoflow.simulators.serving import AppOptions, in_thread
from glucoflow.simulators.settable_clock import Clock, real_clock


@dataclass(frozen=True)
class Simulator:
    """A running simulator, seen from the side of a test."""

    base_url: str
    scenario: Scenario
    clients: dict[str, Client]
    clock: Clock
    grants: Grants
    archive: Holdings
    records: Records

    @property
    def faults(self) -> Faults:
        """Faults to come (`add`) and those served (`served`)."""
        return self.records.faults

    @property
    def requests(self) -> list[Asked]:
        """All requests so far, oldest first."""
        return self.records.requests

    @property
    def refreshes(self) -> list[RefreshAttempt]:
        """All calls with a refresh token so far, accepted or not."""
        return self.records.refreshes

    def requested(self, ending: str) -> int:
        """How many requests had a path with that ending, e.g. `egvs`."""
        return Counter(asked.path.endswith(ending) for asked in self.requests)[True]

    def truth(
        self, person: str, kind: RecordKind, start: datetime, end: datetime, as_of: datetime | None = None
    ) -> list[dict[str, Any]]:
        """What a perfect client holds of [start, end) at `as_of` (default: the clock's now); see `Archive.truth`."""
        assert isinstance(self.archive, Archive)  # noqa: S101 – records given one by one are their own truth
        return self.archive.truth(person, kind, start, end, as_of or self.clock())

    def revoke(self, person: str) -> None:
        """The person takes back all authorizations in their account."""
        self.grants.revoke(person)

    def register(self, client: Client) -> None:
        """Another app, whose people have another `userId` there and, where records are given, other record ids."""
        self.clients[client.id] = client


@contextmanager
def running_simulator(
    scenario: Scenario,
    clock: Clock = real_clock,
    client: Client | None = None,
    calls_per_hour: int = 60_000,
    archive: Holdings | None = None,
) -> Iterator[Simulator]:
    """A simulator on a free loopback port, in a thread of this process, for as long as the block runs.

    It holds what the scenario's people live through, or the `archive` that is given (for `given.GivenArchive`).
    """
    client, records, grants, archive = client or Client(), Records(), Grants(), archive or Archive(scenario)
    clients = {client.id: client}
    app = create_app(scenario, clock, clients, records, grants, archive, calls_per_hour)
    with in_thread(app) as base_url:
        yield Simulator(base_url, scenario, clients, clock, grants, archive, records)


def demo_app(scenario: Scenario, options: AppOptions) -> ASGIApp:
    """The cloud with the app that it is told of."""
    return create_app(scenario, clients={options.client.id: options.client}, grants=Grants(options.state))
