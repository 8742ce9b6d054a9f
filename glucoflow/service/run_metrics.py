"""What the operator's dashboard shows, written to Elasticsearch: each run, how connections stand, how large all is.

The store keeps the original of what matters, so that a failure here is logged and stops nothing.
"""

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import msgspec

from glucoflow.es import run_metrics as runs
from glucoflow.es.run_metrics import ConnectionFields, MetricDocument, RejectFields, RunFields, StageFields, document
from glucoflow.es.sizes import room, sizes
from glucoflow.ingest import Stopwatch
from glucoflow.model.errors import GlucoflowError
from glucoflow.model.ingestion import Counts, Kind
from glucoflow.service.overdue import OVERDUE, waiting
from glucoflow.service.runtime import Runtime
from glucoflow.store import Connection, Run

log = logging.getLogger(__name__)

MEASURE_EVERY = timedelta(hours=1)


class RunUsage(msgspec.Struct):
    """What a turn used up while it lasted: calls of the provider's API, and time by kind of record."""

    calls: int = 0
    stages: list[StageFields] = msgspec.field(default_factory=list)

    def count_call(self) -> None:
        self.calls += 1

    def add(self, kind: Kind, counts: Counts, watch: Stopwatch) -> None:
        self.stages.append(
            StageFields(
                kind=kind,
                fetched=counts.fetched,
                fetch_seconds=watch.seconds("fetch"),
                write_seconds=watch.seconds("write"),
                store_seconds=watch.seconds("store"),
            )
        )


def record_run(
    rt: Runtime,
    connection: Connection,
    run: Run,
    usage: RunUsage,
    error: str | None = None,
    newest_ms: int | None = None,
) -> None:
    """The run, its stages, its rejected records, and the connection's newest reading, which is looked for if not given.

    `error` is our error's class.
    """
    ended = run.finished_at or rt.clock()

    def metrics() -> Iterator[MetricDocument]:
        last = newest_ms
        if last is None:
            last = next(reversed(rt.queries.tail(connection.user_id, ended, timedelta(minutes=1)).times_ms), None)
        newest = None if last is None else datetime.fromtimestamp(last / 1000, UTC)
        make = partial(document, user_id=connection.user_id, provider=connection.provider)
        whose = ConnectionFields(id=connection.id)
        fields = _run_fields(rt, connection, run, ended, newest, usage, error)
        yield MetricDocument(id=run.id, document=make("glucoflow.run", ended, run=fields, connection=whose))
        for stage in usage.stages:
            made = make("glucoflow.stage", ended, stage=stage, connection=whose)
            yield MetricDocument(id=f"{run.id}-{stage.kind}", document=made)
        for number, one in enumerate(rt.store.rejected_records.counts(run_id=run.id)):
            reject = RejectFields(kind=one.kind, field=one.field, reason=one.reason, records=one.n)
            made = make("glucoflow.reject", ended, reject=reject, connection=whose)
            yield MetricDocument(id=f"{run.id}-reject-{number}", document=made)
        stands = rt.store.connections.find(connection.id)
        if stands is not None:
            seen = msgspec.structs.replace(_fields(stands), newest=newest)
            made = make("glucoflow.connection", ended, connection=seen)
            yield MetricDocument(id=_connection_key(connection.id), document=made, update=True)

    _write(rt, "a run", lambda: list(metrics()))


def record_summaries(rt: Runtime, connection: Connection, seconds: float) -> None:
    """How long the figures that follow from a run took."""
    stage = StageFields(kind="summaries", compute_seconds=seconds)
    made = document(
        "glucoflow.stage", rt.clock(), user_id=connection.user_id, provider=connection.provider, stage=stage
    )
    _write(rt, "the time of summaries", lambda: [MetricDocument(id=uuid4().hex, document=made)])


