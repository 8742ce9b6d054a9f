"""The contract of a provider: what the core asks of its connector, which inherits nothing to satisfy it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import msgspec

from glucoflow.model.credentials import Credentials
from glucoflow.model.ingestion import Kind, RejectedRecord, Window
from glucoflow.model.records import Record


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """What one request brought: understood records in time order, keys of deleted ones, and what was refused."""

    window: Window
    records: Sequence[Record]
    deleted: Sequence[str] = ()
    rejected: Sequence[RejectedRecord] = ()


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


class Authorizer(Protocol):
    """A provider's OAuth code flow. Its credentials hold `access` and `refresh`, which is accepted once."""

    def authorize_url(self, state: str) -> str: ...

    def exchange(self, code: str, now: datetime) -> Credentials:
        """The first pair for an authorization code. Raises Reauthorize for a bad code, Misconfigured for bad keys."""
        ...

    def refresh(self, credentials: Credentials, now: datetime) -> Credentials:
        """The next pair. Raises Reauthorize only if the provider says `invalid_grant`."""
        ...
