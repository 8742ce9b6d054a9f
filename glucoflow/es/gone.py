"""Which documents are to go when a page is written: deleted, moved to another `_id`, or no longer at their provider."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from elasticsearch import Elasticsearch

from glucoflow.es.bulk import slices
from glucoflow.es.error_translation import translated
from glucoflow.es.held import Held, Stored
from glucoflow.es.scan import refresh, scan
from glucoflow.model.ingestion import RecordIds, Window
from glucoflow.model.localtime import epoch_ms

SETTLED = timedelta(hours=3)
"""What is younger may be missing because another of the provider's machines answered: it is left alone."""

_DAY_MS = 24 * 60 * 60 * 1000
_LOOKED_UP_AT_ONCE = 5_000
_A_LARGE_PAGE = 1_000
"""Records from which on it is worth looking first whether anything is there at all."""


class Going:
    """What of an index goes with one page. To be made before the page is written, and asked when it is."""

    def __init__(self, client: Elasticsearch, alias: str, held: Held, by_id: RecordIds) -> None:
        self._client = client
        self._alias = alias
        self._held = held
        self._by_id = by_id
        judged = by_id.absent == "judged"
        self._there = held.of(by_id.datasets, by_id.connection_id, by_id.window) if judged else {}
        self._fresh = held.is_fresh(by_id.datasets)
        large = len(by_id.standing) > _A_LARGE_PAGE
        self._standing = () if large and not held and self._is_empty() else by_id.standing

    def ids(self, deleted: Sequence[str], written: Collection[str], new: Collection[str]) -> list[str]:
        """Of these and of the page's records, what is there under an `_id` that was not written just now.

        Looked up where a record is gone, or is among the `new`, which may have stood elsewhere; else `deleted`. What
        somebody left of one that was moved before is seen without a look.
        """
        wanted = [*self._by_id.gone, *(one for one in self._standing if one in new)]
        left = self._held.elsewhere(self._by_id.datasets, set(self._by_id.standing), written)
        found = self._found(wanted, deleted, written) if wanted else deleted
        return list(dict.fromkeys([*found, *left]))

    def absent(self, written: Collection[str], now: datetime) -> dict[str, int]:
        """What of the window its provider has no more, with its time in epoch ms, as far as the page tells."""
        if self._by_id.absent == "gone":
            query = {"bool": {"filter": [*self._in_window(), {"term": {"connection.id": self._by_id.connection_id}}]}}
            there = scan(self._client, self._alias, query, source=False)
            return {hit.id: int(hit.sort[0]) for hit in there if hit.id not in written}
        return vanished(self._there, written, self._by_id.rejected, now)

    def _is_empty(self) -> bool:
        """Whether nothing of these datasets is held in the page's window: then nothing of it is elsewhere."""
        query = {"bool": {"filter": self._in_window()}}
        with translated("count documents"):
            return not self._client.count(index=self._alias, query=query, ignore_unavailable=True)["count"]

    def _found(self, wanted: Sequence[str], deleted: Sequence[str], written: Collection[str]) -> Iterator[str]:
        if not self._fresh:
            refresh(self._client, self._alias)
        others = {"must_not": [{"ids": {"values": list(written)}}]} if written else {}
        for ids in slices(wanted, _LOOKED_UP_AT_ONCE):
            by_record = {"bool": {"filter": [*self._scope(), {"terms": {"event.id": ids}}]}}
            either = [by_record, {"ids": {"values": list(deleted)}}]
            query = {"bool": {"should": either, "minimum_should_match": 1, **others}}
            yield from (hit.id for hit in scan(self._client, self._alias, query, source=False))

    def _scope(self) -> list[dict[str, object]]:
        by_id = self._by_id
        return [{"term": {"event.provider": by_id.provider}}, {"terms": {"event.dataset": list(by_id.datasets)}}]

    def _in_window(self) -> list[dict[str, object]]:
        window = self._by_id.window
        span = {"gte": window.start.isoformat(), "lt": window.end.isoformat()}
        return [*self._scope(), {"range": {"@timestamp": span}}]


def vanished(
    held: Mapping[str, Stored], standing: Collection[str], kept: Collection[str], now: datetime
) -> dict[str, int]:
    """What is held of a window, and was not in it when it was read again whole: ids, and times in epoch ms.

    `standing` are the ids that came again, `kept` the provider's ids of records that came and were rejected. A UTC day
    of which more is missing than stands is left as it is: then it is the answer that lacks something.
    """
    until = epoch_ms(now - SETTLED)
    stands = Counter(one.time_ms // _DAY_MS for key, one in held.items() if key in standing)
    missing = {key: one.time_ms for key, one in held.items() if key not in standing and one.record_id not in kept}
    lacks = Counter(at // _DAY_MS for at in missing.values())
    return {key: at for key, at in missing.items() if at < until and lacks[at // _DAY_MS] <= stands[at // _DAY_MS]}


def span_of(times_ms: Collection[int]) -> Window | None:
    """From the first to the last of these moments, both included; None for none."""
    if not times_ms:
        return None
    first, last = (datetime.fromtimestamp(at / 1000, UTC) for at in (min(times_ms), max(times_ms)))
    return Window(first, last + timedelta(milliseconds=1))
