"""One person's documents as Nightscout's collections: what their apps uploaded, and what any provider gave.

Everything is read from Elasticsearch, and a fault of it is raised: an empty list means that there is nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
from elasticsearch import Elasticsearch

from glucoflow.es.encode import decode
from glucoflow.es.error_translation import translated
from glucoflow.es.names import Names
from glucoflow.es.queries import SUPERSEDED
from glucoflow.es.scan import Hit, refresh, scan
from glucoflow.model.localtime import epoch_ms
from glucoflow.nightscout.criteria import Criteria, Moments, span_of
from glucoflow.nightscout.incoming import SHARED, Collection, Doc, time_fields_of
from glucoflow.nightscout.outgoing import DATASETS, Stored, common_form, document_id_of
from glucoflow.retry import RetryPolicy

IMPATIENT = RetryPolicy(tries=2, first_wait_s=0.3, longest_wait_s=2.0)
"""Somebody waits: an app comes again by itself, later."""

MOST = 200_000
"""Documents of one answer: more than a year of readings each five minutes, or 90 days of them each minute."""

_NOT_DELETED = {"term": {"app.deleted": True}}
_BY_APP = {"exists": {"field": "app.collection"}}

Query = Mapping[str, Any]


class Found(msgspec.Struct, frozen=True):
    """A document in the form that both interfaces share, and where it is kept."""

    document: Doc
    stored: Stored
    ms: int

    @property
    def deleted(self) -> bool:
        return self.stored.source.app is not None and self.stored.source.app.deleted

    @property
    def by_app(self) -> bool:
        """Whether an app uploaded it; only those can be changed by apps."""
        return self.stored.source.app is not None

    @property
    def as_asked(self) -> Doc:
        """With what both interfaces know of each document, though it may not stand in it."""
        known = {"date": self.ms, "mills": self.ms, "identifier": self.document["_id"], "isValid": True}
        if "created_at" in self.document:
            known["timestamp"] = self.document["created_at"]
        return {**known, **self.document}

    @property
    def own_id(self) -> str:
        return str(self.document["_id"])


class Held:
    """See the module."""

    def __init__(self, client: Elasticsearch, names: Names, user_id: str) -> None:
        self._client = client
        self._alias = names.alias(user_id)

    def search(
        self,
        collection: Collection,
        criteria: Criteria = Criteria(),
        limit: int = MOST,
        *,
        newest_first: bool = True,
        every_type: bool = True,
        only_apps: bool = False,
    ) -> Iterator[Found]:
        """Those that match, by their time. Without `every_type` of the entries only readings."""
        span = span_of(criteria, time_fields_of(collection))
        query = _query(collection, [*_between(span), *_ids_asked(criteria)], every_type=every_type, only_apps=only_apps)
        order = "desc" if newest_first else "asc"
        sort = ({"@timestamp": order}, {"_seq_no": "asc"})
        narrow = not criteria.parts and criteria.fields <= {*time_fields_of(collection), "type"}
        page = min(2_000, max(10, limit if narrow else 1_000))
        count = 0
        for found in self._each(collection, query, sort, page):
            if criteria.is_empty or criteria.matches(found.as_asked, sure=only_apps):
                yield found
                count += 1
                if count >= limit:
                    return

    def by_id(self, collection: Collection, own_id: str) -> list[Found]:
        """All parts of the document with this `_id` or identifier, deleted or not."""
        query = _query(collection, [_named([own_id])], every_type=True, deleted=True, superseded=True)
        hits = scan(self._client, self._alias, query, page=50, retry=IMPATIENT)
        return [_found(hit, collection) for hit in hits]

    def candidates(self, collection: Collection, ids: Sequence[str], times_ms: Sequence[int]) -> list[Found]:
        """What apps uploaded with one of these ids or identifiers, or at one of these times."""
        either = [_named(ids), {"terms": {"@timestamp": list(times_ms)}}]
        anything = {"bool": {"should": either, "minimum_should_match": 1}}
        query = _query(collection, [anything], every_type=True, only_apps=True, deleted=True, superseded=True)
        return [_found(hit, collection) for hit in scan(self._client, self._alias, query, retry=IMPATIENT)]

    def history(self, collection: Collection, since_ms: int, limit: int) -> list[Found]:
        """Written after `since_ms`, oldest first, deleted ones included.

        An answer never ends amid what was written in one millisecond: whoever goes on behind it would miss the rest.
        """
        written = {"range": {"event.ingested": {"gt": since_ms, "format": "epoch_millis"}}}
        query = _query(collection, [written], every_type=collection != "entries", deleted=True)
        sort = ({"event.ingested": "asc"}, {"_seq_no": "asc"})
        result: list[Found] = []
        for found in self._each(collection, query, sort, min(2_000, limit + 1)):
            if len(result) >= limit and found.stored.written_ms != result[-1].stored.written_ms:
                break
            result.append(found)
        return result

    def refresh(self) -> None:
        """Make what was written until now visible."""
        refresh(self._client, self._alias)

    def last_written(self) -> dict[Collection, int]:
        """When each collection was last written to, in epoch ms; 0 for never."""
        aggs: dict[str, Any] = {
            name: {
                "filter": _query(name, [], every_type=name != "entries", deleted=True),
                "aggs": {"last": {"max": {"field": "event.ingested"}}},
            }
            for name in SHARED
        }
        with translated("read documents"):
            answer = self._client.search(
                index=self._alias,
                size=0,
                aggs=aggs,
                track_total_hits=False,
                ignore_unavailable=True,
                allow_partial_search_results=False,
            ).body
        found = answer.get("aggregations", {})
        return {name: int(found.get(name, {}).get("last", {}).get("value") or 0) for name in SHARED}

    def _each(
        self, collection: Collection, query: Query, sort: Sequence[Mapping[str, str]], page: int
    ) -> Iterator[Found]:
        """Each document once: the parts of one treatment stand side by side."""
        given: set[str] = set()
        last_ms = None
        for hit in scan(self._client, self._alias, query, sort=sort, page=page, retry=IMPATIENT):
            found = _found(hit, collection)
            if found.ms != last_ms:
                given, last_ms = set(), found.ms
            if found.own_id not in given:
                given.add(found.own_id)
                yield found


def _found(hit: Hit, collection: Collection) -> Found:
    source = decode(hit.source)
    written = 0 if source.event.ingested is None else epoch_ms(source.event.ingested)
    stored = Stored(id=hit.id, source=source, written_ms=written)
    return Found(common_form(stored, collection), stored, epoch_ms(source.timestamp))


def _query(
    collection: Collection,
    filters: Sequence[Query],
    *,
    every_type: bool,
    only_apps: bool = False,
    deleted: bool = False,
    superseded: bool = False,
) -> dict[str, Any]:
    sources: list[Query] = [{"term": {"app.collection": collection}}]
    if not only_apps and DATASETS[collection]:
        others = [{"terms": {"event.dataset": list(DATASETS[collection])}}]
        sources.append({"bool": {"filter": others, "must_not": [_BY_APP]}})
    every: list[Query] = [{"bool": {"should": sources, "minimum_should_match": 1}}, *filters]
    if not every_type:
        every.append({"terms": {"event.dataset": [*DATASETS[collection], *(["app.document"] if deleted else [])]}})
        if deleted:
            kept = {"bool": {"filter": [{"term": {"event.dataset": "app.document"}}], "must_not": [_NOT_DELETED]}}
            every.append({"bool": {"must_not": [kept]}})
    without = [*([] if deleted else [_NOT_DELETED]), *([] if superseded else [SUPERSEDED])]
    return {"bool": {"filter": every, "must_not": without}}


def _between(span: Moments) -> list[Query]:
    bounds = {name: ms for name, ms in (("gte", span.first), ("lte", span.last)) if ms is not None}
    return [{"range": {"@timestamp": {**bounds, "format": "epoch_millis"}}}] if bounds else []


def _ids_asked(criteria: Criteria) -> list[Query]:
    """A document's own id narrows the search."""
    asked = [one for one in criteria.conditions if one.field == "_id" and one.op in ("eq", "in")]
    return [_named(one.values) for one in asked if not any(value.startswith("/") for value in one.values)]


def _named(ids: Sequence[str]) -> Query:
    ids = [one for one in ids if one]
    foreign = [found for one in ids if (found := document_id_of(one))]
    ways: list[Query] = [{"terms": {"event.id": ids}}, {"terms": {"app.identifier": ids}}, {"ids": {"values": foreign}}]
    # An id of a provider's own record names a document of an app only where an app uploaded it.
    by_app = {"bool": {"filter": [_BY_APP], "should": ways[:2], "minimum_should_match": 1}}
    return {"bool": {"should": [by_app, ways[2]], "minimum_should_match": 1}}
