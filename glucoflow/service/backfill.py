"""A person's backfill as a plain function: each of their connections in turn, oldest window first, resumable."""

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import Kind, Window
from glucoflow.service.jobs import Job, Outcome
from glucoflow.service.runtime import Runtime
from glucoflow.service.summaries import summarize_after
from glucoflow.service.sync import run_job
from glucoflow.store import Connection, new_owner

LONGEST_SPAN = timedelta(days=366 * 20)


def backfill_person(
    rt: Runtime,
    user_id: str,
    window: Window,
    provider: str | None,
    kinds: Sequence[Kind],
    on_progress: Callable[[float], None],
) -> list[Outcome]:
    """Each of the person's connections in turn. Raises Rejected if none can be used just now."""
    owner = new_owner()
    job = Job(flow="backfill", window=window, kinds=tuple(kinds))
    chosen = [c for c in rt.store.connections.for_user(user_id) if provider in (None, c.provider)]
    claimed = [c for c in (rt.store.leases.claim(c.id, owner, rt.clock(), rt.lease) for c in chosen) if c]
    if not claimed:
        raise Rejected("user_id", _why_not(user_id, provider, chosen))
    try:
        return [
            run_job(rt, connection, job, owner, partial(_shared, on_progress, i, len(claimed)))
            for i, connection in enumerate(claimed)
        ]
    finally:
        rt.store.leases.release_all(owner)


def backfill_with_summaries(
    rt: Runtime,
    user_id: str,
    window: Window,
    provider: str | None,
    kinds: Sequence[Kind],
    on_progress: Callable[[float], None],
) -> list[Outcome]:
    """The backfill, then the summaries and episodes of its days, also where only a part of it came in."""
    outcomes = backfill_person(rt, user_id, window, provider, kinds, on_progress)
    if any(outcome.counts.fetched for outcome in outcomes):
        summarize_after(rt, user_id, None, window)
    return outcomes


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
