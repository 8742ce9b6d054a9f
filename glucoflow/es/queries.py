"""What pages, the CLI and the flows ask about one person's documents.

Every method answers "nothing" for a person without an index, and raises our errors (Retryable, Misconfigured) else.
Figures leave out superseded readings: the same moment is also held from a better source.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, Literal

import msgspec
from elasticsearch import Elasticsearch, NotFoundError

from glucoflow.es.answers import (
    EVENT_FIELDS,
    READING_ORDER,
    Before,
    EventRow,
    Intake,
    Latest,
    Paged,
    ReadingArrays,
    arrays_of,
    before_of,
    event_of,
    joined,
    latest_of,
    moment,
    typed,
)
from glucoflow.es.error_translation import error_type, translated
from glucoflow.es.names import Names
from glucoflow.es.overview import Overview, overview_aggs, overview_of
from glucoflow.es.scan import BY_TIME, Hit, refresh, scan
from glucoflow.model.documents import Dataset, Document
from glucoflow.model.ingestion import Window
from glucoflow.model.localtime import epoch_ms

Query = Mapping[str, Any]
MOST_ROWS = 10_000
"""Elasticsearch's own limit for one answer; `scan` has none."""

MOST_DATES = 40_000
"""More local dates than a life has; below Elasticsearch's own limit of buckets."""

PIECE = timedelta(days=30)
"""So many days of one sensor are less than `MOST_ROWS` readings (every five minutes)."""

PIECES_AT_ONCE = 3

NEWEST_FIRST = ({"@timestamp": "desc"}, {"_seq_no": "desc"})
SUPERSEDED = {"term": {"sample.superseded": True}}
_UNTYPED = ["payload", "summary.missing"]
_FIRST = {"first": {"min": {"field": "@timestamp"}}}


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """Of which local date and dataset a document is, and which content and version of it is there."""

    date: str
    dataset: str
    hash: str
    seq_no: int
    primary_term: int


