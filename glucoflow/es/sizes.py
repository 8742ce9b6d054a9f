"""How large people's indices are, and how large they will be in a year."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from elasticsearch import ApiError, Elasticsearch

from glucoflow.es.client import disks
from glucoflow.es.error_translation import translated
from glucoflow.es.names import Names
from glucoflow.model.localtime import epoch_ms

LOOKED_AT = timedelta(days=30)
"""The days whose documents say how fast an index grows."""

_MOST_PEOPLE = 10_000
_DAY = timedelta(days=1)


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """One person's index, replicas included in `bytes`. `year_bytes` is its size in a year if nothing is deleted.

    Of an index that many share it is their part by documents.
    """

    user_id: str
    documents: int
    bytes: int
    year_bytes: int


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes on the disks of all nodes together."""

    free_bytes: int
    total_bytes: int


class Growth(msgspec.Struct, frozen=True, kw_only=True):
    """Documents whose time lies in the last `days` days."""

    documents: int
    days: float


def a_year_on(size: int, documents: int, growth: Growth) -> int:
    """Bytes in a year: as many new documents a day as lately, each of today's average size."""
    if not documents:
        return size
    return round(size + size / documents * growth.documents / growth.days * 365)


def sizes(client: Elasticsearch, names: Names, now: datetime) -> list[Size]:
    """Every person's, by id. Raises our errors."""
    with translated("measure the indices"):
        found = client.indices.stats(
            index=names.pattern,
            metric=["docs", "store"],
            expand_wildcards="open",
            filter_path="indices.*.primaries.docs.count,indices.*.total.store.size_in_bytes",
        ).body
        growth = _growth(client, names, now)
    totals: dict[str, tuple[int, int]] = {}

    def add(user_id: str, documents: int, size: int) -> None:
        known = totals.get(user_id, (0, 0))
        totals[user_id] = known[0] + documents, known[1] + size

    for index, stats in found.get("indices", {}).items():
        user_id = names.user_of(index)
        documents, size = stats["primaries"]["docs"]["count"], stats["total"]["store"]["size_in_bytes"]
        if user_id is not None:
            add(user_id, documents, size)
        elif names.is_shared(index) and documents:
            with translated("measure the indices"):
                held = _held(client, index)
            for who, theirs in held.items():
                add(who, theirs, round(size * theirs / documents))
    still = Growth(documents=0, days=1)
    return [
        Size(
            user_id=user_id,
            documents=documents,
            bytes=size,
            year_bytes=a_year_on(size, documents, growth.get(user_id, still)),
        )
        for user_id, (documents, size) in sorted(totals.items())
    ]


def room(client: Elasticsearch) -> Room | None:
    """The room on Elasticsearch's disks; None where our user may not ask."""
    with translated("ask for the room on disk"):
        try:
            totals = disks(client)
        except ApiError as error:
            if error.meta.status != 403:
                raise
            return None
    return Room(
        free_bytes=sum(total["available_in_bytes"] for total in totals),
        total_bytes=sum(total["total_in_bytes"] for total in totals),
    )


def _held(client: Elasticsearch, index: str) -> dict[str, int]:
    """Documents by person, of an index that many share."""
    who = {"who": {"terms": {"field": "user.id", "size": _MOST_PEOPLE}}}
    answer = client.search(index=index, size=0, aggs=who).body
    return {bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"]["who"]["buckets"]}


def _growth(client: Elasticsearch, names: Names, now: datetime) -> dict[str, Growth]:
    """By person. Who began less than 30 days ago is judged by the days since."""
    since = {"gte": epoch_ms(now - LOOKED_AT), "lte": epoch_ms(now), "format": "epoch_millis"}
    first = {"first": {"min": {"field": "@timestamp"}}}
    answer: Any = client.search(
        index=names.pattern,
        size=0,
        query={"range": {"@timestamp": since}},
        aggs={"who": {"terms": {"field": "user.id", "size": _MOST_PEOPLE}, "aggs": first}},
    ).body
    made = {}
    for bucket in answer.get("aggregations", {}).get("who", {}).get("buckets", []):
        days = (epoch_ms(now) - bucket["first"]["value"]) / 1000 / _DAY.total_seconds()
        made[bucket["key"]] = Growth(documents=bucket["doc_count"], days=max(1.0, days))
    return made
