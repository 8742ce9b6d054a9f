"""The loop at the heart: pages → documents → sink → checkpoint.

At least once, and idempotent, so in effect exactly once: a page's checkpoint moves only when each of its items is
confirmed or rejected with its reason, and writing a page twice changes nothing (`docs/delivery.md` says why). What
cannot be read is remembered before the checkpoint passes it.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import Literal, Protocol, TypeVar

import msgspec

from glucoflow.enrich import Enricher
from glucoflow.identity import once
from glucoflow.model.documents import Document
from glucoflow.model.errors import GlucoflowError
from glucoflow.model.ingestion import Counts, Kind, RecordIds, RejectedRecord, Seen, SinkResult, Window
from glucoflow.provider import Account, Page, Polling
from glucoflow.reading import Hole, Reader, is_suspicious, prefetched

log = logging.getLogger(__name__)

T = TypeVar("T")

Stage = Literal["fetch", "write", "store"]
"""Waiting for the provider and reading its answer; making documents and indexing them; moving the checkpoint."""


class Sink(Protocol):
    """Where documents go. Idempotent: the same document twice changes nothing."""

    def write(
        self, documents: Iterable[Document], deleted_ids: Sequence[str], now: datetime, by_id: RecordIds | None = None
    ) -> SinkResult:
        """Return only when each is confirmed or rejected. Raises Retryable or Fatal with nothing half-counted.

        `by_id` names the documents that must not stay beside those written: of the same records, moved or gone.
        """


class Ledger(Protocol):
    """Where one connection's progress is kept. Each call is one transaction, and raises if the lease is lost."""

    def checkpoint(self, kind: Kind) -> datetime | None: ...

    def bind(self, account: Account, now: datetime) -> None:
        """Take this for the connection's account. Raises OtherAccount where it has another, or somebody else has it."""

    def advance(
        self,
        kind: Kind,
        to: datetime | None,
        counts: Counts,
        rejected: Sequence[RejectedRecord],
        now: datetime,
        read: Window | None = None,
        seen: Seen | None = None,
    ) -> None:
        """Add a page's counts and rejected records to the run; move the checkpoint forward to `to` (never back).

        Unread windows inside `read` are forgotten, and what was rejected before and is settled in `seen`; what was
        `learned` in it is kept.
        """

    def pass_over(self, kind: Kind, window: Window, error: GlucoflowError, to: datetime | None, now: datetime) -> None:
        """Remember a window that cannot be read, and move the checkpoint forward to `to`."""


def nothing_happens(_point: str) -> None:
    """The default for `on_point`, called at `after_fetch`, `after_bulk`, `after_checkpoint`; tests kill it there."""


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """What one kind of one connection is brought from, through and to, for a run that began at `now`."""

    kind: Kind
    reader: Reader
    enricher: Enricher
    sink: Sink
    ledger: Ledger
    now: datetime
    clock: Callable[[], datetime]
    """For signs of life; everything else is judged by `now`."""
    lag: timedelta = timedelta()
    """How far the checkpoint may stay behind `now` where nothing newer was seen."""
    on_page: Callable[[Window, Counts], None] = lambda _window, _counts: None
    on_vanished: Callable[[Window], None] = lambda _span: None
    """Told the span of documents that went since the provider has them no more."""
    on_point: Callable[[str], None] = nothing_happens


class Stopwatch:
    """Adds up the time spent in each stage. For one thread."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """`clock` tells seconds and never goes back."""
        self._clock = clock
        self._seconds: dict[Stage, float] = {}

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Counts what happens inside as `name`, also where it raises."""
        begun = self._clock()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + self._clock() - begun

    def each(self, name: Stage, items: Iterable[T]) -> Iterator[T]:
        """The items; the time it takes to get each counts as `name`, what the caller does between them does not."""
        iterator = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def seconds(self, name: Stage) -> float:
        """So far, 0 where the stage never began."""
        return self._seconds.get(name, 0.0)


def plan(
    polling: Polling,
    extent: Window | None,
    updated: Window | None,
    checkpoint: datetime | None,
    now: datetime,
    deep: bool = False,
) -> Window:
    """What a sync asks for: from the checkpoint less the lag until `now`. What a provider says of itself is a hint.

    Without a checkpoint it begins where the provider says that its records do (`extent`), or where it says nothing, as
    far back as a later sync would. `updated` is the span of records changed since the last sync, where the provider
    can tell; the window reaches back to it, so that what a phone uploads weeks late is found. `deep` steps back
    further, once a day. A checkpoint in the future was left by a clock that was wrong, and is taken for now.
    """
    lag = max(polling.deep_lag if deep else polling.lag, timedelta(hours=1))
    if checkpoint is None:
        start = min(extent.start, now - lag) if extent is not None else now - lag
    else:
        start = min(checkpoint, now) - lag
        if updated is not None:
            start = min(start, updated.start)
    return Window(start, now)


