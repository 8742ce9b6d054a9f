"""Every document of an index, a page at a time, by point-in-time and search_after: memory holds one page."""

import contextlib
from collections.abc import Generator, Mapping, Sequence
from typing import Any

import msgspec
from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch, NotFoundError

from glucoflow.es.client import undecoded
from glucoflow.es.error_translation import error_type, translated
from glucoflow.es.retrier import RETRY_POLICY, Retrier
from glucoflow.model.errors import Retryable
from glucoflow.retry import RetryPolicy

KEEP_ALIVE = "2m"
"""How long Elasticsearch keeps the view between two pages; each page renews it."""

REOPENED_AT_MOST = 20
_FEW = 1_000
"""Where there is more, no more than this is read for nothing."""

BY_TIME: tuple[Mapping[str, str], ...] = ({"@timestamp": "asc"}, {"_seq_no": "asc"})
"""Oldest first. `_seq_no` orders documents of one moment, and stays the same when a lost view is opened anew."""


_HIT = {"id": "_id", "source": "_source", "seq_no": "_seq_no", "primary_term": "_primary_term"}


class Hit(msgspec.Struct, frozen=True, rename=_HIT):
    """One document as found, with what was asked for. `source` is its JSON as it was stored, byte for byte.

    `seq_no` and `primary_term` say which version it is, for a write on condition that nobody wrote in between.
    """

    id: str = ""
    source: msgspec.Raw = msgspec.Raw()
    sort: tuple[Any, ...] = ()
    fields: msgspec.Raw = msgspec.Raw()
    seq_no: int = 0
    primary_term: int = 0


class _Hits(msgspec.Struct):
    hits: list[Hit]


class _Answer(msgspec.Struct):
    hits: _Hits
    pit_id: str | None = None


_decoder = msgspec.json.Decoder(_Answer)


def scan(
    client: Elasticsearch,
    alias: str,
    query: Mapping[str, Any] | None = None,
    *,
    sort: Sequence[Mapping[str, str]] = BY_TIME,
    fields: Sequence[str] = (),
    source: bool = True,
    ids: bool = True,
    versions: bool = False,
    page: int = 2_000,
    retry: RetryPolicy = RETRY_POLICY,
) -> Generator[Hit, None, None]:
    """Every document that matches when the scan starts; none where there is no such index.

    What fits into one page costs one request; more is read over a view, from its beginning. `fields` are read from doc
    values; without `source` and `ids` nothing else is, which is several times as fast. Raises Retryable or
    Misconfigured; a page that some shard could not answer is never taken for a whole one.
    """
    client = undecoded(client)
    retrier = Retrier(retry)
    body = _body(query, sort, fields, source, ids, page)
    if versions:
        body["seq_no_primary_term"] = True
    few = min(page, _FEW) if source else page  # doc values alone cost little
    first = _first(client, alias, {**body, "size": few}, retrier)
    if len(first) < few:
        yield from first
        return
    del first
    yield from _pages(client, alias, body, retrier)


def _pages(client: Elasticsearch, alias: str, body: Mapping[str, Any], retrier: Retrier) -> Generator[Hit, None, None]:
    """Page by page, of a view that is opened anew where it is lost."""
    view = _open(client, alias, retrier)
    after: tuple[Any, ...] = ()
    seen: set[str] = set()
    reopened = 0
    try:
        while view is not None:
            try:
                answer = _page(client, view, body, after, retrier)
            except _ViewLost as lost:
                reopened += 1
                if reopened > REOPENED_AT_MOST:
                    raise Retryable("Elasticsearch keeps losing the view of a long read.") from lost
                view = _open(client, alias, retrier)
                # Numbers behind the first sort value may differ in the new view (the index may have moved), so
                # everything of the last moment is read again, and what was given out already is left out.
                after = (*after[:1], *(-1 for _ in body["sort"][1:])) if after else ()
                continue
            hits = answer.hits.hits
            yield from (hit for hit in hits if not (hit.id and hit.id in seen))
            if len(hits) < body["size"]:
                return
            view, last = answer.pit_id or view, hits[-1].sort
            same = {hit.id for hit in hits if hit.sort[0] == last[0]}
            seen = seen | same if after and after[0] == last[0] else same
            after = last
    finally:
        if view is not None:
            _close(client, view)


def _body(
    query: Mapping[str, Any] | None,
    sort: Sequence[Mapping[str, str]],
    fields: Sequence[str],
    source: bool,
    ids: bool,
    page: int,
) -> dict[str, Any]:
    """What all pages of a scan ask alike."""
    body: dict[str, Any] = {
        "query": query or {"match_all": {}},
        "sort": list(sort),
        "size": page,
        "track_total_hits": False,
        "_source": source,
        "docvalue_fields": list(fields),
    }
    return body if source or ids else {**body, "stored_fields": "_none_"}


def _first(client: Elasticsearch, alias: str, body: Mapping[str, Any], retrier: Retrier) -> list[Hit]:
    """A first page, without a view."""

    def send() -> list[Hit]:
        try:
            answer = client.search(index=alias, body=dict(body), allow_partial_search_results=False)
        except NotFoundError as error:
            if error_type(error.body) != "index_not_found_exception":
                raise
            return []
        return _decoder.decode(answer.body).hits.hits

    return retrier.ask(send, "read documents")


class _ViewLost(Exception):
    """The point in time is gone: its node restarted, or nobody asked for a while."""


def _open(client: Elasticsearch, alias: str, retrier: Retrier) -> str | None:
    def send() -> str | None:
        try:
            return str(client.open_point_in_time(index=alias, keep_alive=KEEP_ALIVE).body["id"])
        except NotFoundError as error:
            if error_type(error.body) == "index_not_found_exception":
                return None
            raise

    return retrier.ask(send, "read documents")


def _close(client: Elasticsearch, view: str) -> None:
    """Let the view go. Where that fails it goes by itself soon, so nothing is said."""
    with contextlib.suppress(ApiError, TransportError):
        client.close_point_in_time(id=view)


def _page(
    client: Elasticsearch, view: str, body: Mapping[str, Any], after: tuple[Any, ...], retrier: Retrier
) -> _Answer:
    request = {**body, "pit": {"id": view, "keep_alive": KEEP_ALIVE}}
    if after:
        request["search_after"] = list(after)

    def send() -> _Answer:
        try:
            answer = client.search(body=request, allow_partial_search_results=False)
        except NotFoundError as error:
            if error_type(error.body) == "index_not_found_exception":
                raise
            raise _ViewLost from error
        return _decoder.decode(answer.body)

    return retrier.ask(send, "read documents")


def refresh(client: Elasticsearch, alias: str) -> None:
    """Make all that was written until now visible to searches."""
    with translated("refresh an index"):
        client.indices.refresh(index=alias, ignore_unavailable=True)
