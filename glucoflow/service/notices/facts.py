"""What is the case: looked up in the store and the index, as findings. Readings are asked for only where somebody is to
be told of them.
"""

import logging
import shutil
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from glucoflow.es.client import check
from glucoflow.es.overview import Overview, overview_aggs, overview_of
from glucoflow.es.queries import MOST_ROWS, only
from glucoflow.es.scan import refresh
from glucoflow.model.documents import Source
from glucoflow.model.errors import GlucoflowError, Misconfigured
from glucoflow.model.notices import GLUCOSE, Cause, Terms
from glucoflow.model.said import joined
from glucoflow.model.words import length
from glucoflow.service.excluding import ExcludingQueries
from glucoflow.service.notices.rules import Finding, Sample, glucose_findings
from glucoflow.service.runtime import Runtime
from glucoflow.store import UPLOADS, Connection, Exclusion, Person

log = logging.getLogger(__name__)

A_DAY = timedelta(days=1)
A_WEEK = timedelta(days=7)


def person_facts(
    rt: Runtime, person: Person, terms: Terms, causes: Collection[Cause], said_at: Callable[[Cause], datetime | None]
) -> list[Finding]:
    """Findings of these causes. What of it cannot be looked at now is said to be unknown."""
    now, found = rt.clock(), []
    connections = rt.store.connections.for_user(person.id)
    if wanted := [cause for cause in GLUCOSE if cause in causes]:
        found += [one for one in _glucose(rt, person, connections, terms, now) if one.cause in wanted]
    if "reconnect" in causes:
        found.append(_reconnect(rt, connections))
    if "sync_failing" in causes:
        found.append(_failing(rt, connections, terms.failing_hours, now))
    if "no_reading" in causes:
        found.append(_silent(rt, person, connections, terms, now))
    if "rejected" in causes:
        found.append(_rejected(rt, person.id, said_at("rejected"), now))
    return found


def operator_facts(
    rt: Runtime, causes: Collection[Cause], said_at: Callable[[Cause], datetime | None]
) -> list[Finding]:
    """The same about everybody, for whoever runs this."""
    now, found = rt.clock(), []
    connections = rt.store.connections.list()
    if "reconnect" in causes:
        found.append(_reconnect(rt, connections, whose=True))
    if "sync_failing" in causes:
        found.append(_failing(rt, connections, rt.settings.notices.failing_hours, now, whose=True))
    if "rejected" in causes:
        found.append(_rejected(rt, None, said_at("rejected"), now))
    if "disk" in causes:
        found.append(_disk(rt))
    return found


def week_of(rt: Runtime, person: Person, now: datetime) -> Overview | None:
    """The figures of the last seven days; None where they cannot be looked up now."""
    body = {
        "query": only(["cgm.reading"], now - A_WEEK, now, superseded=False),
        "aggs": overview_aggs(person.targets),
    }
    try:
        answer = ExcludingQueries(rt.queries, rt.store).aggregate(person.id, body)
    except GlucoflowError as error:
        log.warning("a week could not be looked up for a notice: %s", type(error).__name__)
        return None
    return overview_of(answer.get("aggregations", {}))


def _glucose(
    rt: Runtime, person: Person, connections: Sequence[Connection], terms: Terms, now: datetime
) -> list[Finding]:
    clock_ok = not any(one.clock_ahead_s for one in connections if one.state == "connected")
    try:
        samples = samples_of(rt, person.id, now - timedelta(minutes=terms.high_minutes + 60), now)
    except GlucoflowError as error:
        log.warning("readings could not be looked up for a notice: %s", type(error).__name__)
        samples = []
    return glucose_findings(samples, terms, now, clock_ok=clock_ok)


def samples_of(rt: Runtime, user_id: str, start: datetime, now: datetime) -> list[Sample]:
    """The readings that count since `start`, oldest first, those just written and those ahead of now included."""
    refresh(rt.client, rt.names.alias(user_id))
    live = rt.providers.live() | {UPLOADS}
    excluded = rt.store.exclusions.list(user_id, start)
    found = rt.queries.documents(user_id, ["cgm.reading"], start, now + A_DAY, MOST_ROWS, newest_first=False)
    return [
        Sample(
            time=one.source.timestamp,
            mg_dl=one.source.glucose.mg_dl,
            limit=one.source.glucose.limit,
            live=one.source.event.provider in live,
        )
        for one in found
        if one.source.glucose is not None and _counts(one.source, excluded)
    ]


