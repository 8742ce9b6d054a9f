"""What other programs may ask about one person. Every figure is computed from the readings, as on the pages.

An unknown person is Rejected; a fault of Elasticsearch is raised, so an empty answer means that there is nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import TypeVar

import msgspec

from glucoflow.analytics.episodes import find_episodes
from glucoflow.analytics.series import Series, epoch_ms
from glucoflow.analytics.summary import summarize_day
from glucoflow.es.answers import Paged
from glucoflow.es.queries import Queries, only
from glucoflow.model.documents import EVENT_DATASETS, Dataset
from glucoflow.model.glycemia import EPISODE_KINDS, EpisodeKind
from glucoflow.model.units import Unit
from glucoflow.service.answer_forms import (
    day_answer,
    episode_answer,
    event_answer,
    figures_answer,
    minutes_of,
    range_of,
    reading_answer,
)
from glucoflow.service.answers import (
    AdherenceAnswer,
    Answer,
    DayAnswer,
    EpisodeAnswer,
    EventAnswer,
    FiguresAnswer,
    InsightAnswer,
    InsightsAnswer,
    LatestAnswer,
    PatternAnswer,
    PersonAnswer,
    ReadingAnswer,
)
from glucoflow.service.insights import compare_protocol, find_insights
from glucoflow.service.person_series import Subject, events_of, series_of, subject_of
from glucoflow.store import Store

STALE = timedelta(minutes=15)
EVENTS: tuple[Dataset, ...] = (*EVENT_DATASETS, "cgm.calibration", "device.alert")
Place = tuple[int, int]
T = TypeVar("T", bound=Answer)


class Questions:
    """See the module. `clock` gives the aware present."""

    def __init__(self, store: Store, queries: Queries, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._queries = queries
        self._clock = clock

    def person(self, user_id: str) -> PersonAnswer:
        person = self._store.people.get(user_id)
        return PersonAnswer(
            id=person.id,
            name=person.display_name,
            unit=person.unit,
            zone=person.zone,
            profile=person.profile,
            range=range_of(person.targets),
            newest_reading=self._queries.newest(user_id),
        )

    def latest(self, user_id: str) -> LatestAnswer:
        self._store.people.get(user_id)
        rows, _ = self.readings(user_id, None, None, 1, newest_first=True)
        if not rows:
            return LatestAnswer(reading=None, age_minutes=None, stale=True)
        age = self._clock() - rows[0].time
        return LatestAnswer(reading=rows[0], age_minutes=minutes_of(age), stale=age > STALE)

    def readings(
        self,
        user_id: str,
        start: datetime | None,
        end: datetime | None,
        limit: int,
        *,
        newest_first: bool = False,
        after: Place | None = None,
    ) -> tuple[list[ReadingAnswer], Place | None]:
        """Readings of [start, end) by time, without those of a moment that a better source has; and where to go on."""
        query = only(["cgm.reading"], start, end, superseded=False)
        found = self._queries.page(user_id, query, limit, newest_first=newest_first, after=after)
        spans = self._store.exclusions.list(user_id)
        return [one for row in found if (one := reading_answer(row.document, spans))], _next(found, limit)

    def events(
        self,
        user_id: str,
        start: datetime | None,
        end: datetime | None,
        limit: int,
        *,
        kinds: Sequence[Dataset] = EVENTS,
        newest_first: bool = False,
        after: Place | None = None,
    ) -> tuple[list[EventAnswer], Place | None]:
        """Events of [start, end) by time, and where to go on."""
        query = only(kinds, start, end)
        found = self._queries.page(user_id, query, limit, newest_first=newest_first, after=after)
        return [event_answer(row.document) for row in found], _next(found, limit)

    def figures(self, user_id: str, start: datetime, end: datetime) -> FiguresAnswer:
        """The figures of [start, end); a window that is still going on ends now."""
        subject = subject_of(self._store, user_id)
        now = self._clock()
        end = max(start, min(end, now))
        part = _within(self._series(subject, start, end), start, end)
        return figures_answer(part, subject.person, start, end, now)

    def days(self, user_id: str, first: date, last: date) -> list[DayAnswer]:
        """Every local date of first … last, newest first; a date without readings keeps its place."""
        subject = subject_of(self._store, user_id)
        now = self._clock()
        series = series_of(self._queries, subject, first - timedelta(days=1), last + timedelta(days=1))
        dates = [last - timedelta(days=back) for back in range((last - first).days + 1)]
        return [day_answer(summarize_day(series, day, subject.person.targets, now), series, now) for day in dates]

    def episodes(
        self, user_id: str, start: datetime, end: datetime, kinds: Iterable[EpisodeKind] = EPISODE_KINDS
    ) -> list[EpisodeAnswer]:
        """Episodes that began in [start, end), newest first."""
        subject = subject_of(self._store, user_id)
        series = self._series(subject, start, end)
        around = events_of(self._queries, user_id, _date(start), _date(end) + timedelta(days=1))
        found = find_episodes(series.used, subject.person.targets, around)
        chosen = [one for one in found if start <= one.start < end and one.kind in set(kinds)]
        return [episode_answer(one) for one in reversed(chosen)]

    def insights(self, user_id: str, days: int, unit: Unit | None = None) -> InsightsAnswer:
        """What stands out in the `days` local days that end with the newest full one."""
        person = self._store.people.get(user_id)
        found = find_insights(self._store, self._queries, user_id, days, unit or person.unit, self._clock())
        period = found.period
        return InsightsAnswer(
            days=days,
            first=period.start if period else None,
            end=period.end if period else None,
            n=period.metrics.n if period else 0,
            active_percent=period.metrics.active_percent if period else None,
            sufficient=period is not None and period.sufficiency.sufficient,
            insights=tuple(_picked(InsightAnswer, one) for one in found.insights),
            patterns=tuple(_picked(PatternAnswer, one) for one in found.patterns),
        )

    def adherence(self, user_id: str, protocol: str | None = None, unit: Unit | None = None) -> list[AdherenceAnswer]:
        """Every measure on days with and without a protocol, or each of the person's protocols."""
        person = self._store.people.get(user_id)
        names = [protocol] if protocol else [one.name for one in self._store.protocols.list(user_id)]
        compared = (compare_protocol(self._store, self._queries, user_id, one, unit or person.unit) for one in names)
        return [_picked(AdherenceAnswer, one) for each in compared for one in each]

    def _series(self, subject: Subject, start: datetime, end: datetime) -> Series:
        return series_of(self._queries, subject, _date(start) - timedelta(days=1), _date(end) + timedelta(days=2))


def _picked(kind: type[T], value: msgspec.Struct) -> T:
    """An answer of the fields that it shares with a struct."""
    return kind(**{name: getattr(value, name) for name in kind.model_fields})


def _next(found: Sequence[Paged], limit: int) -> Place | None:
    return found[-1].place if len(found) == limit else None


def _date(moment: datetime) -> date:
    return moment.date()


def _within(series: Series, start: datetime, end: datetime) -> Series:
    return series.where((series.utc >= epoch_ms(start)) & (series.utc < epoch_ms(end)))
