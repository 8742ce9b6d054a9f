"""Which span of time a turn asks its provider for, kind by kind."""

from datetime import datetime, timedelta

import msgspec

from glucoflow.ingest import plan
from glucoflow.model.ingestion import Kind, Window
from glucoflow.provider import Connector, Polling
from glucoflow.service.extents import Extents
from glucoflow.service.jobs import Job
from glucoflow.store import Connection
from glucoflow.store.ledger import StoreLedger


class Windows(msgspec.Struct, frozen=True):
    """Of one connection's turn that began at `started`; `deep` where it steps back further."""

    job: Job
    connection: Connection
    ledger: StoreLedger
    extents: Extents
    polling: Polling
    started: datetime
    deep: bool

    def of(self, connector: Connector, kind: Kind) -> tuple[Window | None, bool]:
        """What to ask for, and whether the checkpoint follows: not where nobody knows where the records begin."""
        checkpoint = self.ledger.checkpoint(kind)
        if self.job.window is not None:
            start = max(self.job.window.start, checkpoint or self.job.window.start)
            end = min(self.job.window.end, self.started)
            return Window(start, end) if start < end else None, True
        if checkpoint is None:
            extent = self.extents.of(connector, kind, None)
            return plan(self.polling, extent, None, None, self.started, self.deep), extent is not None
        if self.deep:  # once a day all is looked at, for records from the future
            self.extents.of(connector, kind, None)
        since = self._updated_since(kind)
        updated = None if since is None else self.extents.of(connector, kind, since)
        return plan(self.polling, None, updated, checkpoint, self.started, self.deep), True

    def without_unread(self, kind: Kind, window: Window) -> list[Window]:
        """What of a window was not passed over before: a sync tries that again by itself. A backfill tries all."""
        if self.job.window is not None:
            return [window]
        known = [Window(one.start, one.end) for one in self.ledger.unread(kind) if one.end is not None]
        return window.without(known)

    def _updated_since(self, kind: Kind) -> datetime | None:
        since = self.ledger.read_at(kind)
        if since is None and self.connection.last_success_at is not None:
            since = self.connection.last_success_at - timedelta(hours=1)
        return None if since is None else min(since, self.started)


def deep_due(connection: Connection, now: datetime, polling: Polling) -> bool:
    """Whether a turn steps back further now. A time in the future was left by a clock that was wrong."""
    last = connection.last_deep_at
    return last is None or not now - polling.deep_every < last <= now
