"""Deleting by a query, a part at a time: what is older than a person wants to keep, or came by one connection.

Needs no delete-by-query, which the bare node lacks.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
from elasticsearch import Elasticsearch

from glucoflow.es.error_translation import translated
from glucoflow.es.names import Names
from glucoflow.es.scan import refresh, scan
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.model.ingestion import Window
from glucoflow.model.localtime import epoch_ms

_AT_A_TIME = 5_000


class Gone(msgspec.Struct, frozen=True):
    """How many documents were deleted, and the span that they were of; None for none."""

    documents: int
    span: Window | None


def older_than(before: datetime) -> dict[str, Any]:
    """The query for documents of that age."""
    return {"range": {"@timestamp": {"lt": epoch_ms(before), "format": "epoch_millis"}}}


def of_kind(dataset: str | None, before: datetime) -> dict[str, Any]:
    """The query for documents of a kind (None: of any) and that age."""
    if dataset is None:
        return older_than(before)
    return {"bool": {"filter": [{"term": {"event.dataset": dataset}}, older_than(before)]}}


def count_kind(
    client: Elasticsearch,
    names: Names,
    user_id: str,
    dataset: str | None,
    before: datetime,
    but: Sequence[Mapping[str, Any]] = (),
) -> int:
    """How many of them a person has, those just written included; `but` those of these queries."""
    refresh(client, names.alias(user_id))
    query = {"bool": {"filter": [of_kind(dataset, before)], "must_not": list(but)}}
    with translated("count documents"):
        answer = client.count(index=names.alias(user_id), query=query, ignore_unavailable=True)
    return int(answer["count"])


def delete_kind(
    client: Elasticsearch, names: Names, user_id: str, dataset: str | None, before: datetime, now: datetime
) -> int:
    """Delete them, those just written included; how many went."""
    refresh(client, names.alias(user_id))
    return _delete(client, names, user_id, of_kind(dataset, before), now).documents


def delete_of_connection(client: Elasticsearch, names: Names, user_id: str, connection_id: str, now: datetime) -> Gone:
    """Delete all documents that came by one connection, those just written included."""
    refresh(client, names.alias(user_id))
    return _delete(client, names, user_id, {"term": {"connection.id": connection_id}}, now)


def _delete(client: Elasticsearch, names: Names, user_id: str, query: Mapping[str, Any], now: datetime) -> Gone:
    sink = ElasticsearchSink(client, names, user_id)
    found = scan(client, names.alias(user_id), query, source=False)
    deleted, first, last = 0, None, 0
    while part := list(islice(found, _AT_A_TIME)):
        deleted += sink.write([], [hit.id for hit in part], now).deleted
        first, last = part[0].sort[0] if first is None else first, part[-1].sort[0]
    span = None if first is None else Window(_moment(first), _moment(last) + timedelta(milliseconds=1))
    return Gone(deleted, span)


def _moment(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
