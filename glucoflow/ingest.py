"""The loop at the heart: pages → documents → sink → checkpoint.

At least once, and idempotent, so in effect exactly once: a page's checkpoint moves only when each of its items is
confirmed or kept aside with its reason, and writing a page twice changes nothing (`docs/delivery.md` says why).
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from glucoflow.enrich import Enricher
from glucoflow.identity import once
from glucoflow.model.documents import Document
from glucoflow.model.errors import Fatal
from glucoflow.model.ingestion import Counts, Kind, RecordIds, RejectedRecord, SinkResult, Window
from glucoflow.prefetch import prefetched
from glucoflow.provider import Connector, Page, Polling
from glucoflow.stopwatch import Stopwatch

log = logging.getLogger(__name__)


class Sink(Protocol):
    """Where documents go. Idempotent: the same document twice changes nothing."""

    def write(
        self, documents: Iterable[Document], deleted_ids: Sequence[str], now: datetime, by_id: RecordIds | None = None
    ) -> SinkResult:
        """Return only when each is confirmed or rejected. Raises Retryable or Fatal with nothing half-counted.

        `by_id` names the documents that must not stay beside those written: of the same records, moved or gone.
        """


class Ledger(Protocol):
    """Where one connection's progress is kept. `advance` is one transaction and raises if the lease is lost."""

    def checkpoint(self, kind: Kind) -> datetime | None: ...

    def advance(
        self, kind: Kind, to: datetime | None, counts: Counts, rejected: Sequence[RejectedRecord], now: datetime
    ) -> None:
        """Add a page's counts and rejected records to the run; move the checkpoint forward to `to` (never back)."""


SUSPICIOUS_SHARE = 0.15
SUSPICIOUS_COUNT = 100
"""More refused records than this in a page, and a larger share, mean that the provider or we changed, not that a few
records are odd: the run stops before the checkpoint (the error monitors of Elastic's connectors do the same)."""


def nothing_happens(_point: str) -> None:
    """The default for `on_point`, called at `after_fetch`, `after_bulk`, `after_checkpoint`; tests kill it there."""


def plan(
    polling: Polling,
    extent: Window | None,
    updated: Window | None,
    checkpoint: datetime | None,
    now: datetime,
    deep: bool = False,
) -> Window | None:
    """What a sync asks for: from the checkpoint less the lag to the end of what the provider holds, never past `now`.

    `updated` is the span of records changed since the last sync, where the provider can tell; the window reaches back
    to it, so that what a phone uploads weeks late is found. `deep` steps back further, once a day. None where the
    provider holds nothing new to read.
    """
    if extent is None:
        return None
    end = min(extent.end, now)
    if checkpoint is None:
        start = extent.start
    else:
        start = checkpoint - (polling.deep_lag if deep else polling.lag)
        if updated is not None:
            start = min(start, updated.start)
        start = max(start, extent.start)
    return Window(start, end) if start < end else None


def ingest(
    connector: Connector,
    kind: Kind,
    window: Window,
    enricher: Enricher,
    sink: Sink,
    ledger: Ledger,
    now: datetime,
    on_page: Callable[[Window, Counts], None] | None = None,
    on_point: Callable[[str], None] = nothing_happens,
    watch: Stopwatch | None = None,
) -> Counts:
    """Bring every record of `window`, two pages in memory at most; returns what was done.

    `watch` learns how long each stage took. Raises whatever the connector, sink or ledger raises; pages finished until
    then stay finished, and the next call goes on behind them.
    """
    total, watch = Counts(), watch or Stopwatch()
    for fetched in watch.each("fetch", prefetched(connector.pages(kind, window))):
        on_point("after_fetch")
        with watch.stage("write"):
            page = once(fetched)
            by_id = enricher.record_ids(page)
            documents = enricher.documents(page.records)
            result = sink.write(documents, enricher.deleted_ids(page.deleted), now, by_id)
        on_point("after_bulk")
        counts = _counts(page, result)
        rejected = [*page.rejected, *result.rejected]
        suspicious = _suspicious(page)
        with watch.stage("store"):
            ledger.advance(kind, None if suspicious else min(page.window.end, now), counts, rejected, now)
        on_point("after_checkpoint")
        if suspicious:
            raise Fatal(
                f"{len(page.rejected)} of {counts.fetched} {kind} in one page could not be understood.",
                remedy="The provider's format may have changed. The rejected records are kept; nothing is lost. "
                "Please look for a newer glucoflow, or report it.",
            )
        log.info("page of %s stored", kind, extra={"kind": kind, "counts": _as_extra(counts)})
        total += counts
        if on_page:
            on_page(page.window, total)
    return total


def progress(window: Window, done_until: datetime) -> float:
    """How much of a window is behind us, 0 to 1."""
    whole = window.end - window.start
    return min(1.0, max(0.0, (done_until - window.start) / whole)) if whole > timedelta() else 1.0


def _counts(page: Page, result: SinkResult) -> Counts:
    return Counts(
        pages=1,
        fetched=len(page.records) + len(page.deleted) + len(page.rejected),
        created=result.created,
        updated=result.updated,
        unchanged=result.unchanged,
        deleted=result.deleted,
        rejected=len(page.rejected) + len(result.rejected),
    )


def _suspicious(page: Page) -> bool:
    refused = len(page.rejected)
    return refused > SUSPICIOUS_COUNT and refused > SUSPICIOUS_SHARE * (refused + len(page.records))


def _as_extra(counts: Counts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in counts.__struct_fields__}
