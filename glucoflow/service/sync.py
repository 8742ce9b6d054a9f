"""The work of the flows, as plain functions: sync or backfill one connection, and say how it went.

One connection's trouble becomes an `Outcome` and a row in the store, never an exception of its batch. Only what stops
everybody (Elasticsearch or the store unusable, a setting wrong) is raised.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from glucoflow.logs import about
from glucoflow.model.errors import GlucoflowError, Misconfigured, Reauthorize, Retryable, Unavailable, Unreadable
from glucoflow.model.ingestion import Counts
from glucoflow.provider import Polling
from glucoflow.reading import ConnectionStopped, unforeseen
from glucoflow.service.jobs import MAIN, Job, Outcome, Status, unread_words
from glucoflow.service.provider_clock import (
    AHEAD_REMEDY,
    CLOCK_REMEDY,
    WORTH_SAYING,
    ClockWrong,
    ahead_words,
    clock_words,
)
from glucoflow.service.run_metrics import record_run
from glucoflow.service.runtime import Runtime
from glucoflow.service.schedule import after_failure, next_poll
from glucoflow.service.turn import Turn
from glucoflow.store import Connection, Run

log = logging.getLogger(__name__)

NOT_UPLOADED = "What is held from elsewhere could not be uploaded there; it is tried again by itself."
REFILLED = "The person's index had vanished. It was made anew, and everything that the provider has is read again."


def run_job(
    rt: Runtime,
    connection: Connection,
    job: Job,
    owner: str,
    on_progress: Callable[[float], None] | None = None,
) -> Outcome:
    """Do the job for one leased connection, write down how it went, and release the lease.

    `on_progress` is told the share done, 0 to 1, after each page.

    Raises Unavailable or Misconfigured where the fault is not this connection's: Elasticsearch, the store.
    """
    try:
        return _done(rt, connection, job, owner, on_progress)
    except Exception:
        if rt.store.connections.find(connection.id) is not None:
            raise
        return _deleted(connection)
    finally:
        rt.store.leases.release(connection.id, owner)


def _done(
    rt: Runtime, connection: Connection, job: Job, owner: str, on_progress: Callable[[float], None] | None
) -> Outcome:
    """The job, with its run on record."""
    run = rt.store.runs.start(
        job.flow, rt.clock(), user_id=connection.user_id, connection_id=connection.id, window=job.window
    )
    with about(run_id=run.id, user_id=connection.user_id, connection_id=connection.id):
        return _worked(rt, connection, job, run, owner, Turn(rt, connection, job, run, owner, on_progress))


def _worked(rt: Runtime, connection: Connection, job: Job, run: Run, owner: str, turn: Turn) -> Outcome:
    """What the job came to."""
    try:
        turn.work()
        missed = _missed(turn, job)
        if missed is None:
            return _succeeded(rt, connection, job, run, owner, turn)
        return _failed(rt, connection, missed, run, owner, turn)
    except ConnectionStopped as stop:
        return _failed(rt, connection, stop.error, run, owner, turn)
    except GlucoflowError as error:
        outcome = _failed(rt, connection, error, run, owner, turn)
        if isinstance(error, Unavailable | Misconfigured):
            raise
        return outcome
    except Exception as error:  # noqa: BLE001 – what nobody foresaw costs this connection, and no other
        return _failed(rt, connection, unforeseen(error, f"the {job.flow} of a connection"), run, owner, turn)
    finally:
        _note_clock(rt, connection, turn.clock_ahead)


def _deleted(connection: Connection) -> Outcome:
    """The person went while they were read: nobody is to be told, and nothing of it is to be kept."""
    return Outcome(
        connection_id=connection.id,
        user_id=connection.user_id,
        status="failed",
        message="The person was deleted while they were read; nothing of it was kept.",
    )


def _missed(turn: Turn, job: Job) -> GlucoflowError | None:
    """What makes the turn a failure: no readings, or nothing at all. Of a backfill, whatever it is to go on with."""
    if not turn.stopped:
        return None
    if job.window is None and turn.kinds_read and MAIN not in turn.stopped:
        return None
    return turn.stopped.get(MAIN) or next(iter(turn.stopped.values()))


def _succeeded(rt: Runtime, connection: Connection, job: Job, run: Run, owner: str, turn: Turn) -> Outcome:
    unread = rt.store.unread.list(connection_id=connection.id)
    message, remedy = unread_words(unread, turn.zone) if unread else ("", "")
    if abs(turn.clock_ahead) > WORTH_SAYING:
        message = f"{message} {clock_words(turn.clock_ahead, connection.provider)}".strip()
        remedy = f"{remedy} {CLOCK_REMEDY}".strip()
    if turn.records_until is not None:
        message = f"{message} {ahead_words(turn.records_until, turn.zone)}".strip()
        remedy = f"{remedy} {AHEAD_REMEDY}".strip()
    if turn.not_uploaded is not None:
        message = f"{message} {NOT_UPLOADED} {turn.not_uploaded.message}".strip()
        remedy = f"{remedy} {turn.not_uploaded.remedy}".strip()
    about_run = f"{REFILLED} {message}".strip() if turn.refilled else message
    finished = rt.store.runs.finish(run.id, "completed", rt.clock(), message=about_run, remedy=remedy)
    if job.window is None:
        if turn.records_until != connection.records_until:
            rt.store.connections.note_records_until(connection.id, turn.records_until)
        polling = rt.providers.polling(connection.provider, connection.region)
        at = next_poll(polling, rt.clock(), rt.random, turn.newest, turn.interval)
        deep = turn.deep and not turn.stopped
        rt.store.connections.record_success(
            connection.id,
            rt.clock(),
            deep=deep,
            next_poll_at=at,
            owner=owner,
            trouble=(message, remedy) if message else None,
        )
    record_run(rt, connection, finished, turn.usage, "Unread" if unread else None, turn.newest_ms)
    return Outcome(
        connection_id=connection.id,
        user_id=connection.user_id,
        status="partial" if unread else "ok",
        counts=finished.counts,
        message=message,
        remedy=remedy,
        exit_code=Unreadable.exit_code if unread else 0,
        vanished=turn.vanished,
    )


def _failed(rt: Runtime, connection: Connection, error: GlucoflowError, run: Run, owner: str, turn: Turn) -> Outcome:
    """Write the failure down where the person sees it, and when to try again."""
    now = error.theirs if isinstance(error, ClockWrong) else rt.clock()

    def again(failures: int, retry_after: float | None) -> datetime:
        return after_failure(polling_of(rt, connection), now, failures, retry_after, rt.random)

    error = rt.store.connections.record_error(connection.id, error, now, again, owner=owner)
    counts = _end(rt, connection, error, run, now, turn)
    log.warning("%s of a connection failed: %s", run.flow, type(error).__name__, extra={"run_id": run.id})
    status: Status = "failed"
    if isinstance(error, Reauthorize):
        status = "reauthorize"
    elif isinstance(error, Retryable | Unreadable):
        status = "retry"
    return Outcome(
        connection_id=connection.id,
        user_id=connection.user_id,
        status=status,
        counts=counts,
        message=error.message,
        remedy=error.remedy,
        exit_code=error.exit_code,
    )


def polling_of(rt: Runtime, connection: Connection) -> Polling:
    """As the provider wants it; where its package or settings are gone, something."""
    try:
        return rt.providers.polling(connection.provider, connection.region)
    except Misconfigured:
        return Polling(shortest=timedelta(hours=1), longest=timedelta(hours=1))


def _end(rt: Runtime, connection: Connection, error: GlucoflowError, run: Run, now: datetime, turn: Turn) -> Counts:
    """The run's end, and what it did. One by a clock that is days off leaves no trace: its times are wrong."""
    if isinstance(error, ClockWrong):
        rt.store.runs.discard(run.id)
        return Counts()
    finished = rt.store.runs.finish(run.id, "failed", now, message=error.message, remedy=error.remedy)
    if not isinstance(error, Unavailable | Misconfigured):
        record_run(rt, connection, finished, turn.usage, type(error).__name__)
    return finished.counts


def _note_clock(rt: Runtime, connection: Connection, ahead: timedelta) -> None:
    """Keep how far our clock is off, where that is worth saying."""
    seconds = round(ahead.total_seconds()) if abs(ahead) > WORTH_SAYING else None
    if seconds != connection.clock_ahead_s and rt.store.connections.find(connection.id) is not None:
        rt.store.connections.note_clock(connection.id, seconds)
