"""Where documents go: a person's index, written in chunks while the next chunk is being made.

Satisfies `connector.Sink`. Every document is confirmed, found unchanged, or rejected with its reason; nothing else.
"""

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import msgspec
from elasticsearch import Elasticsearch

from glucoflow.es.bulk import PAYLOAD_KEPT, Delivered, Target, deliver, slices
from glucoflow.es.encode import Item, encode, encode_delete, encode_time
from glucoflow.es.gone import Going, span_of
from glucoflow.es.held import Held
from glucoflow.es.names import Names
from glucoflow.es.retrier import RETRY_POLICY, Retrier
from glucoflow.model.documents import Document
from glucoflow.model.errors import Fatal, Rejected, Retryable
from glucoflow.model.ingestion import RecordIds, RejectedRecord, SinkResult
from glucoflow.model.localtime import epoch_ms
from glucoflow.model.words import count
from glucoflow.retry import RetryPolicy

log = logging.getLogger(__name__)


class SinkOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes and limits. A chunk ends at so many documents or bytes; `lanes` chunks are on the wire at a time.

    The write stops loudly when over `worst_share` of the last `judged` documents, or over `most_rejected` in all,
    are rejected: then the mapping or the provider changed, and the rest would fail alike.
    """

    chunk_documents: int = 1_500
    chunk_bytes: int = 8 * 2**20
    lanes: int = 3
    retry: RetryPolicy = RETRY_POLICY
    judged: int = 100
    worst_share: float = 0.15
    most_rejected: int = 1_000


class ElasticsearchSink:
    """One person's sink.

    What is `held` already, as far as the caller knows, and the same costs no request. Ids that this sink writes or
    deletes leave it. `seed` makes its pauses repeatable. `before_write` is called
    before each request that writes, by any of the sink's threads; what it raises ends the write.

    It never makes an index: `ensure_index` does, when somebody begins to work for a person.
    """

    def __init__(
        self,
        client: Elasticsearch,
        names: Names,
        user_id: str,
        options: SinkOptions | None = None,
        seed: int | None = None,
        held: Held | None = None,
        before_write: Callable[[], None] = lambda: None,
    ) -> None:
        self._client = client
        self._alias = names.alias(user_id)
        self._user_id = user_id
        self._options = options or SinkOptions()
        self._rng = random.Random(seed)  # noqa: S311 – jitter
        self._monitor = _Monitor(self._options)
        self._held = Held() if held is None else held
        self._before_write = before_write

    def write(
        self, documents: Iterable[Document], deleted_ids: Sequence[str], now: datetime, by_id: RecordIds | None = None
    ) -> SinkResult:
        """Each document is stored, or counted as unchanged or rejected, when this returns; deletes come last.

        With `by_id` those go too that hold the same records elsewhere; that is looked up where anything is new or gone.

        Raises Retryable (overload, outage, full disk), Misconfigured (rights, address) or Fatal (too many rejected).
        What was written until then stays; writing all of it again changes nothing.
        """
        total, written, sent = Delivered(), set[str](), set[str]()
        leaving = Going(self._client, self._alias, self._held, by_id) if by_id else None
        for outcome in self._outcomes(self._chunks(_noting(documents, written), encode_time(now), total, sent)):
            _add(total, outcome)
        new = sent if total.created else ()
        going = dict.fromkeys(leaving.ids(deleted_ids, written, new) if leaving else deleted_ids)
        absent = leaving.absent(written, now) if leaving else {}
        going |= dict.fromkeys(absent)
        target = self._target(time.sleep)
        for ids in slices((key for key in going if key not in written), self._options.chunk_documents):
            for key in ids:
                self._held.changes(key)
            _add(total, deliver(target, [encode_delete(key) for key in ids]))
        return SinkResult(
            created=total.created,
            updated=total.updated,
            unchanged=total.unchanged,
            deleted=total.deleted,
            rejected=total.rejected,
            vanished=span_of(absent.values()),
        )

    def _chunks(
        self, documents: Iterable[Document], ingested: bytes, total: Delivered, sent: set[str]
    ) -> Iterator["_Chunk"]:
        """Encoded documents in chunks, of records that `sent` notes. What has no JSON form is rejected here.

        Of two documents with one id the later must win. Within a chunk it takes the place of the earlier one; else
        they may not be on the wire side by side, so the chunk of the later one waits for those before it.
        """
        options = self._options
        chunk = _Chunk()
        recent: deque[set[str]] = deque(maxlen=options.lanes + 2)
        known: set[str] = set()
        for document in documents:
            item = self._encoded(document, ingested, total)
            if item is None:
                continue
            if self._held.same(item.id, item.hash):
                total.unchanged += 1
                continue
            item = self._to_replace(item)
            event = document.source.event
            self._held.changes(item.id, event.dataset, epoch_ms(document.source.timestamp))
            if event.id is not None:
                sent.add(event.id)
            full = len(chunk.items) >= options.chunk_documents or chunk.size + item.size > options.chunk_bytes
            if item.id in chunk.items:
                total.unchanged += 1  # the one before it: nothing is written for that
            elif chunk.items and full:
                yield chunk
                recent.append(set(chunk.items))
                known = set().union(*recent)
                chunk = _Chunk()
            if item.id in known and item.id not in chunk.items:
                if chunk.items:
                    yield chunk
                recent.clear()
                known = set()
                chunk = _Chunk(after_all=True)
            chunk.add(item)
        if chunk.items:
            yield chunk

    def _to_replace(self, item: Item) -> Item:
        """What is known to be there is replaced at once, unless somebody writes in between; all else is new."""
        known = self._held.version(item.id)
        return item if known is None else item.only_after(known.seq_no, known.primary_term)

    def _encoded(self, document: Document, ingested: bytes, total: Delivered) -> Item | None:
        if document.source.user.id != self._user_id:
            raise Fatal("A document of another person came to this person's index; it was not written.")
        try:
            return encode(document, ingested)
        except Rejected as error:
            payload = bytes(document.source.payload)[:PAYLOAD_KEPT]
            total.rejected.append(
                RejectedRecord(field=error.field, reason=error.reason, key=document.id, payload=payload)
            )
            self._monitor.see([document.id], total.rejected[-1:])
            return None

    def _outcomes(self, chunks: Iterator["_Chunk"]) -> Iterator[Delivered]:
        """Chunks are delivered by `lanes` threads while the next is made here; a single one needs no thread."""
        chunk, upcoming = next(chunks, None), next(chunks, None)
        stop = threading.Event()
        target = self._target(partial(_sleep_unless, stop))
        if upcoming is None:
            if chunk is not None:
                yield self._seen(chunk, deliver(target, chunk.items_in_order()))
            return
        under_way: deque[tuple[_Chunk, Future[Delivered]]] = deque()
        with ThreadPoolExecutor(self._options.lanes, thread_name_prefix="bulk") as pool:
            try:
                while chunk is not None:
                    while len(under_way) >= (1 if chunk.after_all else self._options.lanes):
                        yield self._finished(under_way)
                    under_way.append((chunk, pool.submit(deliver, target, chunk.items_in_order())))
                    chunk, upcoming = upcoming, next(chunks, None)
                while under_way:
                    yield self._finished(under_way)
            except BaseException:
                stop.set()  # whoever waits for a better moment gives up now
                for _, future in under_way:
                    future.cancel()
                raise

    def _finished(self, under_way: deque[tuple["_Chunk", Future[Delivered]]]) -> Delivered:
        chunk, future = under_way.popleft()
        return self._seen(chunk, future.result())

    def _seen(self, chunk: "_Chunk", outcome: Delivered) -> Delivered:
        self._monitor.see(list(chunk.items), outcome.rejected)
        return outcome

    def _target(self, sleep: Callable[[float], None]) -> Target:
        return Target(
            client=self._client,
            alias=self._alias,
            retrier=Retrier(self._options.retry, self._rng, sleep),
            before_write=self._before_write,
        )


@dataclass
class _Chunk:
    """Documents that go in one request, by id. `after_all`: only when all earlier ones have their outcome."""

    after_all: bool = False
    items: dict[str, Item] = field(default_factory=dict)
    size: int = 0

    def add(self, item: Item) -> None:
        self.items[item.id] = item
        self.size += item.size

    def items_in_order(self) -> list[Item]:
        return list(self.items.values())


class _Monitor:
    """Watches over the share of rejected documents, across the writes of one sink."""

    def __init__(self, options: SinkOptions) -> None:
        self._options = options
        self._last: deque[bool] = deque(maxlen=options.judged)
        self._rejected = 0

    def see(self, ids: Sequence[str], rejected: Sequence[RejectedRecord]) -> None:
        """Raises Fatal when too many of the documents seen so far were rejected."""
        if not rejected:
            self._last.extend([False] * min(len(ids), self._options.judged))
            return
        keys = {one.key for one in rejected}
        worst = 0
        for key in ids:
            self._last.append(key in keys)
            if len(self._last) == self._options.judged:
                worst = max(worst, sum(self._last))
        self._rejected += len(rejected)
        if self._rejected > self._options.most_rejected or worst > self._options.worst_share * self._options.judged:
            raise Fatal(
                f"Elasticsearch rejected {count(self._rejected, 'document')}, "
                f"the last for its field {rejected[-1].field}: {rejected[-1].reason}.",
                remedy="Run `glucoflow provision` to bring the mapping up to date; if that does not help, report it.",
            )


def _add(total: Delivered, part: Delivered) -> None:
    total.created += part.created
    total.updated += part.updated
    total.unchanged += part.unchanged
    total.deleted += part.deleted
    total.rejected += part.rejected


def _sleep_unless(stop: threading.Event, seconds: float) -> None:
    if stop.wait(seconds):
        raise Retryable("Another part of this write failed, so this one is given up.")


def _noting(documents: Iterable[Document], ids: set[str]) -> Iterator[Document]:
    for document in documents:
        ids.add(document.id)
        yield document
