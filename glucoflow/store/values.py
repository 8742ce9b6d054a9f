"""What the store hands out: frozen values. Rows of the database never leave it, and no value carries a secret."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal

import msgspec

from glucoflow.model.glycemia import ExcludedSpan
from glucoflow.model.ingestion import Counts, Kind, Window
from glucoflow.model.targets import Targets, own_targets, targets_for
from glucoflow.model.units import MG_DL, Unit

ConnectionState = Literal["connected", "needs_reauthorization", "paused", "disconnected"]
RunState = Literal["running", "completed", "failed", "interrupted"]
BackfillState = Literal["asked", "waiting", "running", "done", "failed"]


class OwnTargets(msgspec.Struct, frozen=True, kw_only=True):
    """Limits that a person set instead of their profile's, both in mg/dL and both inside the target range."""

    low: int
    high: int


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Whose readings these are. `id` is a lower-case slug and part of index names; `zone` an IANA name; `born` is
    there where it was given, for the page to take to a clinic; `language` is a code such as `de`, None for English."""

    id: str
    display_name: str
    unit: Unit = MG_DL
    zone: str = "UTC"
    profile: str = "adult"
    own_targets: OwnTargets | None = None
    born: date | None = None
    newer_sensor: bool = False
    """Whether of two sensors worn at once the newer one counts, not the one that was there before."""
    language: str | None = None
    created_at: datetime

    @property
    def targets(self) -> Targets:
        """What their figures are measured against: the profile's range and goals, or their own range."""
        own = self.own_targets
        return targets_for(self.profile) if own is None else own_targets(self.profile, low=own.low, high=own.high)


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """One person's way to one account at a provider, and how it is doing. `expires_at` is the credentials'."""

    id: str
    user_id: str
    provider: str
    region: str
    state: ConnectionState
    has_credentials: bool
    expires_at: datetime | None
    last_error: str | None
    last_remedy: str | None
    last_error_at: datetime | None
    failures: int
    """Failures in a row since the last success."""
    last_success_at: datetime | None
    last_deep_at: datetime | None
    next_poll_at: datetime | None
    lease_owner: str | None
    lease_until: datetime | None
    created_at: datetime
    clock_ahead_s: int | None = None
    """How far this machine's clock was ahead of the provider's when it last answered; negative if behind."""
    records_until: datetime | None = None
    """The latest date among the account's records, where the provider says that it is after now."""
    rank: int | None = None
    """The lowest of a person's counts first; None is by the provider, behind all that have one."""
    known: Mapping[str, datetime] = {}
    """What its connector learned of the account and will want to know again (`provider.Page.learned`)."""
    uploads: bool = False
    """Whether what the person has from elsewhere is uploaded to this account."""
    data_set: str | None = None
    """Where it is uploaded to there."""
    uploaded_until: datetime | None = None
    """What was written here until then is uploaded."""
    asks_account: bool = False
    """Whether it waits to be told that the account that came is meant, or for the right one."""


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How far one stream of a connection is safely stored.

    `read_at` is when the last sync that read it whole began, by the provider's clock and less a margin: what changed
    at the provider later than that may be unknown here.
    """

    kind: Kind
    position: datetime
    updated_at: datetime
    read_at: datetime | None = None


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be read: a window that the checkpoint passed, or with no `end`, everything of a kind since then.

    It is tried again by itself from `next_try_at` on, and gone once it was read.
    """

    id: int
    connection_id: str
    kind: Kind
    start: datetime
    end: datetime | None
    reason: str
    remedy: str
    tries: int
    first_at: datetime
    last_at: datetime
    next_try_at: datetime


class Backfill(msgspec.Struct, frozen=True, kw_only=True):
    """Local days that were asked to be read again, both included, and what became of it.

    `asked`: nobody has taken it yet; `waiting`: it was tried, and `message` says what it waits for; `progress` goes
    from 0 to 1.
    """

    id: str
    user_id: str
    provider: str | None
    kinds: tuple[Kind, ...]
    first: date
    last: date
    state: BackfillState
    progress: float
    message: str
    remedy: str
    tries: int
    asked_at: datetime
    next_try_at: datetime | None
    finished_at: datetime | None


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a flow for one person, as far as it came. `progress` goes from 0 to 1."""

    id: str
    flow: str
    user_id: str | None
    connection_id: str | None
    kind: Kind | None
    window: Window | None
    state: RunState
    counts: Counts
    progress: float
    message: str
    remedy: str
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class StoredRejectedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A rejected record, once however often it is read again. Its payload is asked for separately."""

    id: int
    run_id: str | None
    connection_id: str
    user_id: str
    kind: Kind
    key: str | None
    field: str
    reason: str
    at: datetime
    last_seen_at: datetime


class RejectedRecordCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many records of a kind were rejected for one reason."""

    kind: Kind
    field: str
    reason: str
    n: int
    last_seen_at: datetime


class RefusalWave(msgspec.Struct, frozen=True, kw_only=True):
    """A provider that refuses most of the connections that were tried lately: its fault, or the app's."""

    provider: str
    region: str
    refused: int
    tried: int


class OAuthState(msgspec.Struct, frozen=True, kw_only=True):
    """What an authorization that came back was started for. `connection_id` if it is to connect that one again."""

    user_id: str
    provider: str
    region: str
    connection_id: str | None


class Exclusion(ExcludedSpan, frozen=True, kw_only=True):
    """A span that a person excluded from all figures. Its data stays; `undone_at` brings it back."""

    id: int
    user_id: str
    created_at: datetime
    undone_at: datetime | None


class ProtocolDay(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a protocol (a habit, a medicine, a diet day) was kept on a local date."""

    day: date
    kept: bool


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """A protocol that a person records, and on how many days they did."""

    name: str
    created_at: datetime
    days_kept: int
    days_not_kept: int


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """How many values a key rotation encrypted anew."""

    connections: int
    rejected_records: int
    second_factors: int = 0
