"""When to ask a provider again: spread out, off its nightly maintenance, and slower after failures."""

from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

from glucoflow.model.localtime import in_daily_span
from glucoflow.provider import Polling

FIRST_BACKOFF = timedelta(minutes=2)
FIRST_LATE = timedelta(seconds=30)
LONGEST_BACKOFF = timedelta(hours=6)


def next_poll(
    polling: Polling,
    now: datetime,
    random: Random,
    newest: datetime | None = None,
    interval: timedelta = timedelta(minutes=5),
) -> datetime:
    """A moment between the shortest and the longest wait from now, moved behind the maintenance window.

    Where the provider is asked in step with the sensor, it is just after the next reading after the `newest` is due, if
    that comes first. While it is late the wait doubles, from half a minute to six times the longest.
    """
    wait = polling.shortest + (polling.longest - polling.shortest) * random.random()
    if polling.align is not None and newest is not None:
        due = newest + interval + polling.align + timedelta(seconds=5) * random.random()
        late = now - due
        wait = min(wait, due - now) if late < timedelta() else min(max(late, FIRST_LATE), 6 * polling.longest)
    return after_maintenance(polling, now + wait, random)


def after_failure(
    polling: Polling, now: datetime, failures: int, retry_after: float | None, random: Random
) -> datetime:
    """2, 4, 8 … minutes after the nth failure in a row, at most 6 hours, with full jitter above the half.

    Never before `retry_after` seconds, where the provider asked for that.
    """
    backoff = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** min(max(failures, 1) - 1, 12))
    wait = backoff * (0.5 + 0.5 * random.random())
    if retry_after is not None:
        wait = max(wait, timedelta(seconds=retry_after) * (1 + 0.1 * random.random()))
    return after_maintenance(polling, now + wait, random)


def after_maintenance(polling: Polling, at: datetime, random: Random) -> datetime:
    """`at`, or up to ten minutes after the end of the maintenance window it falls into."""
    if polling.maintenance_start is None or polling.maintenance_end is None:
        return at
    local = at.astimezone(ZoneInfo(polling.zone))
    if not in_daily_span(local.time(), polling.maintenance_start, polling.maintenance_end):
        return at
    end = local.replace(
        hour=polling.maintenance_end.hour, minute=polling.maintenance_end.minute, second=0, microsecond=0
    )
    if end <= local:  # it began before midnight
        end += timedelta(days=1)
    return (end + timedelta(minutes=10) * random.random()).astimezone(at.tzinfo)
