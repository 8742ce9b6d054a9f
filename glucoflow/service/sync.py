"""The work of the flows, as plain functions: sync or backfill one connection, and say how it went.

One connection's trouble becomes an `Outcome` and a row in the store, never an exception of its batch. Only what stops
everybody (Elasticsearch or the store unusable, a setting wrong) is raised.
"""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

import msgspec

from glucoflow.context import FASTING_MS, TAIL_MS, Meals, Tail
from glucoflow.enrich import Enricher, Owner
from glucoflow.ingest import Ledger, ingest, plan, progress
from glucoflow.model.errors import GlucoflowError, Misconfigured, Reauthorize, Retryable, Unavailable
from glucoflow.model.ingestion import Counts, Kind, Window
from glucoflow.provider import Connector
from glucoflow.service.run_metrics import RunUsage, record_connections, record_run, record_summaries
from glucoflow.service.runtime import Runtime
from glucoflow.service.schedule import after_failure, next_poll
from glucoflow.service.summaries import summarize_after
from glucoflow.stopwatch import Stopwatch
from glucoflow.store import SYNC, Connection, Run

log = logging.getLogger(__name__)

DEEP_EVERY = timedelta(hours=24)

Status = Literal["ok", "retry", "reauthorize", "failed"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one connection's turn went; `message` and `remedy` are for its person."""

    connection_id: str
    user_id: str
    status: Status
    counts: Counts = Counts()
    message: str = ""
    remedy: str = ""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with a connection: an ordinary sync (no window), or a backfill of a window and some kinds."""

    flow: Literal["sync", "backfill"]
    window: Window | None = None
    kinds: tuple[Kind, ...] = ()

    @property
    def scope(self) -> str:
        """Whose checkpoints these are: a backfill has its own, so that it resumes and never moves a sync's."""
        if self.window is None:
            return SYNC
        return f"{self.flow} {self.window.start.isoformat()} {self.window.end.isoformat()}"


SYNC_JOB = Job(flow="sync")


def run_job(
    rt: Runtime,
    connection: Connection,
    job: Job,
    owner: str,
    on_progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Do the job for one leased connection, write down how it went, and release the lease.

    `on_progress` is told the share done, 0 to 1, after each page.

    Raises Unavailable or Misconfigured where the fault is not this connection's.
    """
    started = rt.clock()
    deep = job.window is None and _deep_due(connection, started)
    run = rt.store.runs.start(
        job.flow, started, user_id=connection.user_id, connection_id=connection.id, window=job.window
    )
    spent = RunUsage()
    try:
        _Turn(rt, connection, job, run, owner, started, deep, spent, on_progress).work()
        return _succeeded(rt, connection, job, run, owner, deep, spent)
    except GlucoflowError as error:
        outcome = _failed(rt, connection, error, run, owner, spent)
        if isinstance(error, Unavailable | Misconfigured):
            raise
        return outcome
    finally:
        rt.store.leases.release(connection.id, owner)


def sync_due(
    rt: Runtime, owner: str, do_batch: Callable[[Sequence[Connection]], list[Outcome]], user_id: str | None = None
) -> list[Outcome]:
    """Claim what is due (of a named person: all, due or not), and give it to `do_batch` batch by batch.

    Each connection gets one turn, however long the whole takes.
    """
    rt.store.runs.reap(rt.clock(), older_than=2 * rt.lease)
    outcomes: list[Outcome] = []
    seen: set[str] = set()
    try:
        while True:
            claimed = rt.store.leases.claim_due(
                owner, rt.clock(), rt.lease, rt.settings.sync.batch_size, user_id, force=user_id is not None
            )
            fresh = [connection for connection in claimed if connection.id not in seen]
            if not fresh:
                return outcomes
            seen.update(connection.id for connection in fresh)
            outcomes += do_batch(fresh)
    finally:
        rt.store.leases.release_all(owner)
        record_connections(rt)


def run_batch(rt: Runtime, connections: Sequence[Connection], job: Job, owner: str, threads: int) -> list[Outcome]:
    """Do the job for each, `threads` at a time, and compute what follows from it; outcomes in the same order.

    When one raises (Elasticsearch gone, say), those not yet begun are given back and the error is raised.
    """
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="glucoflow") as pool:
        # Prefect knows its run by a context variable, which a plain pool does not pass on by itself.
        futures = [pool.submit(copy_context().run, _with_summaries, rt, one, job, owner) for one in connections]
        try:
            return [future.result() for future in futures]
        except BaseException:
            for future in futures:
                future.cancel()
            raise
        finally:
            rt.store.leases.release_all(owner)


def _with_summaries(rt: Runtime, connection: Connection, job: Job, owner: str) -> Outcome:
    """The job, then the summaries of what it wrote since the last success: an earlier failure's pages included."""
    outcome = run_job(rt, connection, job, owner)
    if outcome.status == "ok":
        begun = time.perf_counter()
        summarize_after(rt, connection.user_id, connection.last_success_at, job.window)
        record_summaries(rt, connection, time.perf_counter() - begun)
    return outcome


class _Turn:
    """One connection's turn: its connector, checkpoints and progress while it lasts."""

    def __init__(
        self,
        rt: Runtime,
        connection: Connection,
        job: Job,
        run: Run,
        owner: str,
        started: datetime,
        deep: bool,
        spent: RunUsage,
        on_progress: Callable[[float], None] | None,
    ) -> None:
        self._rt = rt
        self._connection = connection
        self._job = job
        self._run = run
        self._started = started
        self._deep = deep
        self._on_progress = on_progress
        self._spent = spent
        self._person = rt.store.people.get(connection.user_id)
        self._provider = rt.providers.get(connection.provider)
        self._polling = rt.providers.polling(connection.provider, connection.region)
        self._ledger: Ledger = rt.store.ledger(connection.id, run.id, owner, scope=job.scope, lease_for=rt.lease)

    def work(self) -> None:
        provider, region = self._connection.provider, self._connection.region
        renew = self._rt.providers.renew(provider, region)
        credentials = self._rt.store.credentials.source(self._connection.id, renew, self._rt.clock)
        connector = self._rt.providers.connector(provider, region, credentials, self._started, self._spent.count_call)
        try:
            kinds = [k for k in self._provider.kinds if not self._job.kinds or k in self._job.kinds]
            for done, kind in enumerate(kinds):
                self._kind(connector, kind, partial(self._report, done, len(kinds)))
        finally:
            connector.close()

    def _kind(self, connector: Connector, kind: Kind, report: Callable[[float], None]) -> None:
        window = self._window(connector, kind)
        if window is None:
            return
        enricher = self._enricher(kind, window)
        sink = self._rt.sink(self._connection.user_id)
        watch, done = Stopwatch(), Counts()

        def on_page(page: Window, counts: Counts) -> None:
            nonlocal done
            done = counts
            report(progress(window, page.end))

        try:
            ingest(
                connector, kind, window, enricher, sink, self._ledger, self._started,
                on_page=on_page, on_point=self._rt.on_point, watch=watch,
            )  # fmt: skip
        finally:
            self._spent.add(kind, done, watch)

    def _window(self, connector: Connector, kind: Kind) -> Window | None:
        checkpoint = self._ledger.checkpoint(kind)
        if self._job.window is not None:
            start = max(self._job.window.start, checkpoint or self._job.window.start)
            end = min(self._job.window.end, self._started)
            return Window(start, end) if start < end else None
        since = self._connection.last_success_at if checkpoint is not None else None
        return plan(
            self._polling,
            connector.extent(kind),
            connector.extent(kind, since) if since is not None else None,
            checkpoint,
            self._started,
            self._deep,
        )

    def _enricher(self, kind: Kind, window: Window) -> Enricher:
        quirks = self._provider.quirks
        owner = Owner(
            user_id=self._connection.user_id,
            connection_id=self._connection.id,
            provider=self._connection.provider,
            zone=self._person.zone,
            sample_interval_ms=quirks.sample_interval_ms,
            delivers_meals=quirks.delivers_meals,
            sensor_limits=quirks.sensor_limits,
        )
        if kind != "readings":
            return Enricher(owner, kind)
        meals_from = window.start - timedelta(milliseconds=FASTING_MS)
        intake = self._rt.queries.meals(owner.user_id, meals_from, window.end)
        before = self._rt.queries.tail(
            owner.user_id, window.start, timedelta(milliseconds=TAIL_MS), self._connection.id
        )
        tail = Tail(before.times_ms, before.mg_dl, before.devices)
        return Enricher(owner, kind, Meals(intake.meals_ms, intake.boluses_ms), tail)

    def _report(self, done: int, of: int, share_of_this: float) -> None:
        share = (done + share_of_this) / of
        self._rt.store.runs.update_progress(self._run.id, share, self._rt.clock())
        if self._on_progress:
            self._on_progress(share)


def _deep_due(connection: Connection, now: datetime) -> bool:
    return connection.last_deep_at is None or now - connection.last_deep_at >= DEEP_EVERY


def _succeeded(
    rt: Runtime, connection: Connection, job: Job, run: Run, owner: str, deep: bool, spent: RunUsage
) -> Outcome:
    finished = rt.store.runs.finish(run.id, "completed", rt.clock())
    record_run(rt, connection, finished, spent)
    if job.window is None:
        at = next_poll(rt.providers.polling(connection.provider, connection.region), rt.clock(), rt.random)
        rt.store.connections.record_success(connection.id, rt.clock(), deep=deep, next_poll_at=at, owner=owner)
    return Outcome(connection_id=connection.id, user_id=connection.user_id, status="ok", counts=finished.counts)


def _failed(
    rt: Runtime, connection: Connection, error: GlucoflowError, run: Run, owner: str, spent: RunUsage
) -> Outcome:
    """Write the failure down where the person sees it, and when to try again."""
    now = rt.clock()
    polling = rt.providers.polling(connection.provider, connection.region)

    def again(failures: int, retry_after: float | None) -> datetime:
        return after_failure(polling, now, failures, retry_after, rt.random)

    error = rt.store.connections.record_error(connection.id, error, now, again, owner=owner)
    finished = rt.store.runs.finish(run.id, "failed", now, message=error.message, remedy=error.remedy)
    if not isinstance(error, Unavailable | Misconfigured):
        record_run(rt, connection, finished, spent, type(error).__name__)
    log.warning("%s of a connection failed: %s", run.flow, type(error).__name__, extra={"run_id": run.id})
    status: Status = "failed"
    if isinstance(error, Reauthorize):
        status = "reauthorize"
    elif isinstance(error, Retryable):
        status = "retry"
    return Outcome(
        connection_id=connection.id,
        user_id=connection.user_id,
        status=status,
        counts=finished.counts,
        message=error.message,
        remedy=error.remedy,
    )