class Queries:
    """Reads people's documents; see the module."""

    def __init__(self, client: Elasticsearch, names: Names) -> None:
        self._client = client
        self._names = names

    def latest(self, user_id: str) -> Latest | None:
        """The newest reading."""
        hits = self._hits(user_id, only(["cgm.reading"], superseded=False), 1, NEWEST_FIRST)
        return latest_of(typed(hits[0])) if hits else None

    def overview(self, user_id: str, start: datetime, end: datetime) -> Overview:
        """Figures of the readings in [start, end), by aggregations: nothing is downloaded."""
        body = {"query": only(["cgm.reading"], start, end, superseded=False), "aggs": overview_aggs()}
        return overview_of(self.aggregate(user_id, body).get("aggregations", {}))

    def tail(self, user_id: str, before: datetime, span: timedelta, connection_id: str | None = None) -> Before:
        """Readings in [before − span, before), of one connection if given, those just written included."""
        self._refresh(user_id)
        query = only(["cgm.reading"], before - span, before, connection_id)
        hits = self._hits(user_id, query, 1_000, BY_TIME)
        if not hits:  # a gap: its length is measured from the last reading, however old
            hits = self._hits(user_id, only(["cgm.reading"], None, before, connection_id), 1, NEWEST_FIRST)
        return before_of(map(typed, hits))

    def meals(self, user_id: str, start: datetime, end: datetime) -> Intake:
        """Times of food and boluses in [start, end), those just written included."""
        self._refresh(user_id)
        found = (self._scan(user_id, only([one], start, end), ids=False) for one in ("food", "insulin.bolus"))
        return Intake(*([hit.sort[0] for hit in hits] for hits in found))

    def counts(self, user_id: str) -> dict[str, int]:
        """Documents by dataset."""
        sets = self._buckets(user_id, {"match_all": {}}, {"terms": {"field": "event.dataset", "size": 100}})
        return {one["key"]: one["doc_count"] for one in sets}

    def newest(self, user_id: str, dataset: Dataset = "cgm.reading", end: datetime | None = None) -> datetime | None:
        """Time of the newest document of a dataset, before `end` if given, that is not superseded."""
        body = {"query": only([dataset], end=end, superseded=False), "aggs": {"last": {"max": {"field": "@timestamp"}}}}
        return moment(self.aggregate(user_id, body).get("aggregations", {}).get("last"))

    def documents(
        self,
        user_id: str,
        datasets: Sequence[Dataset],
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 1_000,
        newest_first: bool = True,
    ) -> list[Document]:
        """Up to `limit` (at most 10,000) documents of [start, end), without `payload` and `summary.missing`."""
        hits = self._hits(user_id, only(datasets, start, end), limit, NEWEST_FIRST if newest_first else BY_TIME)
        return [Document(hit["_id"], typed(hit)) for hit in hits]

    def page(
        self,
        user_id: str,
        query: Query,
        limit: int,
        *,
        by: Literal["@timestamp", "event.ingested"] = "@timestamp",
        newest_first: bool = False,
        after: tuple[int, int] | None = None,
    ) -> list[Paged]:
        """Up to `limit` documents by a time, those behind the place `after` of one before; without `payload`.

        Nothing is missed between two pages; what is rewritten meanwhile may come twice.
        """
        order: tuple[Query, Query] = ({by: "desc" if newest_first else "asc"}, {"_seq_no": "asc"})
        hits = self._hits(user_id, query, limit, order, **({"search_after": list(after)} if after else {}))
        return [Paged(Document(hit["_id"], typed(hit)), (hit["sort"][0], hit["sort"][1])) for hit in hits]

    def aggregate(self, user_id: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The raw answer to a search body, without hits; without `aggregations` where there is no index yet."""
        return self._search(user_id, body={"track_total_hits": False, **body, "size": 0})

    def readings(
        self, user_id: str, start: datetime | None = None, end: datetime | None = None, *, at_once: bool = True
    ) -> ReadingArrays:
        """All readings of [start, end) as arrays, superseded ones included and marked.

        Longer spans come in pieces of an answer each, some of them at a time; without `at_once` one after the other in
        this thread, as a sync's requests must be to be gathered.
        """
        if start is None or end is None or end - start <= PIECE or not at_once:
            return self._readings(user_id, start, end)
        with ThreadPoolExecutor(PIECES_AT_ONCE) as pool:
            pieces = Window(start, end).split(PIECE)
            return joined(list(pool.map(lambda one: self._readings(user_id, one.start, one.end), pieces)))

    def _readings(self, user_id: str, start: datetime | None, end: datetime | None) -> ReadingArrays:
        query = only(["cgm.reading"], start, end)
        hits = self._scan(user_id, query, ids=False, page=MOST_ROWS, sort=READING_ORDER)
        pieces = [arrays_of(())]
        while part := list(islice(hits, MOST_ROWS)):
            pieces.append(arrays_of(part))
        return joined(pieces)

    def events_between(self, user_id: str, start: datetime, end: datetime) -> list[EventRow]:
        """Meals, boluses and exercise in [start, end), by time."""
        query = only(["food", "insulin.bolus", "exercise"], start, end)
        return [event_of(hit) for hit in self._scan(user_id, query, ids=False, page=MOST_ROWS, fields=EVENT_FIELDS)]

    def sensor_starts(self, user_id: str, start: datetime, end: datetime, one_piece: Sequence[str]) -> list[datetime]:
        """When new sensors began in [start, end), by time, for devices whose transmitter is the sensor: those whose
        generation or model is one of the words `one_piece`.

        The first of all known ones is left out: it may have begun before.
        """
        words = list(one_piece)
        named = [{"terms": {"device.generation": words}}, {"terms": {"device.model": words}}]
        devices = {"bool": {"should": named, "minimum_should_match": 1}}
        query = {"bool": {"filter": [only(["cgm.reading"], superseded=False), devices]}}
        by_sensor = {"terms": {"field": "device.transmitter_id", "size": MOST_ROWS}, "aggs": _FIRST}
        begun = sorted(found for one in self._buckets(user_id, query, by_sensor) if (found := moment(one["first"])))
        return [one for one in begun[1:] if start <= one < end]

    def dates(self, user_id: str, start: datetime | None = None, end: datetime | None = None) -> list[str]:
        """Local dates with readings in [start, end), those just written included, ascending."""
        self._refresh(user_id)
        return self._dates(user_id, only(["cgm.reading"], start, end, superseded=False))

    def changed_dates(self, user_id: str, since: datetime) -> list[str]:
        """Local dates of readings, meals, boluses and exercise whose content was written at `since` or later."""
        self._refresh(user_id)
        query = only(["cgm.reading", "food", "insulin.bolus", "exercise"])
        query["bool"]["filter"].append({"range": {"event.ingested": {"gte": since.isoformat()}}})
        return self._dates(user_id, query)

    def ids(self, user_id: str, dataset: Dataset, first: str, last: str) -> dict[str, str]:
        """`_id` → local date of a dataset's documents of the dates first to last, included."""
        hits = self._scan(user_id, _of_dates([dataset], first, last), fields=["time.date"])
        return {hit.id: msgspec.json.decode(hit.fields)["time.date"][0] for hit in hits}

    def versions(self, user_id: str, datasets: Sequence[Dataset], first: str, last: str) -> dict[str, Version]:
        """Documents of some datasets and of the dates first to last, included, by `_id`."""
        answer = self._search(
            user_id,
            query=_of_dates(datasets, first, last),
            size=MOST_ROWS,
            track_total_hits=False,
            seq_no_primary_term=True,
            source=["time.date", "event.dataset", "event.hash"],
        )
        return {hit["_id"]: _version(hit) for hit in answer.get("hits", {}).get("hits", [])}

    def _dates(self, user_id: str, query: Query) -> list[str]:
        by_date = {"terms": {"field": "time.date", "size": MOST_DATES, "order": {"_key": "asc"}}}
        return [one["key"] for one in self._buckets(user_id, query, by_date)]

    def _buckets(self, user_id: str, query: Query, by: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        answer = self.aggregate(user_id, {"query": query, "aggs": {"by": by}})
        found: list[Mapping[str, Any]] = answer.get("aggregations", {}).get("by", {}).get("buckets", [])
        return found

    def _scan(self, user_id: str, query: Query, **asked: Any) -> Iterator[Hit]:
        return scan(self._client, self._names.alias(user_id), query, source=False, **asked)

    def _hits(self, user_id: str, query: Query, size: int, order: Sequence[Query], **asked: Any) -> list[Query]:
        answer = self._search(
            user_id,
            query=query,
            size=min(size, MOST_ROWS),
            track_total_hits=False,
            source_excludes=_UNTYPED,
            sort=order,
            filter_path="hits.hits._id,hits.hits._source,hits.hits.sort,error.type",
            **asked,
        )
        found: list[Query] = answer.get("hits", {}).get("hits", [])
        return found

    def _search(self, user_id: str, **asked: Any) -> Mapping[str, Any]:
        """The answer, whole or not at all; an empty one where there is no index. A closed index is an error."""
        alias = self._names.alias(user_id)
        with translated("read documents"):
            try:
                answer = self._client.search(index=alias, allow_partial_search_results=False, **asked)
            except NotFoundError as error:
                if error_type(error.body) != "index_not_found_exception":
                    raise
                return {}
        found: Mapping[str, Any] = answer.body
        return found

    def _refresh(self, user_id: str) -> None:
        refresh(self._client, self._names.alias(user_id))


def _version(hit: Mapping[str, Any]) -> Version:
    source = hit["_source"]
    event = source["event"]
    return Version(
        date=source["time"]["date"],
        dataset=event["dataset"],
        hash=event.get("hash", ""),
        seq_no=hit["_seq_no"],
        primary_term=hit["_primary_term"],
    )


def _of_dates(datasets: Sequence[str], first: str, last: str) -> dict[str, Any]:
    query = only(datasets)
    query["bool"]["filter"].append({"range": {"time.date": {"gte": first, "lte": last}}})
    return query


def only(
    datasets: Sequence[str],
    start: datetime | None = None,
    end: datetime | None = None,
    connection_id: str | None = None,
    superseded: bool = True,
) -> dict[str, Any]:
    """The query for documents of some datasets in [start, end)."""
    filters: list[dict[str, Any]] = [{"terms": {"event.dataset": list(datasets)}}]
    span = {}
    if start is not None:
        span["gte"] = epoch_ms(start)
    if end is not None:
        span["lt"] = epoch_ms(end)
    if span:
        filters.append({"range": {"@timestamp": {**span, "format": "epoch_millis"}}})
    if connection_id is not None:
        filters.append({"term": {"connection.id": connection_id}})
    query: dict[str, Any] = {"filter": filters}
    if not superseded:
        query["must_not"] = [SUPERSEDED]
    return {"bool": query}
