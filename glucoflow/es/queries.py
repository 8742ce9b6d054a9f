"""What pages, the CLI and the flows ask about one person's documents.

Every method answers "nothing" for a person without an index, and raises our errors (Retryable, Misconfigured) else.
Figures leave out superseded readings: the same moment is also held from a better source.
"""

from collections.abc import Mapping, Sequence
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
    ReadingArrays,
    arrays_of,
    device_of,
    event_of,
    joined,
    moment,
    typed,
)
from glucoflow.es.error_translation import error_type, translated
from glucoflow.es.names import Names
from glucoflow.es.overview import Overview, overview_aggs, overview_of
from glucoflow.es.scan import refresh, scan
from glucoflow.model.documents import Dataset, Document
from glucoflow.model.localtime import epoch_ms

Query = Mapping[str, Any]
MOST_ROWS = 10_000
"""Elasticsearch's own limit for one answer; `scan` has none."""

MOST_DATES = 40_000
"""More local dates than a life has; below Elasticsearch's own limit of buckets."""

PIECE = timedelta(days=30)
"""So many days of one sensor are less than `MOST_ROWS` readings (every five minutes)."""

PIECES_AT_ONCE = 3

_SUPERSEDED = {"term": {"sample.superseded": True}}
_UNTYPED = ["payload", "summary.missing"]
_FIRST = {"first": {"min": {"field": "@timestamp"}}}


