"""What the pipeline did and how it stands, for the operator's dashboard. The store stays the ledger; this is a copy.

One index holds every kind of document; `event.dataset` tells them apart. None holds a reading, a name or a token.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, Literal

import msgspec
from elasticsearch import Elasticsearch
from msgspec import UNSET, UnsetType

from glucoflow.es.bulk import post
from glucoflow.es.encode import Item, encode_delete, encode_stored
from glucoflow.es.error_translation import translated
from glucoflow.es.names import Names
from glucoflow.es.provision import ensure_runs
from glucoflow.es.scan import refresh, scan
from glucoflow.model.errors import Fatal
from glucoflow.model.ingestion import Counts, Window
from glucoflow.model.localtime import epoch_ms

RunDataset = Literal[
    "glucoflow.run",
    "glucoflow.stage",
    "glucoflow.reject",
    "glucoflow.connection",
    "glucoflow.storage",
    "glucoflow.disk",
]
_AT_A_TIME = 5_000


class RunFields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`run.*`. `lag_hours` is how old the newest reading was when the run began.

    `calls` is what it asked of the provider's API, `calls_of_the_hour` what the whole app had asked in the hour until
    its end, of the `calls_cap` it may. `error` is the name of our error's class, `message` and `remedy` its words.
    """

    id: str
    flow: str
    state: Literal["running", "completed", "failed", "interrupted"]
    started: datetime | None = None
    finished: datetime | None = None
    seconds: float | None = None
    lag_hours: float | None = None
    window: Window | None = None
    counts: Counts | None = None
    calls: int | None = None
    calls_of_the_hour: int | None = None
    calls_cap: int | None = None
    error: str | None = None
    message: str | None = None
    remedy: str | None = None


class StageFields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`stage.*`: where the time of a run went for one kind of record. `compute_seconds` is for `summaries` only."""

    kind: str
    fetched: int | None = None
    fetch_seconds: float | None = None
    write_seconds: float | None = None
    store_seconds: float | None = None
    compute_seconds: float | None = None


class RejectFields(msgspec.Struct, frozen=True, kw_only=True):
    """`reject.*`: records that a run met first and rejected. The reason names a field, never its value."""

    kind: str
    field: str
    reason: str
    records: int


class ConnectionFields(msgspec.Struct, frozen=True, kw_only=True):
    """`connection.*`: how a connection stands, `newest` its newest reading's time. What is unset stays as it was."""

    id: str
    state: str | UnsetType = UNSET
    newest: datetime | UnsetType | None = UNSET
    last_success: datetime | UnsetType | None = UNSET
    next_poll: datetime | UnsetType | None = UNSET
    failures: int | UnsetType = UNSET
    error: str | UnsetType | None = UNSET


class StorageFields(msgspec.Struct, frozen=True, kw_only=True):
    """`storage.*`: the size of one person's index, and what it will be in a year."""

    documents: int
    bytes: int
    year_bytes: int


class DiskFields(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`disk.*`: all of glucoflow's indices together, and the room on Elasticsearch's disks where it may be asked."""

    people: int
    bytes: int
    year_bytes: int
    free_bytes: int | None = None
    total_bytes: int | None = None


class _Id(msgspec.Struct, frozen=True):
    id: str


class _Event(msgspec.Struct, frozen=True, omit_defaults=True):
    dataset: RunDataset
    provider: str | None = None


class RunDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename={"timestamp": "@timestamp"}):
    """One document of the runs' index: made by `document`."""

    timestamp: datetime
    event: _Event
    user: _Id | None = None
    connection: ConnectionFields | None = None
    run: RunFields | None = None
    stage: StageFields | None = None
    reject: RejectFields | None = None
    storage: StorageFields | None = None
    disk: DiskFields | None = None


class MetricDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document with its id. One that is there under this id is replaced, or with `update` only in what is set."""

    id: str
    document: RunDocument
    update: bool = False


def document(
    dataset: RunDataset,
    at: datetime,
    *,
    user_id: str | None = None,
    provider: str | None = None,
    connection: ConnectionFields | None = None,
    run: RunFields | None = None,
    stage: StageFields | None = None,
    reject: RejectFields | None = None,
    storage: StorageFields | None = None,
    disk: DiskFields | None = None,
) -> RunDocument:
    """A document of that kind."""
    return RunDocument(
        timestamp=at,
        event=_Event(dataset, provider),
        user=_Id(user_id) if user_id else None,
        connection=connection,
        run=run,
        stage=stage,
        reject=reject,
        storage=storage,
        disk=disk,
    )


def index_metrics(client: Elasticsearch, names: Names, metrics: Iterable[MetricDocument]) -> None:
    """Write them all. Raises our errors; the caller may go on, since the store has what matters."""
    items = [_item(one) for one in metrics]
    if not items:
        return
    rejected = _rejected(client, names, items)
    if rejected:  # the index is not there yet, or was made by an earlier version
        ensure_runs(client, names)
        rejected = _rejected(client, names, items)
    if rejected:
        raise Fatal(
            f"{len(rejected)} of the operator's documents were rejected.",
            remedy="Run `glucoflow provision`; the store holds the same.",
        )


def forget(client: Elasticsearch, names: Names, query: Mapping[str, Any]) -> int:
    """Delete what matches; how many went. Nothing where there is no such index."""
    refresh(client, names.runs)
    found = scan(client, names.runs, query, source=False)
    gone = 0
    while part := [encode_delete(hit.id) for hit in islice(found, _AT_A_TIME)]:
        with translated("delete runs"):
            gone += sum(answer["status"] == 200 for answer in post(client, names.runs, part, alias=True))
    return gone


def ids_of(client: Elasticsearch, names: Names, dataset: RunDataset) -> Iterator[str]:
    """The ids of all documents of a kind that searches see."""
    for hit in scan(client, names.runs, {"term": {"event.dataset": dataset}}, source=False):
        yield hit.id


def metrics_since(client: Elasticsearch, names: Names, dataset: RunDataset, since: datetime) -> bool:
    """Whether a document of the kind was written since then, as far as searches see."""
    within = {"range": {"@timestamp": {"gte": epoch_ms(since), "format": "epoch_millis"}}}
    query = {"bool": {"filter": [{"term": {"event.dataset": dataset}}, within]}}
    with translated("read runs"):
        return bool(client.count(index=names.runs, query=query, ignore_unavailable=True).body["count"])


def _rejected(client: Elasticsearch, names: Names, items: Sequence[Item]) -> list[Mapping[str, Any]]:
    with translated("write a run"):
        answers = post(client, names.runs, items, alias=True)
    return [answer for answer in answers if answer["status"] not in (200, 201)]


def _item(metrics: MetricDocument) -> Item:
    body, key = msgspec.json.encode(metrics.document), msgspec.json.encode(metrics.id)
    if metrics.update:
        return Item(metrics.id, b'{"update":{"_id":%b}}' % key, b'{"doc":%b,"doc_as_upsert":true}' % body)
    return encode_stored(metrics.id, body)
