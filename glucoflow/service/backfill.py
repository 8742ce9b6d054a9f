"""Backfills: days that were asked for, read oldest window first, resumable, each when its turn comes."""

import logging
import time as system_time
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from glucoflow.model.errors import GlucoflowError, Rejected, Retryable, Unavailable
from glucoflow.model.ingestion import Kind, Window
from glucoflow.service.jobs import Job, Outcome
from glucoflow.service.runtime import Runtime
from glucoflow.service.schedule import FIRST_BACKOFF
from glucoflow.service.summaries import summarize_after
from glucoflow.service.sync import run_job
from glucoflow.store import Backfill, Connection, is_held, new_owner

log = logging.getLogger(__name__)

LONGEST_SPAN = timedelta(days=366 * 20)
MOST_TRIES = 6
LOOK_EVERY_S = 2.0
WAITS = "A sync of theirs is under way; this begins when that has ended."

OnProgress = Callable[[float], None]
Claim = Callable[[Connection, str], Connection | None]
"""The connection, now held by that owner, or None where it cannot be had."""


def run_asked(
    rt: Runtime, backfill_id: str, on_progress: OnProgress, pause: Callable[[float], None] = system_time.sleep
) -> list[Outcome]:
    """Read the days that were asked for, and compute what follows from them; one outcome a connection.

    Where a sync works on a connection it waits for its end. What fails for a while goes back into the queue, and is
    tried a few times. Nothing is done, and nothing returned, where somebody else is at it, or it is finished.

    Raises Rejected where there is nobody to ask, and what is everybody's: Unavailable, Misconfigured.
    """
    owner = new_owner()
    asked = rt.store.backfills.take(backfill_id, owner, rt.clock(), rt.lease)
    if asked is None:
        return []

    def show(share: float) -> None:
        rt.store.backfills.renew(asked.id, owner, share, rt.clock(), rt.lease)
        on_progress(share)

    try:
        window = checked_window(asked.first, asked.last, rt.store.people.get(asked.user_id).zone, rt.clock())
        claim = partial(_when_free, rt, asked, owner, pause)
        outcomes = backfill_person(rt, asked.user_id, window, asked.provider, asked.kinds, show, claim, asked=asked.id)
        summarized(rt, asked.user_id, window, outcomes)
    except GlucoflowError as error:
        _stopped(rt, asked, owner, error.message, error.remedy, again=isinstance(error, Retryable | Unavailable))
        raise
    bad = next((one for one in outcomes if one.status not in ("ok", "partial")), None)
    if bad is None:
        rt.store.backfills.finish(asked.id, owner, "done", rt.clock())
    else:
        _stopped(rt, asked, owner, bad.message, bad.remedy, again=bad.status == "retry")
    return outcomes


def run_due(rt: Runtime) -> list[Outcome]:
    """Whatever waits in the queue, one after the other; whom nobody can ask any more stops no other."""
    done: list[Outcome] = []
    seen: set[str] = set()
    while fresh := [one for one in rt.store.backfills.due(rt.clock()) if one.id not in seen]:
        seen.add(fresh[0].id)
        try:
            done += run_asked(rt, fresh[0].id, lambda _share: None)
        except Rejected as error:
            log.warning("a backfill cannot be done: %s", type(error).__name__)
    return done


def backfill_person(
    rt: Runtime,
    user_id: str,
    window: Window,
    provider: str | None,
    kinds: Sequence[Kind],
    on_progress: OnProgress,
    claim: Claim | None = None,
    asked: str = "",
) -> list[Outcome]:
    """Each of the person's connections in turn. Raises Rejected if none can be used (without `claim`: just now)."""
    owner = new_owner()
    job = Job(flow="backfill", window=window, kinds=tuple(kinds), asked=asked)
    chosen = [c for c in rt.store.connections.for_user(user_id) if provider in (None, c.provider)]
    outcomes: list[Outcome] = []
    try:
        for i, connection in enumerate(chosen):
            claimed = claim(connection, owner) if claim else _at_once(rt, connection, owner)
            if claimed is not None:
                outcomes.append(run_job(rt, claimed, job, owner, partial(_shared, on_progress, i, len(chosen))))
    finally:
        rt.store.leases.release_all(owner)
    if not outcomes:
        raise Rejected("user_id", _why_not(user_id, provider, chosen))
    return outcomes


def summarized(rt: Runtime, user_id: str, window: Window, outcomes: list[Outcome]) -> list[Outcome]:
    """After a backfill the summaries and episodes of its days, also where only a part of it came in."""
    if any(outcome.counts.fetched for outcome in outcomes):
        summarize_after(rt, user_id, None, window)
    return outcomes


def _at_once(rt: Runtime, connection: Connection, owner: str) -> Connection | None:
    return rt.store.leases.claim(connection.id, owner, rt.clock(), rt.lease)


def _when_free(
    rt: Runtime,
    asked: Backfill,
    whose: str,
    pause: Callable[[float], None],
    connection: Connection,
    owner: str,
) -> Connection | None:
    """The connection once nobody else works on it; None where it is no longer connected, or we lost our place."""
    waited = False
    while (claimed := _at_once(rt, connection, owner)) is None:
        now = rt.clock()
        found = rt.store.connections.find(connection.id)
        if found is None or found.state != "connected":
            return None
        if is_held(found, now):
            waited = True
            if not rt.store.backfills.hold(asked.id, whose, WAITS, now, rt.lease):
                return None
        pause(LOOK_EVERY_S)
    if waited and not rt.store.backfills.go_on(asked.id, whose, rt.clock(), rt.lease):
        rt.store.leases.release(connection.id, owner)
        return None
    return claimed


def _stopped(rt: Runtime, asked: Backfill, owner: str, message: str, remedy: str, *, again: bool) -> None:
    """Back into the queue, with longer and longer waits, or at an end."""
    now = rt.clock()
    if again and asked.tries + 1 < MOST_TRIES:
        at = now + FIRST_BACKOFF * 2**asked.tries
        rt.store.backfills.wait(asked.id, owner, at, message, remedy, failed=True)
    else:
        rt.store.backfills.finish(asked.id, owner, "failed", now, message, remedy)


def _shared(on_progress: Callable[[float], None], before: int, of: int, share: float) -> None:
    on_progress((before + share) / of)


def _why_not(user_id: str, provider: str | None, chosen: Sequence[Connection]) -> str:
    if not chosen:
        return f"{user_id} has no connection{f' to {provider}' if provider else ''}; connect them first"
    if any(connection.state == "connected" for connection in chosen):
        return f"{user_id} is being synced just now; try again in a few minutes"
    return f"{user_id}'s connection is {chosen[0].state}; connect them again"


def checked_window(first: date, last: date, zone: str, now: datetime) -> Window:
    """From the first day's midnight to the last day's end in the person's zone, no later than now.

    Raises Rejected if the days are swapped, lie in the future, or span more than twenty years.
    """
    here = ZoneInfo(zone)
    if last < first:
        raise Rejected("end", f"the last day ({last}) is before the first ({first}); swap them")
    if first > now.astimezone(here).date():
        raise Rejected("start", f"{first} is in the future; there are no readings yet")
    if last - first > LONGEST_SPAN:
        raise Rejected("start", f"{first} to {last} is more than twenty years; choose a shorter span")
    start = datetime.combine(first, time(), here)
    end = datetime.combine(last + timedelta(days=1), time(), here)
    return Window(start.astimezone(now.tzinfo), min(end.astimezone(now.tzinfo), now))