def ingest(
    parts: Parts, window: Window, watch: Stopwatch, *, move: bool = True, again: bool = False
) -> tuple[Counts, Sequence[Hole]]:
    """Bring every record of `window`, two pages in memory at most; what was done, and what could not be read.

    With `move`, the checkpoint follows. Holes are remembered before it passes them, except with `again`: that window
    was passed over before, and what of it is unread still is the caller's to keep.

    Raises what `Reader.read`, sink and ledger raise; pages finished until then stay finished, and the next call goes
    on behind them.
    """
    total = Counts()
    holes: list[Hole] = []
    with closing(prefetched(parts.reader.read(window, known_bad=again))) as items:
        for item in watch.each("fetch", items):
            if isinstance(item, Hole):
                holes.append(item)
                if not again:
                    _pass_over(parts, item, move)
                continue
            total += _page(parts, item, watch, move)
            parts.on_page(item.window, total)
    if holes:
        log.warning("%d windows of %s could not be read; first: %s", len(holes), parts.kind, holes[0].error.message)
    return total, holes


def progress(window: Window, done_until: datetime) -> float:
    """How much of a window is behind us, 0 to 1."""
    whole = window.end - window.start
    return min(1.0, max(0.0, (done_until - window.start) / whole)) if whole > timedelta() else 1.0


def _page(parts: Parts, fetched: Page, watch: Stopwatch, move: bool) -> Counts:
    parts.on_point("after_fetch")
    if fetched.account is not None:
        parts.ledger.bind(fetched.account, parts.clock())
    # What can hardly be understood is a hole: the reader says so next, and the checkpoint passes it then.
    suspicious = is_suspicious(fetched)
    with watch.stage("write"):
        page = once(fetched)
        by_id = parts.enricher.record_ids(page)
        if suspicious:
            by_id = msgspec.structs.replace(by_id, absent="unknown")
        ids: list[str] = []
        documents = _noting(parts.enricher.documents(page.records), ids)
        result = parts.sink.write(documents, parts.enricher.deleted_ids(page.deleted), parts.now, by_id)
    parts.on_point("after_bulk")
    counts = _counts(page, result)
    if result.vanished is not None:
        parts.on_vanished(result.vanished)
    to = _reached(page, parts.now, parts.lag) if move and not suspicious else None
    read = None if suspicious else page.window
    with watch.stage("store"):
        rejected = [*page.rejected, *result.rejected]
        seen = Seen(window=page.window, settled=_settled(page, ids, rejected), learned=fetched.learned)
        parts.ledger.advance(parts.kind, to, counts, rejected, parts.clock(), read, seen)
    parts.on_point("after_checkpoint")
    log.info("page of %s stored", parts.kind, extra={"kind": parts.kind, "counts": msgspec.structs.asdict(counts)})
    return counts


def _settled(page: Page, ids: Iterable[str], rejected: Iterable[RejectedRecord]) -> frozenset[str]:
    """By each key that a record may have been rejected under: the provider's, the connector's, its document's."""
    keys = {key for one in page.records for key in (one.record_id, one.key) if key is not None}
    return frozenset(keys.union(page.deleted, ids).difference(one.key for one in rejected if one.key is not None))


def _noting(documents: Iterable[Document], ids: list[str]) -> Iterator[Document]:
    for document in documents:
        ids.append(document.id)
        yield document


def _reached(page: Page, now: datetime, lag: timedelta) -> datetime:
    """Where the checkpoint goes after a page: to its end, or where that is now, to the newest record in it.

    What comes behind the newest record may be missing only because it is late. Somebody who wears no sensor is not read
    back to their last one each time: the checkpoint stays no further behind than the lag.
    """
    if page.window.end < now:
        return page.window.end
    newest = max((record.time for record in page.records), default=now - lag) + timedelta(seconds=1)
    return min(now, max(newest, now - lag))


def _pass_over(parts: Parts, hole: Hole, move: bool) -> None:
    to = min(hole.window.end, parts.now) if move else None
    parts.ledger.pass_over(parts.kind, hole.window, hole.error, to, parts.clock())


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