def record_after(rt: Runtime, began: datetime, runs_done: int) -> None:
    """What is recorded when so many runs of a sync that began then are over, each of which recorded its own connection.

    Once an hour it is everything, and where nothing was due, or somebody is overdue.
    """
    before = [one for one in rt.store.runs.list(flow="sync", limit=runs_done + 1) if one.started_at < began]
    if not runs_done or not before or _hour(before[0].started_at) != _hour(began) or _late(rt):
        record_connections(rt)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def record_connections(rt: Runtime) -> None:
    """How every connection stands, and once an hour how large everybody's index is."""
    _write(rt, "the connections", lambda: _connections(rt))
    _write(rt, "the sizes", lambda: _sizes(rt))


def _write(rt: Runtime, what: str, metrics: Callable[[], Sequence[MetricDocument]]) -> None:
    try:
        runs.index_metrics(rt.client, rt.names, metrics())
    except GlucoflowError as error:
        log.warning("%s could not be written for the operator's dashboard: %s", what, type(error).__name__)


def _run_fields(
    rt: Runtime,
    connection: Connection,
    run: Run,
    ended: datetime,
    newest: datetime | None,
    usage: RunUsage,
    error: str | None,
) -> RunFields:
    used = rt.providers.used(connection.provider, connection.region)
    return RunFields(
        id=run.id,
        flow=run.flow,
        state=run.state,
        started=run.started_at,
        finished=ended,
        seconds=(ended - run.started_at).total_seconds(),
        lag_hours=None if newest is None else (run.started_at - newest) / timedelta(hours=1),
        window=run.window,
        counts=run.counts,
        calls=usage.calls,
        calls_of_the_hour=used.calls if used else None,
        calls_cap=used.cap if used else None,
        error=error,
        message=run.message or None,
        remedy=run.remedy or None,
    )


def _connections(rt: Runtime) -> list[MetricDocument]:
    """All that there are. Documents of those that are gone (their person was deleted) are removed."""
    connections = rt.store.connections.list()
    keys = {_connection_key(one.id) for one in connections}
    gone = [key for key in runs.ids_of(rt.client, rt.names, "glucoflow.connection") if key not in keys]
    if gone:
        runs.forget(rt.client, rt.names, {"ids": {"values": gone}})
    late, now = _late(rt), rt.clock()
    return [_connection(one, OVERDUE if one.id in late else one.state, now) for one in connections]


def _late(rt: Runtime) -> set[str]:
    """The connections that nothing takes though they are due."""
    interval = timedelta(minutes=rt.settings.sync.every_minutes)
    return {one.id for one in waiting(rt.store, rt.store.connections.list(), rt.clock(), interval)}


def _connection(one: Connection, state: str, now: datetime) -> MetricDocument:
    fields = msgspec.structs.replace(_fields(one), state=state)
    made = document("glucoflow.connection", now, user_id=one.user_id, provider=one.provider, connection=fields)
    return MetricDocument(id=_connection_key(one.id), document=made, update=True)


def _fields(one: Connection) -> ConnectionFields:
    return ConnectionFields(
        id=one.id,
        state=one.state,
        last_success=one.last_success_at,
        next_poll=one.next_poll_at,
        failures=one.failures,
        error=one.last_error,
    )


def _connection_key(connection_id: str) -> str:
    return f"connection-{connection_id}"


def _sizes(rt: Runtime) -> list[MetricDocument]:
    now = rt.clock()
    if runs.metrics_since(rt.client, rt.names, "glucoflow.disk", now - MEASURE_EVERY):
        return []
    day, measured, free = f"{now:%Y-%m-%d}", sizes(rt.client, rt.names, now), room(rt.client)
    stored = [
        MetricDocument(
            id=f"storage-{one.user_id}-{day}",
            document=document(
                "glucoflow.storage",
                now,
                user_id=one.user_id,
                storage=runs.StorageFields(documents=one.documents, bytes=one.bytes, year_bytes=one.year_bytes),
            ),
        )
        for one in measured
    ]
    disk = runs.DiskFields(
        people=len(measured),
        bytes=sum(one.bytes for one in measured),
        year_bytes=sum(one.year_bytes for one in measured),
        free_bytes=free.free_bytes if free else None,
        total_bytes=free.total_bytes if free else None,
    )
    return [*stored, MetricDocument(id=f"disk-{day}", document=document("glucoflow.disk", now, disk=disk))]
