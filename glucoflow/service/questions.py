"""What other programs may ask about one person. Every figure is computed from the readings, as on the pages.

An unknown person is Rejected; a fault of Elasticsearch is raised, so an empty answer means that there is nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import TypeVar

import msgspec

from glucoflow.analytics.data_sufficiency import borne, covered_ms, sufficiency, why_no_variability
from glucoflow.analytics.episodes import find_episodes
from glucoflow.analytics.series import Series, epoch_ms, moment_of
from glucoflow.analytics.summary import DaySummary, metrics_of, summarize_day
from glucoflow.analytics.time_in_ranges import target_bands
from glucoflow.es.queries import Paged, Queries, only
from glucoflow.model.documents import EVENT_DATASETS, Dataset, Document, Source
from glucoflow.model.glycemia import EPISODE_KINDS, Episode, EpisodeKind, Sufficiency
from glucoflow.model.goals import ShownShares, goals_of, shown_shares
from glucoflow.model.targets import Targets
from glucoflow.model.units import Unit, to_mmol_l
from glucoflow.service.answers import (
    AdherenceAnswer,
    Answer,
    DayAnswer,
    EpisodeAnswer,
    EventAnswer,
    FiguresAnswer,
    GoalAnswer,
    InsightAnswer,
    InsightsAnswer,
    LatestAnswer,
    Nearby,
    PatternAnswer,
    PersonAnswer,
    Range,
    ReadingAnswer,
    Window,
    metrics_answer,
)
from glucoflow.service.insights import compare_protocol, find_insights
from glucoflow.service.person_series import Subject, events_of, series_of, subject_of
from glucoflow.store import Exclusion, Person, Store

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
            range=_range(person.targets),
            newest_reading=self._queries.newest(user_id),
        )

    def latest(self, user_id: str) -> LatestAnswer:
        self._store.people.get(user_id)
        rows, _ = self.readings(user_id, None, None, 1, newest_first=True)
        if not rows:
            return LatestAnswer(reading=None, age_minutes=None, stale=True)
        age = self._clock() - rows[0].time
        return LatestAnswer(reading=rows[0], age_minutes=_minutes(age), stale=age > STALE)

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
        return [one for row in found if (one := _reading(row.document, spans))], _next(found, limit)

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
        return [_event(row.document) for row in found], _next(found, limit)

    def figures(self, user_id: str, start: datetime, end: datetime) -> FiguresAnswer:
        """The figures of [start, end); a window that is still going on ends now."""
        subject = subject_of(self._store, user_id)
        now = self._clock()
        end = max(start, min(end, now))
        part = _within(self._series(subject, start, end), start, end)
        return _figures(part, subject.person, start, end, now)

    def days(self, user_id: str, first: date, last: date) -> list[DayAnswer]:
        """Every local date of first … last, newest first; a date without readings keeps its place."""
        subject = subject_of(self._store, user_id)
        now = self._clock()
        series = series_of(self._queries, subject, first - timedelta(days=1), last + timedelta(days=1))
        dates = [last - timedelta(days=back) for back in range((last - first).days + 1)]
        return [_day(summarize_day(series, day, subject.person.targets, now), series, now) for day in dates]

    def episodes(
        self, user_id: str, start: datetime, end: datetime, kinds: Iterable[EpisodeKind] = EPISODE_KINDS
    ) -> list[EpisodeAnswer]:
        """Episodes that began in [start, end), newest first."""
        subject = subject_of(self._store, user_id)
        series = self._series(subject, start, end)
        around = events_of(self._queries, user_id, _date(start), _date(end) + timedelta(days=1))
        found = find_episodes(series.used, subject.person.targets, around)
        chosen = [one for one in found if start <= one.start < end and one.kind in set(kinds)]
        return [_episode(one) for one in reversed(chosen)]

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


def _minutes(length: timedelta) -> float:
    return round(length / timedelta(minutes=1), 1)


def _range(targets: Targets) -> Range:
    low, high = float(targets.low), float(targets.high)
    return Range(low_mg_dl=low, high_mg_dl=high, low_mmol_l=to_mmol_l(low), high_mmol_l=to_mmol_l(high))


def _within(series: Series, start: datetime, end: datetime) -> Series:
    return series.where((series.utc >= epoch_ms(start)) & (series.utc < epoch_ms(end)))


def _reading(document: Document, spans: Sequence[Exclusion]) -> ReadingAnswer | None:
    source = document.source
    glucose, trend = source.glucose, source.trend
    if glucose is None:
        return None
    return ReadingAnswer(
        id=document.id,
        time=source.timestamp,
        utc_offset_min=source.time.utc_offset_min,
        mg_dl=glucose.mg_dl,
        mmol_l=glucose.mmol_l,
        range=glucose.range,
        limit=glucose.limit,
        trend=trend.direction if trend else None,
        rate_mg_dl_per_min=trend.rate if trend else None,
        excluded=any(one.start <= source.timestamp < one.end for one in spans),
        provider=source.event.provider,
        device=_device(source),
    )


def _device(source: Source) -> str | None:
    device = source.device
    return (device.name or device.model or device.id) if device else None


def _event(document: Document) -> EventAnswer:
    source = document.source
    insulin, exercise, glucose = source.insulin, source.exercise, source.glucose
    length = (insulin.duration_ms if insulin else None) or (exercise.duration_ms if exercise else None)
    amount = None
    if insulin is not None:
        parts = [one for one in (insulin.normal, insulin.extended) if one is not None]
        amount = insulin.amount if insulin.amount is not None else round(sum(parts), 4) if parts else None
    words = (source.note and source.note.text, source.health and source.health.kind, source.alert and source.alert.name)
    return EventAnswer(
        id=document.id,
        time=source.timestamp,
        utc_offset_min=source.time.utc_offset_min,
        kind=source.event.dataset,
        carbs_g=source.food.carbs_g if source.food else None,
        insulin_u=amount,
        insulin_u_per_h=insulin.rate if insulin else None,
        duration_min=None if length is None else length / 60_000,
        mg_dl=glucose.mg_dl if glucose else None,
        mmol_l=glucose.mmol_l if glucose else None,
        intensity=exercise.intensity if exercise else None,
        text=next((one for one in words if one), None),
        provider=source.event.provider,
    )


def _figures(part: Series, person: Person, start: datetime, end: datetime, now: datetime) -> FiguresAnswer:
    targets = person.targets
    used, length = part.used, epoch_ms(end) - epoch_ms(start)
    worn = covered_ms(used)
    state = sufficiency(used, length)
    metrics = borne(metrics_of(part, length, targets), worn, state, targets)
    bands = target_bands(used, targets)
    shares = shown_shares(bands, targets) if bands is not None and state.sufficient else None
    no_episodes = why_no_variability(worn)
    found = find_episodes(used, targets)
    return FiguresAnswer(
        window=_window(used, start, end, state, now),
        range=_range(targets),
        metrics=metrics_answer(metrics),
        goals=None if shares is None else _goals(shares, targets),
        episodes=None if no_episodes else {kind: sum(1 for one in found if one.kind == kind) for kind in EPISODE_KINDS},
        reasons={
            **metrics.missing,
            **({"goals": state.reason or "no readings"} if shares is None else {}),
            **({"episodes": no_episodes} if no_episodes else {}),
        },
    )


def _goals(shares: ShownShares, targets: Targets) -> tuple[GoalAnswer, ...]:
    return tuple(
        GoalAnswer(
            name=name,
            percent=shares.truth(name),
            goal=goal.percent,
            over=goal.more,
            met=goal.met(shares.truth(name)),
        )
        for name, goal in goals_of(targets).items()
    )


def _window(used: Series, start: datetime, end: datetime, state: Sufficiency, now: datetime) -> Window:
    newest = moment_of(int(used.utc[-1])) if len(used) else None
    return Window(
        start=start,
        end=end,
        n=len(used),
        active_percent=state.active_percent,
        newest=newest,
        age_minutes=None if newest is None else _minutes(now - newest),
        sufficient=state.sufficient,
        reason=state.reason,
    )


def _day(summary: DaySummary, series: Series, now: datetime) -> DayAnswer:
    part = series.between(summary.date, summary.date + timedelta(days=1)).used
    return DayAnswer(
        date=summary.date,
        window=_window(part, summary.start, summary.end, summary.sufficiency, now),
        metrics=metrics_answer(summary.metrics),
        episodes=msgspec.structs.asdict(summary.episodes),
    )


def _episode(one: Episode) -> EpisodeAnswer:
    return EpisodeAnswer(
        kind=one.kind,
        start=one.start,
        end=one.end,
        utc_offset_min=one.offset_min,
        minutes=one.minutes,
        extreme_mg_dl=one.extreme_mg_dl,
        extreme_mmol_l=to_mmol_l(one.extreme_mg_dl),
        extreme_at=one.extreme_at,
        night=one.night,
        around=tuple(Nearby(kind=near.kind, minutes=near.minutes, amount=near.amount) for near in one.around),
    )
