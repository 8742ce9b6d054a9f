"""What is to be told now: pure functions of what is the case, what was told before, the terms, and `now`.

A finding that `holds` is told once and then again by its terms, until it is over or acknowledged. Where nothing can be
known (old readings, a clock that is off) nothing is told and nothing is taken back: a wrong notice is worse than none.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from glucoflow.model.localtime import epoch_ms, in_daily_span
from glucoflow.model.notices import GLUCOSE, Cause, State, Terms
from glucoflow.model.ranges import Limit
from glucoflow.model.trends import rate_of

FRESH = timedelta(minutes=15)
"""A reading that is older tells of a while ago: nobody is told of it as if it were now."""
AHEAD = timedelta(minutes=5)
"""A reading that lies further ahead comes from a clock that is wrong: none of its times can be trusted."""
NEIGHBOURS = timedelta(minutes=20)
"""Between readings that lie further apart, nobody knows that glucose stayed high."""
UNKNOWN_FOR = timedelta(hours=2)
"""Where nothing was known for so long, what stood before is over: the next time is a new one."""
MORNING = time(8)
"""When a week is told, and from when on the running of things is told again: nobody is woken by a repetition."""
WEEKLY_FOR = timedelta(days=2)
"""A summary that could not be sent on Monday is still worth sending on Tuesday."""


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A reading that counts: not superseded, not excluded. `live`: by a source whose readings are of now."""

    time: datetime
    mg_dl: float
    limit: Limit | None = None
    live: bool = True


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Whether something is the case; None where it cannot be known now.

    `covered_by`: causes that say the same louder, to whoever is told of them. The rest is for the text: `rate` in mg/dL
    a minute; `amount` in minutes, records or GiB, as the cause counts.
    """

    cause: Cause
    holds: bool | None
    covered_by: tuple[Cause, ...] = ()
    newest: Sample | None = None
    rate: float | None = None
    amount: int = 0
    detail: str = ""


def glucose_findings(samples: Sequence[Sample], terms: Terms, now: datetime, *, clock_ok: bool) -> list[Finding]:
    """What the readings of the last hours say, oldest first; nothing where they are old, or a clock is wrong."""
    newest = samples[-1] if samples else None
    if newest is None or not clock_ok or not newest.live or not -AHEAD <= now - newest.time <= FRESH:
        return [Finding(cause=cause, holds=None) for cause in GLUCOSE]
    value, rate = round(newest.mg_dl), _rate(samples)
    urgent = newest.limit == "low" or value < round(terms.urgent_low)
    low = newest.limit == "low" or value < round(terms.low)
    louder: tuple[Cause, ...] = ("urgent_low", "low") if urgent else ("low",)
    high_for = _high_for(samples, terms.high)
    falling = rate is not None and rate <= -terms.falling and newest.limit is None
    return [
        Finding(cause="urgent_low", holds=urgent, newest=newest, rate=rate),
        Finding(cause="low", holds=low, newest=newest, rate=rate, covered_by=("urgent_low",) if urgent else ()),
        Finding(cause="falling", holds=falling, newest=newest, rate=rate, covered_by=louder if low else ()),
        Finding(
            cause="high",
            holds=high_for >= timedelta(minutes=terms.high_minutes),
            newest=newest,
            amount=round(high_for / timedelta(minutes=1)),
        ),
    ]


def due(state: State, finding: Finding, terms: Terms, zone: str, now: datetime) -> tuple[State, bool]:
    """What is remembered from now on, and whether it is told now. A time that lies ahead counts for none."""
    if finding.holds is None:
        last = max((at for at in (state.since, state.said_at) if at is not None), default=now)
        over = state.since is not None and now - last > UNKNOWN_FOR
        return (_over(state) if over else state), False
    if not finding.holds:
        return _over(state), False
    standing = msgspec.structs.replace(state, since=state.since or now)
    said_at = state.said_at if state.said_at is not None and state.said_at <= now + AHEAD else None
    if standing.acknowledged_at is not None or is_quiet(finding.cause, terms, zone, now):
        return standing, False
    if said_at is not None and not _again(finding.cause, said_at, terms, zone, now):
        return standing, False
    return msgspec.structs.replace(standing, said_at=now, times=standing.times + 1), True


def is_quiet(cause: Cause, terms: Terms, zone: str, now: datetime) -> bool:
    """Whether it is within the person's quiet hours, by their own clock."""
    if terms.quiet is None or (cause == "urgent_low" and terms.urgent_anyway):
        return False
    local = now.astimezone(ZoneInfo(zone))
    return in_daily_span(local.hour * 60 + local.minute, *terms.quiet)


def quiet_until(cause: Cause, terms: Terms, zone: str, now: datetime) -> datetime:
    """When the quiet hours that it is within end; `now` where it is within none."""
    if terms.quiet is None or not is_quiet(cause, terms, zone, now):
        return now
    local = now.astimezone(ZoneInfo(zone))
    end = datetime.combine(local.date(), time(*divmod(terms.quiet[1], 60)), local.tzinfo)
    if end.time() <= local.time():
        end += timedelta(days=1)
    return end.astimezone(UTC)


def weekly_finding(zone: str, now: datetime, created_at: datetime) -> Finding:
    """The case from Monday at 8 for two days, for a receiver that was there by then."""
    monday = _monday(zone, now)
    return Finding(cause="weekly", holds=max(monday, created_at) == monday and now < monday + WEEKLY_FOR)


def too_late(cause: Cause, now: datetime) -> datetime:
    """When a message about it is worth nothing any more."""
    return now + (FRESH if cause in GLUCOSE else timedelta(hours=12))


def _over(state: State) -> State:
    """When it was told last stays known: what comes and goes is told no more often for that."""
    return msgspec.structs.replace(state, since=None, times=0, acknowledged_at=None)


def _again(cause: Cause, said_at: datetime, terms: Terms, zone: str, now: datetime) -> bool:
    if cause in GLUCOSE:
        return now - said_at >= timedelta(minutes=terms.repeat_minutes)
    if cause == "weekly":
        return said_at < _monday(zone, now)
    home = ZoneInfo(zone)
    local = now.astimezone(home)
    return said_at.astimezone(home).date() < local.date() and local.time() >= MORNING


def _monday(zone: str, now: datetime) -> datetime:
    """The last Monday at 8 by the person's clock."""
    home = ZoneInfo(zone)
    local = now.astimezone(home)
    monday = datetime.combine(local.date() - timedelta(days=local.weekday()), MORNING, home)
    return monday if monday <= local else monday - timedelta(days=7)


def _rate(samples: Sequence[Sample]) -> float | None:
    """mg/dL a minute over the last 20 minutes; None where that cannot be said, or a value is beyond the sensor."""
    lately = [one for one in samples[-32:] if samples[-1].time - one.time <= NEIGHBOURS]
    if len(lately) < 3 or any(one.limit for one in lately):
        return None
    return rate_of([epoch_ms(one.time) for one in lately], [one.mg_dl for one in lately])


def _high_for(samples: Sequence[Sample], limit: float) -> timedelta:
    """How long all readings until the newest were above the limit, without a gap."""
    first = samples[-1]
    for one in reversed(samples):
        if not (one.limit == "high" or round(one.mg_dl) > round(limit)) or first.time - one.time > NEIGHBOURS:
            break
        first = one
    return samples[-1].time - first.time
