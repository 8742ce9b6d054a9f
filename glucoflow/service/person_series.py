"""A person's readings as a series, with what they excluded marked: what every figure of ours is computed from."""

from datetime import UTC, date, datetime, time, timedelta

import msgspec

from glucoflow.analytics import Series
from glucoflow.analytics.episodes import Event
from glucoflow.analytics.series import moment_of
from glucoflow.es.answers import Latest
from glucoflow.es.queries import Queries
from glucoflow.store import Exclusion, Person, Store

_A_DAY = timedelta(days=1)
"""Local dates begin up to 14 hours before or after those of UTC."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """Whose figures these are, and the spans that count in none of them."""

    person: Person
    exclusions: tuple[Exclusion, ...]


def subject_of(store: Store, user_id: str) -> Subject:
    """The person as they are now. Raises Rejected for an unknown one."""
    return Subject(person=store.people.get(user_id), exclusions=store.exclusions.list(user_id))


def series_of(queries: Queries, subject: Subject, first: date, end: date, *, at_once: bool = True) -> Series:
    """The readings of the local dates [first, end), excluded and superseded ones marked.

    `at_once` as for `Queries.readings`.
    """
    start, stop = instants(first, end)
    found = queries.readings(subject.person.id, start, stop, at_once=at_once)
    series = Series.of(
        found.utc,
        found.mg_dl,
        found.offset_min,
        found.interval_ms,
        superseded=found.superseded,
        beyond=found.beyond,
    )
    marked = series.excluding(subject.exclusions) if subject.exclusions else series
    return marked.between(first, end)


def newest_full_day(latest: Latest | None, now: datetime) -> date | None:
    """The newest local date with readings that is over by the person's own clock, or the one before it.

    A reading from the future (a device clock that is wrong) does not move it past yesterday.
    """
    if latest is None:
        return None
    return min(local_date(latest, latest.time), local_date(latest, now) - timedelta(days=1))


def local_date(latest: Latest, moment: datetime) -> date:
    """The date of a moment by the person's own clock, as the newest reading has it."""
    return (moment + timedelta(minutes=latest.utc_offset_min)).date()


def events_of(queries: Queries, user_id: str, first: date, end: date) -> list[Event]:
    """Meals, boluses and exercise of the local dates [first, end), and of hours around them."""
    happened = queries.events_between(user_id, *instants(first, end))
    return [Event(one.kind, moment_of(one.time_ms), one.amount) for one in happened]


def instants(first: date, end: date) -> tuple[datetime, datetime]:
    """Instants that hold the local dates [first, end) in every zone."""
    start, stop = (datetime.combine(day, time(), UTC) for day in (first, end))
    return start - _A_DAY, stop + _A_DAY
