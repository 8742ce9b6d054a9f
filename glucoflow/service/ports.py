"""What the pages need from the rest of glucoflow: four small Protocols and the values they speak.

Whoever puts the program together satisfies them (`store` for People, `es` for Glucose, a provider's authorizer and the
store for Connect, the store and the figures for annotations). All of them raise our errors; the pages
show message and remedy.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal, Protocol

import msgspec

from glucoflow.analytics.adherence import Adherence
from glucoflow.analytics.insights import Insight
from glucoflow.analytics.patterns import Pattern
from glucoflow.analytics.summary import PeriodSummary
from glucoflow.model.targets import Targets
from glucoflow.model.units import MG_DL, Unit

ConnectionState = Literal["connected", "needs_reauthorization", "paused", "disconnected"]


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Someone whose readings are here. `zone` is their home zone (IANA)."""

    id: str
    display_name: str
    unit: Unit = MG_DL
    zone: str = "UTC"
    targets: Targets = Targets()


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One consent at one provider, and how its polls go. `last_error` and `last_remedy` are for the person to read."""

    id: str
    provider: str
    state: ConnectionState
    region: str | None = None
    last_success_at: datetime | None = None
    next_poll_at: datetime | None = None
    last_error: str | None = None
    last_remedy: str | None = None
    last_error_at: datetime | None = None


class RejectedRecordCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many records of a kind were kept aside for one reason."""

    kind: str
    field: str
    reason: str
    count: int


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a flow for a person, newest first in lists. `progress` runs from 0 to 1."""

    flow: str
    state: Literal["running", "completed", "failed", "interrupted"]
    started_at: datetime
    finished_at: datetime | None = None
    progress: float = 0.0
    fetched: int = 0
    created: int = 0
    updated: int = 0
    rejected: int = 0
    message: str | None = None
    remedy: str | None = None


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that a person can connect: its name in addresses, and the one people know it by."""

    name: str
    title: str


class Connected(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of a finished authorization."""

    user_id: str
    provider: str


class Excluded(msgspec.Struct, frozen=True, kw_only=True):
    """A span [start, end) that a person left out of all figures; `n` readings lie in it. Undone, it counts again."""

    id: int
    start: datetime
    end: datetime
    reason: str
    created_at: datetime
    undone_at: datetime | None = None
    n: int = 0


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A protocol, and the local days on which it was kept or not, newest first."""

    name: str
    created_at: datetime
    days: Mapping[date, bool]


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """How many days a file gave, and a sentence for every row left out."""

    days: int
    problems: Sequence[str] = ()


class People(Protocol):
    """The store's people and how their connections fare."""

    def people(self) -> Sequence[Person]:
        """Everyone, in the order to be shown."""
        ...

    def person(self, user_id: str) -> Person | None: ...

    def connections(self, user_id: str) -> Sequence[Connection]: ...

    def rejected_records(self, user_id: str) -> Sequence[RejectedRecordCount]: ...

    def runs(self, user_id: str, limit: int) -> Sequence[Run]: ...

    def add(self, display_name: str, unit: Unit, zone: str, now: datetime) -> Person:
        """A new person, with an id made from the name. Raises Rejected for a name or zone that cannot be."""
        ...


class Glucose(Protocol):
    """Reads the person's index."""

    def aggregate(self, user_id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The raw answer to a search body with `size` 0. An answer without aggregations where there is no index yet."""
        ...


class Connect(Protocol):
    """Starts and ends authorizations, and asks for syncs and backfills."""

    def providers(self) -> Sequence[Provider]: ...

    def begin(self, user_id: str, provider: str, now: datetime) -> str:
        """Store a single-use state; the provider's address to send the person to. Misconfigured without keys."""
        ...

    def complete(self, state: str, code: str, now: datetime) -> Connected:
        """Consume the state, exchange the code, store the tokens, ask for the first sync.

        Raises Reauthorize for a state that is unknown, used or expired, and for a code the provider refuses.
        """
        ...

    def cancel(self, state: str, now: datetime) -> str | None:
        """Consume the state of an authorization that the person denied; their user id if it was known."""
        ...

    def sync(self, user_id: str, now: datetime) -> None:
        """Ask for a sync of all connections of a person, soon."""
        ...

    def backfill(self, user_id: str, first: date, last: date, now: datetime) -> None:
        """Ask for the local days from `first` to `last`, included, to be read again, soon.

        Raises Rejected for days that cannot be, Unavailable where nobody can be asked.
        """
        ...

    def disconnect(self, user_id: str, connection_id: str, now: datetime) -> None:
        """Forget the tokens of one connection; its readings stay."""
        ...


class Findings(Protocol):
    """What there is to say about the `days` local days of `period`; None before the first reading."""

    @property
    def days(self) -> int: ...

    @property
    def period(self) -> PeriodSummary | None: ...

    @property
    def before(self) -> PeriodSummary | None: ...

    @property
    def patterns(self) -> Sequence[Pattern]: ...

    @property
    def insights(self) -> Sequence[Insight]: ...


class AnnotationsPort(Protocol):
    """What a person marks and chooses, and what comes of it. Summaries follow every change by themselves."""

    def exclusions(self, user_id: str) -> Sequence[Excluded]:
        """Standing and undone ones, oldest first."""
        ...

    def exclude(self, user_id: str, start: datetime, end: datetime, reason: str, now: datetime) -> Excluded:
        """Leave out the wall-clock times [start, end). Raises Rejected for an empty span or reason."""
        ...

    def undo(self, user_id: str, number: int, now: datetime) -> None:
        """Bring a span back. Raises Rejected for one that is not this person's, or was undone before."""
        ...

    def profile(self, user_id: str) -> str: ...

    def set_targets(
        self, user_id: str, profile: str | None, low: float | None, high: float | None, unit: Unit | None
    ) -> object:
        """A profile's targets, or own limits in `unit` with its goals. Raises Rejected for limits that cannot be."""
        ...

    def protocols(self, user_id: str) -> Sequence[Kept]: ...

    def record(self, user_id: str, name: str, days: Mapping[date, bool], now: datetime) -> int:
        """Write down days. Raises Rejected for a bad name."""
        ...

    def record_csv(self, user_id: str, name: str, text: str, now: datetime) -> Imported:
        """Days of a CSV with the columns `date` and `kept`. Raises Rejected where a column is missing."""
        ...

    def forget(self, user_id: str, name: str) -> bool: ...

    def insights(self, user_id: str, days: int, unit: Unit, now: datetime) -> Findings: ...

    def adherence(self, user_id: str, name: str, unit: Unit) -> Sequence[Adherence]:
        """Every measure on days with and without a protocol."""
        ...