def _counts(source: Source, excluded: Sequence[Exclusion]) -> bool:
    if source.sample is not None and source.sample.superseded:
        return False
    return not any(one.start <= source.timestamp < one.end for one in excluded)


def _reconnect(rt: Runtime, connections: Sequence[Connection], *, whose: bool = False) -> Finding:
    asked = [one for one in connections if one.state == "needs_reauthorization"]
    return Finding(cause="reconnect", holds=bool(asked), detail=_names(rt, asked, whose))


def _failing(
    rt: Runtime, connections: Sequence[Connection], hours: int, now: datetime, *, whose: bool = False
) -> Finding:
    """Failing, or not tried at all, for so long beyond the time between two polls."""
    late = [
        one
        for one in connections
        if one.state == "connected"
        and now - (one.last_success_at or one.created_at) > timedelta(hours=hours) + _longest_poll(rt, one)
    ]
    since = min((one.last_success_at or one.created_at for one in late), default=now)
    return Finding(
        cause="sync_failing",
        holds=bool(late),
        amount=round((now - since) / timedelta(minutes=1)),
        detail=_names(rt, late, whose),
    )


def _silent(rt: Runtime, person: Person, connections: Sequence[Connection], terms: Terms, now: datetime) -> Finding:
    """No reading for longer than the source that is soonest allows; what its failing says is not said twice."""
    sources = [one for one in connections if one.state == "connected" or one.provider == UPLOADS]
    if not sources:
        return Finding(cause="no_reading", holds=False)
    try:
        newest = _newest(rt, person.id, now)
    except GlucoflowError as error:
        log.warning("the newest reading could not be looked up for a notice: %s", type(error).__name__)
        return Finding(cause="no_reading", holds=None)
    allowed = min(rt.providers.delay(one.provider, one.region) + _longest_poll(rt, one) for one in sources)
    last = max(newest or person.created_at, min(one.created_at for one in sources))
    silent = now - last
    return Finding(
        cause="no_reading",
        holds=silent > allowed + timedelta(minutes=terms.silent_minutes),
        covered_by=("reconnect", "sync_failing"),
        amount=round(silent / timedelta(minutes=1)),
        detail=length(allowed),
    )


def _newest(rt: Runtime, user_id: str, now: datetime) -> datetime | None:
    """Not one from the future: a clock that is wrong would hide that nothing comes. What was just written counts."""
    refresh(rt.client, rt.names.alias(user_id))
    return rt.queries.newest(user_id, end=now + timedelta(minutes=5))


def _rejected(rt: Runtime, user_id: str | None, said_at: datetime | None, now: datetime) -> Finding:
    since = max(said_at or now - A_DAY, now - A_WEEK)
    n = rt.store.rejected_records.new_since(since, user_id)
    return Finding(cause="rejected", holds=n > 0, amount=n)


def _disk(rt: Runtime) -> Finding:
    """Too little room for the data folder, or an Elasticsearch that has stopped writing for want of room."""
    free = shutil.disk_usage(rt.settings.store.data_dir).free / 2**30
    try:
        flooded = bool(check(rt.client, rt.names.everything).flooded)
    except GlucoflowError:  # away: that is another cause
        flooded = False
    return Finding(cause="disk", holds=flooded or free < rt.settings.notices.disk_gib, amount=int(free))


def _longest_poll(rt: Runtime, connection: Connection) -> timedelta:
    if connection.provider == UPLOADS:
        return timedelta()
    try:
        return rt.providers.polling(connection.provider, connection.region).longest
    except Misconfigured:  # its package is gone
        return timedelta(hours=1)


def _names(rt: Runtime, connections: Sequence[Connection], whose: bool) -> str:
    """Which they are: by their providers, or for the operator by their people."""
    if whose:
        ids = sorted({one.user_id for one in connections})
        return ", ".join(ids[:10]) + (", …" if len(ids) > 10 else "")
    known = rt.providers.installed.providers
    return joined(
        ", ", sorted({known[one.provider].title if one.provider in known else one.provider for one in connections})
    )
