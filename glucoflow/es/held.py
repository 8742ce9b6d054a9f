"""What a person's index holds where a sync is about to read: looked at once, so that no news cost nothing more."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from elasticsearch import Elasticsearch

from glucoflow.es.answers import Before, Intake, before_of, typed
from glucoflow.es.error_translation import OVERLOADED, translated
from glucoflow.es.names import Names
from glucoflow.es.queries import MOST_ROWS, only
from glucoflow.es.scan import refresh
from glucoflow.model.errors import Fatal, Retryable
from glucoflow.model.ingestion import Window
from glucoflow.model.localtime import epoch_ms

_OF_A_DOCUMENT = ["event.hash", "event.dataset", "event.id", "connection.id"]
_WITHOUT = {"excludes": ["payload", "summary.missing"]}
_ANSWER = ("responses.status", "responses.error.type", "responses.hits.hits")
_MOST_BEFORE = 1_000


class Stored(msgspec.Struct, frozen=True):
    """What is known of one document."""

    hash: str
    time_ms: int
    dataset: str
    connection_id: str = ""
    record_id: str | None = None
    seq_no: int = 0
    primary_term: int = 0
    """Which version it is, for a write on condition that nobody wrote in between; 0 where that is not known."""


class Held:
    """Documents by id, as of one look: all of one provider with a time of `since` or later; nothing, without a look.

    The sinks of a turn share it. What they write or delete leaves it.
    """

    def __init__(self, stored: Mapping[str, Stored] | None = None, since: datetime | None = None) -> None:
        self._stored = dict(stored or {})
        self._since = since
        self._written: set[str] = set()
        self._newest_written: dict[str, int] = {}

    def __bool__(self) -> bool:
        return bool(self._stored)

    def same(self, key: str, content: str) -> bool:
        """Whether a document is there with this hash."""
        known = self._stored.get(key)
        return known is not None and known.hash == content

    def version(self, key: str) -> Stored | None:
        """What is there under this id, where it is known which version that is."""
        known = self._stored.get(key)
        return known if known is not None and known.primary_term else None

    def changes(self, key: str, dataset: str = "", time_ms: int = 0) -> None:
        """It is about to be written (then of which dataset and time), or deleted."""
        self._stored.pop(key, None)
        if dataset:
            self._written.add(dataset)
            self._newest_written[dataset] = max(time_ms, self._newest_written.get(dataset, 0))

    def is_fresh(self, datasets: Iterable[str]) -> bool:
        """Whether searches see all of these that was written until now, as far as this turn knows."""
        return self._since is not None and self._written.isdisjoint(datasets)

    def elsewhere(self, datasets: Sequence[str], records: Collection[str], standing: Collection[str]) -> list[str]:
        """Documents of these records that do not stand: one was moved, and whoever wrote it did not come to the end."""
        return [
            key
            for key, one in self._stored.items()
            if one.record_id in records and one.dataset in datasets and key not in standing
        ]

    def of(self, datasets: Sequence[str], connection_id: str, window: Window) -> dict[str, Stored]:
        """What came by a connection and lies in a window, as far as the look reached."""
        if self._since is None:
            return {}
        start, end = epoch_ms(max(window.start, self._since)), epoch_ms(window.end)
        return {
            key: one
            for key, one in self._stored.items()
            if start <= one.time_ms < end and one.connection_id == connection_id and one.dataset in datasets
        }

    def newest(self, dataset: str) -> int | None:
        """The time of the newest document of a dataset, in epoch ms; None where that is not known."""
        if self._since is None:
            return None
        held = (one.time_ms for one in self._stored.values() if one.dataset == dataset)
        return max([*held, *filter(None, [self._newest_written.get(dataset)])], default=None)


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """One look: what is held, and what readings from `readings_from` on depend on."""

    held: Held
    readings_from: datetime
    intake: Intake
    before: Before


def look(
    client: Elasticsearch,
    names: Names,
    user_id: str,
    *,
    provider: str,
    connection_id: str,
    since: datetime,
    readings_from: datetime,
    fasting: timedelta,
    tail: timedelta,
) -> Sight | None:
    """Two requests, whatever there is. None where there are more meals than one answer holds.

    Raises Retryable or Misconfigured.
    """
    alias = names.alias(user_id)
    refresh(client, alias)
    asked = _questions(provider, connection_id, since, readings_from, fasting, tail)
    whole = {"allow_partial_search_results": False}
    with translated("read documents"):
        answer = client.msearch(
            index=alias, searches=[part for one in asked for part in (whole, one)], filter_path=_ANSWER
        )
    held, meals, short, last = (_hits(one) for one in answer.body["responses"])
    if len(meals) == MOST_ROWS:
        return None
    reached = since if len(held) < MOST_ROWS else _moment(held[-1]) + timedelta(milliseconds=1)
    return Sight(
        held=Held({hit["_id"]: _stored(hit) for hit in held}, reached),
        readings_from=readings_from,
        intake=_intake(meals),
        before=before_of(map(typed, short or last)),
    )


def _questions(
    provider: str,
    connection_id: str,
    since: datetime,
    readings_from: datetime,
    fasting: timedelta,
    tail: timedelta,
) -> list[dict[str, Any]]:
    """What is held; meals and boluses; the readings just before, or else the last one before."""
    # What devices say of themselves is asked for without dates, however old it is.
    near = {"bool": {"should": [_from(since), {"terms": {"event.dataset": ["device.status", "device.settings"]}}]}}
    by_provider = {"bool": {"filter": [{"term": {"event.provider": provider}}, near]}}
    readings = ["cgm.reading"]
    return [
        {**_search(by_provider, MOST_ROWS, "desc", _OF_A_DOCUMENT), "seq_no_primary_term": True},
        _search(only(["food", "insulin.bolus"], readings_from - fasting), MOST_ROWS, "asc", ["event.dataset"]),
        _search(only(readings, readings_from - tail, readings_from, connection_id), _MOST_BEFORE, "asc", _WITHOUT),
        _search(only(readings, None, readings_from, connection_id), 1, "desc", _WITHOUT),
    ]


def _from(since: datetime) -> dict[str, Any]:
    return {"range": {"@timestamp": {"gte": epoch_ms(since), "format": "epoch_millis"}}}


def _search(query: Mapping[str, Any], size: int, order: str, source: Any) -> dict[str, Any]:
    sort = [{"@timestamp": order}, {"_seq_no": order}]
    return {"query": query, "size": size, "sort": sort, "_source": source, "track_total_hits": False}


def _hits(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    status = answer.get("status", 200)
    if status in OVERLOADED:
        raise Retryable(f"Elasticsearch is overloaded or not ready: status {status} (read documents).")
    if status != 200 and answer.get("error", {}).get("type") != "index_not_found_exception":
        raise Fatal(f"Elasticsearch refused a search: status {status}, {answer.get('error', {}).get('type')}.")
    found: list[Mapping[str, Any]] = answer.get("hits", {}).get("hits", [])
    return found


def _stored(hit: Mapping[str, Any]) -> Stored:
    source = hit["_source"]
    event = source.get("event", {})
    return Stored(
        event.get("hash") or "",
        hit["sort"][0],
        event.get("dataset", ""),
        source.get("connection", {}).get("id", ""),
        event.get("id"),
        hit.get("_seq_no", 0),
        hit.get("_primary_term", 0),
    )


def _intake(hits: Sequence[Mapping[str, Any]]) -> Intake:
    times: dict[str, list[int]] = {"food": [], "insulin.bolus": []}
    for hit in hits:
        times[hit["_source"]["event"]["dataset"]].append(hit["sort"][0])
    return Intake(times["food"], times["insulin.bolus"])


def _moment(hit: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(hit["sort"][0] / 1000, UTC)
