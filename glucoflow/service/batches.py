"""Everybody who is due, batch by batch: claimed, done by a few threads at a time, and what follows from it computed."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import replace
from datetime import timedelta

from glucoflow.es.gathering import Table, gathered
from glucoflow.es.queries import Queries
from glucoflow.service.jobs import SYNC_NOW, Job, Outcome
from glucoflow.service.run_metrics import record_after, record_summaries
from glucoflow.service.runtime import Runtime
from glucoflow.service.schedule import after_maintenance
from glucoflow.service.summaries import summarize_after
from glucoflow.service.sync import polling_of, run_job
from glucoflow.store import Connection, new_owner


def sync_due(
    rt: Runtime, owner: str, do_batch: Callable[[Sequence[Connection]], list[Outcome]], user_id: str | None = None
) -> list[Outcome]:
    """Claim what is due (of a named person: all, due or not), and give it to `do_batch` batch by batch.

    Each connection gets one turn, however long the whole takes.
    """
    began = rt.clock()
    rt.store.runs.reap(began, older_than=2 * rt.lease)
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
            asked = [one for one in fresh if user_id is not None or not _put_off(rt, one, owner)]
            if asked:
                outcomes += do_batch(asked)
    finally:
        rt.store.leases.release_all(owner)
        record_after(rt, began, len(seen))


def _put_off(rt: Runtime, connection: Connection, owner: str) -> bool:
    """Whether its provider wants to be left alone just now, as where a machine wakes up in the maintenance window."""
    now = rt.clock()
    later = after_maintenance(polling_of(rt, connection), now, rt.random)
    if later == now:
        return False
    rt.store.connections.schedule(connection.id, later)
    rt.store.leases.release(connection.id, owner)
    return True


def replay(rt: Runtime, user_id: str | None = None) -> list[Outcome]:
    """Sync everybody (or one person) who has rejected records, the windows of these included.

    The provider is asked once more: it may have corrected them, and what is understood now is stored as it is today.
    """
    asked = rt.clock() - timedelta(seconds=1)  # a turn reads again what was known before it began
    people = rt.store.rejected_records.ask_again(asked, user_id)
    return [outcome for one in people for outcome in _synced(rt, one)]


def _synced(rt: Runtime, user_id: str) -> list[Outcome]:
    owner, threads = new_owner(), rt.settings.sync.threads
    return sync_due(rt, owner, lambda batch: run_batch(rt, batch, SYNC_NOW, owner, threads), user_id)


def run_batch(rt: Runtime, connections: Sequence[Connection], job: Job, owner: str, threads: int) -> list[Outcome]:
    """Do the job for each, `threads` at a time, and compute what follows from it; outcomes in the same order.

    What they ask of Elasticsearch at the same moment goes there as one request (`es.gathering`). When one raises
    (Elasticsearch gone, say), those not yet begun are given back and the error is raised, once those under way ended.
    """
    try:
        table = Table(rt.settings.sync.gather_seconds, len(connections), threads)
        client = gathered(rt.client, table)
        rt = replace(rt, client=client, queries=Queries(client, rt.names))
        with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="glucoflow") as pool:

            def do(connection: Connection) -> Outcome:
                with table.taking_part():
                    return _with_summaries(rt, connection, job, owner)

            # Prefect knows its run by a context variable, which a plain pool does not pass on by itself.
            futures = [pool.submit(copy_context().run, do, one) for one in connections]
            try:
                return [future.result() for future in futures]
            except BaseException:
                for future in futures:
                    future.cancel()
                raise
    finally:
        rt.store.leases.release_all(owner)  # no thread is left that could work on without its lease


def _with_summaries(rt: Runtime, connection: Connection, job: Job, owner: str) -> Outcome:
    """The job, then the summaries of what it wrote since the last success: an earlier failure's pages included.

    Where the provider failed in the middle, what came before it counts.
    """
    outcome = run_job(rt, connection, job, owner)
    follows = outcome.status in ("ok", "partial") or (outcome.status == "retry" and outcome.counts.created)
    if follows and not _nothing_follows(rt, connection, outcome):
        begun = time.perf_counter()
        summarize_after(rt, connection.user_id, connection.last_success_at, job.window)
        if outcome.vanished is not None:
            summarize_after(rt, connection.user_id, None, outcome.vanished)
        record_summaries(rt, connection, time.perf_counter() - begun)
    return outcome


def _nothing_follows(rt: Runtime, connection: Connection, outcome: Outcome) -> bool:
    """Whether nothing was written, by this run or by one before it that ended badly: all figures are as they were."""
    counts = outcome.counts
    if counts.created or counts.updated or counts.deleted or connection.last_success_at is None:
        return False
    return all(run.state == "completed" for run in rt.store.runs.list(connection_id=connection.id, limit=2))
