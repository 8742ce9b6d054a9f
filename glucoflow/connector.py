"""What the core asks of a provider's connector, of the sink and of the ledger: small Protocols and plain values.

The consumer declares what it needs (`ingest` is the consumer); connectors, `es` and `store` satisfy it without
inheriting anything.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol

import msgspec
from pydantic import SecretStr

from glucoflow.documents import Document
from glucoflow.records import Record

Kind = Literal["events", "readings", "calibrations", "alerts", "devices"]
"""Streams of one connection. Each has its own checkpoint. Events come first: a reading's context needs its meals."""

KINDS: tuple[Kind, ...] = ("events", "readings", "calibrations", "alerts", "devices")


class Window(msgspec.Struct, frozen=True):
    """A half-open span of time: `start` belongs to it, `end` does not. Both aware."""

    start: datetime
    end: datetime

    def split(self, longest: timedelta) -> Iterator["Window"]:
        """Consecutive windows no longer than `longest`, oldest first, whose union is this one."""
        start = self.start
        while start < self.end:
            end = min(start + longest, self.end)
            yield Window(start, end)
            start = end


class Rejection(msgspec.Struct, frozen=True, kw_only=True):
    """One record that was refused: which field, why, and the record itself (as sent, cut at 64 KiB)."""

    field: str
    reason: str
    key: str | None = None
    payload: bytes = b""


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What one request brought: understood records in time order, keys of deleted ones, and what was refused."""

    window: Window
    records: Sequence[Record]
    deleted: Sequence[str] = ()
    rejected: Sequence[Rejection] = ()


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider can do, and how it wants to be asked."""

    kinds: tuple[Kind, ...]
    max_window: timedelta
    lag: timedelta
    """How far each sync steps back behind the checkpoint for late and changed records."""
    deep_lag: timedelta
    """How far it steps back once a day."""
    sample_interval_ms: int
    delivers_meals: bool


class Connector(Protocol):
    """One connection's stream of records. Raises Retryable, Reauthorize or Fatal; never for a single bad record."""

    @property
    def capabilities(self) -> Capabilities: ...

    def extent(self, kind: Kind, updated_since: datetime | None = None) -> Window | None:
        """The span of records the provider holds (updated since then); None where it holds none."""
        ...

    def pages(self, kind: Kind, window: Window) -> Iterator[Page]:
        """Every record with its time in `window`, a page at a time, oldest first. `window` may be of any length."""
        ...

    def close(self) -> None: ...


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """An access token and the single-use refresh token that came with it."""

    access: SecretStr
    refresh: SecretStr
    expires_at: datetime


class Authorizer(Protocol):
    """A provider's OAuth code flow."""

    def authorize_url(self, state: str) -> str: ...

    def exchange(self, code: str, now: datetime) -> Token:
        """The first pair for an authorization code. Raises Reauthorize for a bad code, Misconfigured for bad keys."""
        ...

    def refresh(self, refresh_token: SecretStr, now: datetime) -> Token:
        """The next pair. Raises Reauthorize only if the provider says `invalid_grant`."""
        ...


class SinkResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of every document of one write: the counts and the rejected add up to what went in."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: Sequence[Rejection] = ()


class Sink(Protocol):
    """Where documents go. Idempotent: the same document twice changes nothing."""

    def write(self, documents: Iterable[Document], deleted_ids: Sequence[str], now: datetime) -> SinkResult:
        """Return only when each is confirmed or rejected. Raises Retryable or Fatal with nothing half-counted."""
        ...


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did so far."""

    pages: int = 0
    fetched: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})


class Ledger(Protocol):
    """Where one connection's progress is kept. `advance` is one transaction and raises if the lease is lost."""

    def checkpoint(self, kind: Kind) -> datetime | None: ...

    def advance(
        self, kind: Kind, to: datetime | None, counts: Counts, rejected: Sequence[Rejection], now: datetime
    ) -> None:
        """Add a page's counts and rejects to the run; move the checkpoint forward to `to` (never back)."""
        ...
