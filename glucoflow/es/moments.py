"""Readings as `analytics.one_moment` wants them, and the marks that follow: which of them are superseded.

A mark is no content: a document's hash leaves it out (`es/encode.py`), so the provider's record, read again, is the
same as before and its mark stays.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from elasticsearch import Elasticsearch
from numpy.typing import NDArray

from glucoflow.es.answers import USUAL_INTERVAL_MS, moment
from glucoflow.es.bulk import Target, replace_unchanged, slices
from glucoflow.es.encode import encode_time, marked
from glucoflow.es.names import Names
from glucoflow.es.queries import MOST_ROWS, Queries, only
from glucoflow.es.retrier import Retrier
from glucoflow.es.scan import Hit, refresh, scan

_FIELDS = (
    "sample.interval_ms",
    "sample.superseded",
    "connection.id",
    "device.transmitter_id",
    "device.id",
    "device.display",
)
_AT_ONCE = 500


class Route(msgspec.Struct, frozen=True):
    """By which way a reading came: its connection, its sensor as far as that is named, and what displayed it."""

    connection_id: str = ""
    transmitter_id: str = ""
    device_id: str = ""
    display: str = ""


class Moments(msgspec.Struct, frozen=True):
    """Readings by time, of one moment the newest written first; `route` indexes `routes`."""

    ids: list[str]
    time_ms: NDArray[np.int64]
    interval_ms: NDArray[np.int64]
    superseded: NDArray[np.bool_]
    route: NDArray[np.int64]
    routes: list[Route]


class Life(msgspec.Struct, frozen=True):
    """The first and the last reading of a sensor."""

    first: datetime
    last: datetime


_NAMES = dict(zip(("interval", "superseded", "connection", "transmitter", "device", "display"), _FIELDS, strict=True))


class _Row(msgspec.Struct, rename=_NAMES):
    interval: tuple[int, ...] = (USUAL_INTERVAL_MS,)
    superseded: tuple[bool, ...] = (False,)
    connection: tuple[str, ...] = ("",)
    transmitter: tuple[str, ...] = ("",)
    device: tuple[str, ...] = ("",)
    display: tuple[str, ...] = ("",)


_row = msgspec.json.Decoder(_Row)


class ReadingMoments:
    """One person's readings and their marks. Every method answers "nothing" for a person without an index."""

    def __init__(self, client: Elasticsearch, names: Names, user_id: str) -> None:
        self._client = client
        self._alias = names.alias(user_id)
        self._user_id = user_id
        self._queries = Queries(client, names)

    def changed_days(self, since: datetime) -> list[datetime]:
        """The UTC days (their midnights) with readings written at `since` or later, those just written included."""
        refresh(self._client, self._alias)
        query = only(["cgm.reading"])
        query["bool"]["filter"].append({"range": {"event.ingested": {"gte": since.isoformat()}}})
        return self._days(query)

    def days(self) -> list[datetime]:
        """The UTC days with readings, those just written included."""
        refresh(self._client, self._alias)
        return self._days(only(["cgm.reading"]))

    def between(self, start: datetime, end: datetime) -> Moments:
        """The readings of [start, end), those just written included."""
        refresh(self._client, self._alias)
        newest_first = ({"@timestamp": "asc"}, {"_seq_no": "desc"})
        query = only(["cgm.reading"], start, end)
        found = scan(self._client, self._alias, query, source=False, sort=newest_first, page=MOST_ROWS, fields=_FIELDS)
        return _moments(found)

    def lives(self, transmitter_ids: Iterable[str]) -> Mapping[str, Life]:
        """When each of these sensors was first and last heard of."""
        wanted = sorted(transmitter_ids)
        bounds = {"first": {"min": {"field": "@timestamp"}}, "last": {"max": {"field": "@timestamp"}}}
        query = only(["cgm.reading"])
        query["bool"]["filter"].append({"terms": {"device.transmitter_id": wanted}})
        sensors = {"terms": {"field": "device.transmitter_id", "size": max(1, len(wanted))}, "aggs": bounds}
        answer = self._aggregated({"query": query, "aggs": {"sensors": sensors}}, "sensors")
        lives = {}
        for bucket in answer:
            first, last = moment(bucket["first"]), moment(bucket["last"])
            if first is not None and last is not None:
                lives[bucket["key"]] = Life(first, last)
        return lives

    def mark(self, marks: Mapping[str, bool], now: datetime) -> int:
        """Write marks (`_id` → superseded); how many there were to write.

        A document that somebody else changes in between is left as it is.
        """
        refused = 0
        target = Target(
            client=self._client,
            alias=self._alias,
            retrier=Retrier(),
        )
        for part in slices(marks, _AT_ONCE):
            hits = scan(self._client, self._alias, {"ids": {"values": part}}, versions=True, page=_AT_ONCE)
            items = [
                marked(hit.id, hit.source, marks[hit.id], encode_time(now)).only_after(hit.seq_no, hit.primary_term)
                for hit in hits
            ]
            refused += replace_unchanged(target, items)
        return len(marks) - refused

    def _days(self, query: Mapping[str, Any]) -> list[datetime]:
        by_day = {"date_histogram": {"field": "@timestamp", "fixed_interval": "1d", "min_doc_count": 1}}
        buckets = self._aggregated({"query": query, "aggs": {"days": by_day}}, "days")
        return [datetime.fromtimestamp(bucket["key"] / 1000, UTC) for bucket in buckets]

    def _aggregated(self, body: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        answer = self._queries.aggregate(self._user_id, body)
        found: list[Mapping[str, Any]] = answer.get("aggregations", {}).get(name, {}).get("buckets", [])
        return found


def _moments(hits: Iterable[Hit]) -> Moments:
    ids: list[str] = []
    numbers: list[tuple[int, int, bool, int]] = []
    routes: dict[Route, int] = {}
    for hit in hits:
        row = _row.decode(hit.fields)
        route = Route(row.connection[0], row.transmitter[0], row.device[0], row.display[0])
        ids.append(hit.id)
        numbers.append((hit.sort[0], row.interval[0], row.superseded[0], routes.setdefault(route, len(routes))))
    time_ms, interval_ms, superseded, route_of = np.array(numbers, dtype=np.int64).reshape(-1, 4).T
    return Moments(ids, time_ms, interval_ms, superseded.astype(np.bool_), route_of, list(routes))
