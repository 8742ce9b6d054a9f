"""The store and the providers' authorizers, as the web pages want them (`glucoflow.service.ports`)."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime

import msgspec

from glucoflow.model.errors import Misconfigured, Reauthorize, Rejected
from glucoflow.model.units import Unit
from glucoflow.provider import Authorizer
from glucoflow.service import ports
from glucoflow.service.backfill import checked_window
from glucoflow.store import Person, Run, Store

AGAIN = "Go to the person's status page and connect again."


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that people can connect on the pages. `authorizer` raises Misconfigured where keys are missing."""

    title: str
    region: str
    authorizer: Callable[[], Authorizer]


class SitePeople:
    """`ports.People` over the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def people(self) -> Sequence[ports.Person]:
        return [_person(one) for one in self._store.people.list()]

    def person(self, user_id: str) -> ports.Person | None:
        found = self._store.people.find(user_id)
        return None if found is None else _person(found)

    def connections(self, user_id: str) -> Sequence[ports.Connection]:
        found = self._store.connections.for_user(user_id)
        return [msgspec.convert(one, ports.Connection, from_attributes=True) for one in found]

    def rejected_records(self, user_id: str) -> Sequence[ports.RejectedRecordCount]:
        return [
            ports.RejectedRecordCount(kind=one.kind, field=one.field, reason=one.reason, count=one.n)
            for one in self._store.rejected_records.counts(user_id=user_id)
        ]

    def runs(self, user_id: str, limit: int) -> Sequence[ports.Run]:
        return [_run(one) for one in self._store.runs.list(user_id=user_id, limit=limit)]

    def add(self, display_name: str, unit: Unit, zone: str, now: datetime) -> ports.Person:
        plain = unicodedata.normalize("NFKD", display_name).encode("ascii", "ignore").decode().lower()
        slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "person"
        taken = {one.id for one in self._store.people.list()}
        numbers = (f"{slug}-{n}" for n in range(2, len(taken) + 3))
        user_id = slug if slug not in taken else next(name for name in numbers if name not in taken)
        return _person(self._store.people.add(user_id, display_name, now, unit=unit, zone=zone))


class SiteConnect:
    """`ports.Connect` over the store and the providers.

    `request_sync` asks for a sync of one person, soon; `request_backfill` for the days from a first to a last.
    """

    def __init__(
        self,
        store: Store,
        ways: Mapping[str, Way],
        request_sync: Callable[[str], None],
        request_backfill: Callable[[str, date, date], None],
    ) -> None:
        self._store = store
        self._ways = ways
        self._request_sync = request_sync
        self._request_backfill = request_backfill

    def providers(self) -> Sequence[ports.Provider]:
        return [ports.Provider(name=name, title=way.title) for name, way in self._ways.items()]

    def begin(self, user_id: str, provider: str, now: datetime) -> str:
        way = self._way(provider)
        authorizer = way.authorizer()
        return authorizer.authorize_url(self._store.oauth_states.create(user_id, provider, way.region, now))

    def complete(self, state: str, code: str, now: datetime) -> ports.Connected:
        started = self._store.oauth_states.consume(state, now)
        if started is None:
            raise Reauthorize("This link has been used already, or is too old.", remedy=AGAIN)
        token = self._way(started.provider).authorizer().exchange(code, now)
        self._store.connections.add(started.user_id, started.provider, started.region, now, token)
        self._request_sync(started.user_id)
        return ports.Connected(user_id=started.user_id, provider=started.provider)

    def cancel(self, state: str, now: datetime) -> str | None:
        started = self._store.oauth_states.consume(state, now)
        return None if started is None else started.user_id

    def sync(self, user_id: str, now: datetime) -> None:
        for connection in self._store.connections.for_user(user_id):
            if connection.state == "connected":
                self._store.connections.schedule(connection.id, now)
        self._request_sync(user_id)

    def backfill(self, user_id: str, first: date, last: date, now: datetime) -> None:
        checked_window(first, last, self._store.people.get(user_id).zone, now)
        if not any(one.state == "connected" for one in self._store.connections.for_user(user_id)):
            raise Rejected("person", "nothing is connected that could be asked; connect first")
        self._request_backfill(user_id, first, last)

    def disconnect(self, user_id: str, connection_id: str, now: datetime) -> None:  # noqa: ARG002 - the port's
        if self._store.connections.get(connection_id).user_id != user_id:
            raise Rejected("connection", "belongs to someone else")
        self._store.connections.disconnect(connection_id)

    def _way(self, provider: str) -> Way:
        way = self._ways.get(provider)
        if way is None:
            raise Misconfigured(f"{provider} cannot be connected here.", remedy="Choose one of the providers shown.")
        return way


def _person(person: Person) -> ports.Person:
    return ports.Person(
        id=person.id, display_name=person.display_name, unit=person.unit, zone=person.zone, targets=person.targets
    )


def _run(run: Run) -> ports.Run:
    counts = run.counts
    return ports.Run(
        flow=run.flow, state=run.state, started_at=run.started_at, finished_at=run.finished_at,
        progress=run.progress, fetched=counts.fetched,
        created=counts.created, updated=counts.updated, rejected=counts.rejected, message=run.message or None,
        remedy=run.remedy or None,
    )  # fmt: skip
