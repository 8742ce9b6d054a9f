"""One moment once: after each write, the readings around what was written are looked at, and those marked superseded
whose moment is also held from a better source. Figures, pages, panels and exports leave them out.

The sources are ranked: a person's connections first, as they say, else by their providers' rank and then the older one;
among one connection's sensors the one that was worn before, or the newer one if they say so; among what displays one
sensor's readings any one, always the same. Looking again changes nothing.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from glucoflow.analytics.one_moment import superseded
from glucoflow.es.moments import Life, Moments, ReadingMoments, Route
from glucoflow.installed import Installed
from glucoflow.model.ingestion import Window
from glucoflow.model.localtime import epoch_ms
from glucoflow.service.runtime import Runtime
from glucoflow.store import Connection

log = logging.getLogger(__name__)

REACH = timedelta(minutes=30)
"""How far the marks around a reading can depend on it: by half an interval for each source that is better."""

MOST_DAYS_AT_ONCE = 92
ROUNDS = 3
"""A look is taken once more after marks were written: another connection of the person may have written meanwhile."""

_DAY = timedelta(days=1)
_NEVER = (1, 0)


def settle_changes(rt: Runtime, user_id: str, since: datetime | None) -> int:
    """Marks around the readings written at `since` or later (None: all); how many were set or taken away.

    Raises Retryable or Misconfigured where Elasticsearch cannot be used.
    """
    readings = ReadingMoments(rt.client, rt.names, user_id)
    days = readings.days() if since is None else readings.changed_days(since)
    return sum(_settle(rt, user_id, readings, part) for part in _parts(days))


def settle_span(rt: Runtime, user_id: str, start: datetime, end: datetime) -> int:
    """Marks of the readings of [start, end), and around it; how many were set or taken away. Raises as above."""
    readings = ReadingMoments(rt.client, rt.names, user_id)
    parts = Window(start, end).split(MOST_DAYS_AT_ONCE * _DAY)
    return sum(_settle(rt, user_id, readings, part) for part in parts)


def _parts(days: list[datetime]) -> Iterator[Window]:
    """Spans of days that follow one another."""
    part: Window | None = None
    for day in days:
        if part and day == part.end and day - part.start < MOST_DAYS_AT_ONCE * _DAY:
            part = Window(part.start, day + _DAY)
            continue
        if part:
            yield part
        part = Window(day, day + _DAY)
    if part:
        yield part


def _settle(rt: Runtime, user_id: str, readings: ReadingMoments, span: Window) -> int:
    changed = 0
    for _ in range(ROUNDS):
        whole, (held, lives) = span, _look(readings, span)
        if (wider := _with_whole_lives(span, lives)) != span:
            whole, (held, lives) = wider, _look(readings, wider)
        marks = _marks(held, _ranks(rt, user_id, held.routes, lives), whole)
        if not marks:
            break
        changed += readings.mark(marks, rt.clock())
    if changed:
        log.info("readings of one moment from several sources", extra={"marks": changed})
    return changed


def _look(readings: ReadingMoments, span: Window) -> tuple[Moments, Mapping[str, Life]]:
    """The readings of a span and of twice the reach around it, and the lives of their sensors, if these matter: where
    there are several, or one that may begin here."""
    held = readings.between(span.start - 2 * REACH, span.end + 2 * REACH)
    earlier = set(held.route[held.time_ms < epoch_ms(span.start)].tolist())
    named = {route.transmitter_id: at in earlier for at, route in enumerate(held.routes) if route.transmitter_id}
    return held, readings.lives(named) if len(named) > 1 or not all(named.values()) else {}


def _with_whole_lives(span: Window, lives: Mapping[str, Life]) -> Window:
    """A sensor that begins in the span is ranked anew wherever it was worn, which may go on behind it."""
    ends = [life.last for life in lives.values() if span.start <= life.first < span.end]
    return Window(span.start, max([span.end, *(end + REACH for end in ends)]))


def ranked(connections: Iterable[Connection], installed: Installed) -> list[Connection]:
    """A person's connections, the one that counts first at the front."""
    ranks = {name: provider.rank for name, provider in installed.providers.items()}

    def key(one: Connection) -> tuple[bool, int, int, datetime, str]:
        chosen = one.rank is not None
        return not chosen, one.rank or 0, ranks.get(one.provider, len(ranks) * 100), one.created_at, one.id

    return sorted(connections, key=key)


def _ranks(rt: Runtime, user_id: str, routes: list[Route], lives: Mapping[str, Life]) -> NDArray[np.int64]:
    """The place of each route among all, 0 the best."""
    connections = ranked(rt.store.connections.for_user(user_id), rt.providers.installed)
    places = {one.id: place for place, one in enumerate(connections)}
    newer = rt.store.people.get(user_id).newer_sensor

    def key(route: Route) -> tuple[int, str, tuple[int, int], str, str, str]:
        life = lives.get(route.transmitter_id)
        begun = _NEVER if life is None else (0, -epoch_ms(life.first) if newer else epoch_ms(life.first))
        place = places.get(route.connection_id, len(places))
        return place, route.connection_id, begun, route.transmitter_id, route.device_id, route.display

    ordered = {route: rank for rank, route in enumerate(sorted(routes, key=key))}
    return np.array([ordered[route] for route in routes], dtype=np.int64)


def _marks(held: Moments, ranks: NDArray[np.int64], span: Window) -> dict[str, bool]:
    """What is marked otherwise than it should be, in the span and within reach of it."""
    if not held.ids:
        return {}
    found = superseded(held.time_ms, held.interval_ms, ranks[held.route])
    inside = (held.time_ms >= epoch_ms(span.start - REACH)) & (held.time_ms < epoch_ms(span.end + REACH))
    return {held.ids[at]: bool(found[at]) for at in np.flatnonzero(inside & (found != held.superseded)).tolist()}
