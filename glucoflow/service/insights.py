"""What there is to say about a person's last days, and about days on which they kept a protocol."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import msgspec

from glucoflow.analytics import PeriodSummary, Series, Targets, summarize_period
from glucoflow.analytics.adherence import Adherence, Entry, adherence_of_all
from glucoflow.analytics.insights import Insight, insights_of
from glucoflow.analytics.patterns import Pattern, find_patterns
from glucoflow.analytics.series import moment_of
from glucoflow.es.queries import Queries
from glucoflow.model.units import Unit
from glucoflow.service.person_series import instants, newest_full_day, series_of, subject_of
from glucoflow.service.providers import one_piece_words
from glucoflow.store import Person, Store

SPANS = (14, 30, 90)
"""Days that insights may be asked for: 14 bear a judgement, weekdays need four weeks."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """The period [start, end) in local days, the equally long one before it, and what stands out.

    `period` and `before` are None where there is no reading yet.
    """

    days: int
    targets: Targets
    period: PeriodSummary | None = None
    before: PeriodSummary | None = None
    patterns: tuple[Pattern, ...] = ()
    insights: tuple[Insight, ...] = ()


def find_insights(store: Store, queries: Queries, user_id: str, days: int, unit: Unit, now: datetime) -> Findings:
    """Figures, patterns and insights of the `days` local days that end with the newest full one."""
    subject = subject_of(store, user_id)
    full = newest_full_day(queries.latest(user_id), now)
    if full is None:
        return Findings(days=days, targets=subject.person.targets)
    end = full + timedelta(days=1)
    series = series_of(queries, subject, end - timedelta(days=2 * days + 1), end)
    return insights_in(queries, subject.person, series, end, days, unit)


def insights_in(queries: Queries, person: Person, series: Series, end: date, days: int, unit: Unit) -> Findings:
    """The same of readings at hand, of the `days` local days before `end`: `series` reaches back twice as far."""
    user_id, targets = person.id, person.targets
    start, earlier = end - timedelta(days=days), end - timedelta(days=2 * days)
    period = summarize_period(series, start, end, targets)
    before = summarize_period(series, earlier, start, targets)
    patterns = find_patterns(
        series,
        start,
        end,
        targets,
        meals=_meals(queries, user_id, start, end),
        sensor_starts=queries.sensor_starts(user_id, *instants(start, end), one_piece_words()),
        unit=unit,
    )
    insights = insights_of(period, before, patterns, targets, unit)
    return Findings(days=days, targets=targets, period=period, before=before, patterns=patterns, insights=insights)


def compare_protocol(store: Store, queries: Queries, user_id: str, name: str, unit: Unit) -> Sequence[Adherence]:
    """Every measure on days with and without a protocol; none where no day is recorded."""
    subject = subject_of(store, user_id)
    entries = [Entry(one.day, name, one.kept) for one in store.protocols.days(user_id, name)]
    if not entries:
        return ()
    series = series_of(queries, subject, entries[0].date, entries[-1].date + timedelta(days=1))
    return adherence_of_all(series, entries, name, targets=subject.person.targets, unit=unit)


def _meals(queries: Queries, user_id: str, start: date, end: date) -> list[datetime]:
    return [moment_of(ms) for ms in queries.meals(user_id, *instants(start, end)).meals_ms]
