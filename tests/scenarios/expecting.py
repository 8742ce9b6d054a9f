"""What an `expect` step looks at: the index, the store, and the words that a person would read."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from glucoflow.es.scan import refresh, scan
from glucoflow.service.runtime import Runtime
from glucoflow.store import Connection
from tests.scenarios.written import Expect

OVERVIEW_DAYS = 14


def mistakes(rt: Runtime, want: Expect, now: datetime, calls: Mapping[str, int]) -> Iterator[str]:
    """A line for everything that is not as it should be. `now` is the true time, whatever this machine's clock says."""
    yield from _of_documents(rt, want)
    yield from _of_figures(rt, want, now)
    yield from _of_connection(rt, want, now)
    for endpoint, times in (want.calls or {}).items():
        yield from _differs(f"calls of {endpoint}", times, calls.get(endpoint, 0))


def documents(rt: Runtime, user: str, dataset: str) -> list[dict[str, Any]]:
    """Everything that is held of a dataset."""
    alias = rt.names.alias(user)
    refresh(rt.client, alias)
    return [orjson.loads(bytes(hit.source)) for hit in scan(rt.client, alias, {"term": {"event.dataset": dataset}})]


def words(connections: list[Connection]) -> str:
    """What the person is told about their connections."""
    return " | ".join(f"{one.last_error} {one.last_remedy}" for one in connections)


def _of_documents(rt: Runtime, want: Expect) -> Iterator[str]:
    held = documents(rt, want.user, "cgm.reading")
    by_time = {_plain(one["@timestamp"]): one for one in held}
    if want.readings is not None:
        yield from _differs("readings held", want.readings, len(held))
    if want.superseded is not None:
        marked = sum(bool(one.get("sample", {}).get("superseded")) for one in held)
        yield from _differs("readings superseded", want.superseded, marked)
    if want.doubled is not None:
        often = Counter(one["@timestamp"] for one in held)
        yield from _differs("moments held more than once", want.doubled, sum(n > 1 for n in often.values()))
    for dataset, n in (want.docs or {}).items():
        yield from _differs(f"documents of {dataset}", n, len(documents(rt, want.user, dataset)))
    for at, value in (want.values or {}).items():
        yield from _differs(f"value of {at}", value, _at(by_time, at, "glucose", "mg_dl"))
    for at, word in (want.trend or {}).items():
        found = _at(by_time, at, "trend", "reported"), _at(by_time, at, "trend", "direction")
        if word not in found:
            yield from _differs(f"trend of {at}", word, found)
    for at, local in (want.local or {}).items():
        ahead = _at(by_time, at, "time", "utc_offset_min")
        shown = None if ahead is None else _moment(at) + timedelta(minutes=int(ahead))
        yield from _differs(f"local time of {at}", local, shown and shown.strftime("%Y-%m-%d %H:%M"))
    if want.devices is not None:
        models = {(one.get("device") or {}).get("model") or "?" for one in held}
        yield from _differs("device models", sorted(want.devices), sorted(models))


def _of_figures(rt: Runtime, want: Expect, now: datetime) -> Iterator[str]:
    if want.days:
        summed = {one["summary"]["date"]: one["summary"] for one in documents(rt, want.user, "summary.day")}
        for day, metrics in want.days.items():
            for name, value in metrics.items():
                yield from _differs(f"day {day} {name}", value, summed.get(day, {}).get(name))
    if want.overview:
        overview = rt.queries.overview(want.user, now - timedelta(days=OVERVIEW_DAYS), now)
        for name, value in want.overview.items():
            yield from _differs(f"front-page {name}", value, getattr(overview, name))


def _of_connection(rt: Runtime, want: Expect, now: datetime) -> Iterator[str]:
    connections = list(rt.store.connections.for_user(want.user))
    said = words(connections)
    if want.rejects is not None:
        kept = rt.store.rejected_records.list(user_id=want.user, limit=10_000)
        yield from _differs("rejected", want.rejects, len(kept))
    if want.state is not None:
        yield from _differs("state", want.state, ", ".join(one.state for one in connections))
    if want.error is not None:
        yield from _differs("error kept", want.error, any(one.last_error for one in connections))
    for says in [want.says] if isinstance(want.says, str) else want.says:
        if says.lower() not in said.lower():
            yield f"status says {says!r}: want True, got False; its words: {said}"
    for not_said in [want.says_not] if isinstance(want.says_not, str) else want.says_not:
        if not_said.lower() in said.lower():
            yield f"status says {not_said!r}: want False, got True; its words: {said}"
    if want.checkpoint is not None:
        at = [
            c.position for one in connections for c in rt.store.connections.checkpoints(one.id) if c.kind == "readings"
        ]
        yield from _differs("checkpoint of readings", want.checkpoint, at[0] if at else None)
    if want.next_poll_within_hours is not None:
        for one in connections:
            if one.next_poll_at is None or one.next_poll_at - now > timedelta(hours=want.next_poll_within_hours):
                yield f"next poll: want within {want.next_poll_within_hours} h of {now}, got {one.next_poll_at}"


def _differs(what: str, want: object, got: object) -> Iterator[str]:
    same = want == got
    if isinstance(want, int | float) and isinstance(got, int | float):
        same = abs(want - got) < 0.05
    if not same:
        yield f"{what}: want {json.dumps(want, default=str)}, got {json.dumps(got, default=str)}"


def _at(by_time: Mapping[datetime, dict[str, Any]], at: str, group: str, name: str) -> Any:
    return (by_time.get(_moment(at), {}).get(group) or {}).get(name)


def _plain(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