class Paged(msgspec.Struct, frozen=True):
    """A document and its place: behind which the next page begins."""

    document: Document
    place: tuple[int, int]


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
        hits = self._hits(user_id, only(["cgm.reading"], superseded=False), size=1, order="desc")
        if not hits:
            return None
        source = typed(hits[0])
        glucose, trend = source.glucose, source.trend
        if glucose is None:
            return None
        return Latest(
            time=source.timestamp,
            mg_dl=glucose.mg_dl,
            mmol_l=glucose.mmol_l,
            range=glucose.range,
            utc_offset_min=source.time.utc_offset_min,
            direction=trend.direction if trend else None,
            rate=trend.rate if trend else None,
            limit=glucose.limit,
        )

    def overview(self, user_id: str, start: datetime, end: datetime) -> Overview:
        """Figures of the readings in [start, end), by aggregations: nothing is downloaded."""
        body = {"query": only(["cgm.reading"], start, end, superseded=False), "aggs": overview_aggs()}
        return overview_of(self.aggregate(user_id, body).get("aggregations", {}))

    def tail(self, user_id: str, before: datetime, span: timedelta, connection_id: str | None = None) -> Before:
        """Readings in [before − span, before), of one connection if given, those just written included."""
        self._refresh(user_id)
        query = only(["cgm.reading"], before - span, before, connection_id)
        hits = self._hits(user_id, query, size=1_000, order="asc")
        if not hits:  # a gap: its length is measured from the last reading, however old
            hits = self._hits(user_id, only(["cgm.reading"], None, before, connection_id), size=1, order="desc")
        found = [typed(hit) for hit in hits]
        rows = [(epoch_ms(s.timestamp), s.glucose.mg_dl, device_of(s)) for s in found if s.glucose]
        return Before([row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows])

    def meals(self, user_id: str, start: datetime, end: datetime) -> Intake:
        """Times of food and boluses in [start, end), those just written included."""
        self._refresh(user_id)
        times: dict[str, list[int]] = {"food": [], "insulin.bolus": []}
        for dataset, found in times.items():
            query = only([dataset], start, end)
            found += [
                hit.sort[0] for hit in scan(self._client, self._names.alias(user_id), query, source=False, ids=False)
            ]
        return Intake(times["food"], times["insulin.bolus"])

    def counts(self, user_id: str) -> dict[str, int]:
        """Documents by dataset."""
        answer = self.aggregate(user_id, {"aggs": {"sets": {"terms": {"field": "event.dataset", "size": 100}}}})
        buckets = answer.get("aggregations", {}).get("sets", {}).get("buckets", [])
        return {bucket["key"]: bucket["doc_count"] for bucket in buckets}

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
        order = "desc" if newest_first else "asc"
        hits = self._hits(user_id, only(datasets, start, end), size=min(limit, MOST_ROWS), order=order)
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
        asked: dict[str, Any] = {"search_after": list(after)} if after else {}
        answer = self._search(
            user_id,
            query=query,
            size=min(limit, MOST_ROWS),
            track_total_hits=False,
            source_excludes=_UNTYPED,
            sort=[{by: "desc" if newest_first else "asc"}, {"_seq_no": "asc"}],
            filter_path="hits.hits._id,hits.hits._source,hits.hits.sort,error.type",
            **asked,
        )
        hits: list[Mapping[str, Any]] = answer.get("hits", {}).get("hits", [])
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
        pieces = _pieces(start, end)
        if len(pieces) == 1 or not at_once:
            return self._readings(user_id, start, end)
        with ThreadPoolExecutor(PIECES_AT_ONCE) as pool:
            return joined(list(pool.map(lambda piece: self._readings(user_id, *piece), pieces)))

    def _readings(self, user_id: str, start: datetime | None, end: datetime | None) -> ReadingArrays:
        hits = scan(
            self._client,
            self._names.alias(user_id),
            only(["cgm.reading"], start, end),
            source=False,
            ids=False,
            page=MOST_ROWS,
            sort=READING_ORDER,
        )
        pieces = [arrays_of(())]
        while part := list(islice(hits, MOST_ROWS)):
            pieces.append(arrays_of(part))
        return joined(pieces)

    def events_between(self, user_id: str, start: datetime, end: datetime) -> list[EventRow]:
        """Meals, boluses and exercise in [start, end), by time."""
        hits = scan(
            self._client,
            self._names.alias(user_id),
            only(["food", "insulin.bolus", "exercise"], start, end),
            source=False,
            ids=False,
            page=MOST_ROWS,
            fields=EVENT_FIELDS,
        )
        return [event_of(hit) for hit in hits]

    def sensor_starts(self, user_id: str, start: datetime, end: datetime, one_piece: Sequence[str]) -> list[datetime]:
        """When new sensors began in [start, end), by time, for devices whose transmitter is the sensor: those whose
        generation or model is one of the words `one_piece`.

        The first of all known ones is left out: it may have begun before.
        """
        words = list(one_piece)
        named = [{"terms": {"device.generation": words}}, {"terms": {"device.model": words}}]
        devices = {"bool": {"should": named, "minimum_should_match": 1}}
        body = {
            "query": {"bool": {"filter": [only(["cgm.reading"], superseded=False), devices]}},
            "aggs": {"sensors": {"terms": {"field": "device.transmitter_id", "size": MOST_ROWS}, "aggs": _FIRST}},
        }
        buckets = self.aggregate(user_id, body).get("aggregations", {}).get("sensors", {}).get("buckets", [])
        begun = sorted(found for bucket in buckets if (found := moment(bucket["first"])))
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
        query = only([dataset])
        query["bool"]["filter"].append({"range": {"time.date": {"gte": first, "lte": last}}})
        hits = scan(self._client, self._names.alias(user_id), query, source=False, fields=["time.date"])
        return {hit.id: msgspec.json.decode(hit.fields)["time.date"][0] for hit in hits}

    def versions(self, user_id: str, datasets: Sequence[Dataset], first: str, last: str) -> dict[str, Version]:
        """Documents of some datasets and of the dates first to last, included, by `_id`."""
        query = only(datasets)
        query["bool"]["filter"].append({"range": {"time.date": {"gte": first, "lte": last}}})
        answer = self._search(
            user_id,
            query=query,
            size=MOST_ROWS,
            track_total_hits=False,
            seq_no_primary_term=True,
            source=["time.date", "event.dataset", "event.hash"],
        )
        return {hit["_id"]: _version(hit) for hit in answer.get("hits", {}).get("hits", [])}

    def _dates(self, user_id: str, query: Query) -> list[str]:
        found = {"terms": {"field": "time.date", "size": MOST_DATES, "order": {"_key": "asc"}}}
        answer = self.aggregate(user_id, {"query": query, "aggs": {"dates": found}})
        return [bucket["key"] for bucket in answer.get("aggregations", {}).get("dates", {}).get("buckets", [])]

    def _hits(self, user_id: str, query: Query, size: int, order: str) -> list[Mapping[str, Any]]:
        answer = self._search(
            user_id,
            query=query,
            size=size,
            track_total_hits=False,
            source_excludes=_UNTYPED,
            sort=[{"@timestamp": order}, {"_seq_no": order}],
            filter_path="hits.hits._id,hits.hits._source,error.type",
        )
        found: list[Mapping[str, Any]] = answer.get("hits", {}).get("hits", [])
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


def _pieces(start: datetime | None, end: datetime | None) -> list[tuple[datetime | None, datetime | None]]:
    """[start, end) cut into spans of `PIECE` at most; one that is open stays whole."""
    if start is None or end is None or end - start <= PIECE:
        return [(start, end)]
    bounds = [start + n * PIECE for n in range(-(-(end - start) // PIECE))]
    return list(zip(bounds, [*bounds[1:], end], strict=True))


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
        query["must_not"] = [_SUPERSEDED]
    return {"bool": query}
