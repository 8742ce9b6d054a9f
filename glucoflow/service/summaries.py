"""Summaries, episodes and insights of the local days that changed, written by the same sink as everything else.

Computing them again changes nothing: an unchanged one is not rewritten, an episode or insight that is no longer true is
deleted.
"""

import logging
from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime, timedelta

import msgspec

from glucoflow.analytics import Series, summarize_day, summarize_windows
from glucoflow.analytics.episodes import find_episodes
from glucoflow.analytics.series import moment_of
from glucoflow.analytics.summary import WINDOWS, PeriodSummary, day_start_ms
from glucoflow.es.answers import Latest
from glucoflow.es.held import Held, Stored
from glucoflow.es.queries import Version
from glucoflow.model.documents import Document
from glucoflow.model.ingestion import SinkResult, Window
from glucoflow.service.derived_documents import day_document, episode_document, insight_document, period_document
from glucoflow.service.insights import insights_in
from glucoflow.service.one_moment import settle_changes, settle_span
from glucoflow.service.person_series import (
    Subject,
    events_of,
    local_date,
    newest_full_day,
    series_of,
    subject_of,
)
from glucoflow.service.runtime import Runtime

log = logging.getLogger(__name__)

NIGHTLY_DAYS = 35
MOST_DAYS_AT_ONCE = 92
"""Days whose readings are in memory at a time."""

NEAR = 7
"""Changed days so close are computed from one read."""

REACH = 3
"""An episode may run on for days: those that began so many days before a changed one are looked at again."""

INSIGHT_DAYS = 14
"""Of the windows, the one whose insights are kept: the one that bears a judgement."""

_STANDS_FOR = timedelta(minutes=5)


class Summarized(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one person's summaries. `days` were computed; the rest counts documents."""

    user_id: str
    days: int = 0
    written: int = 0
    unchanged: int = 0
    deleted: int = 0


def summarize_after(rt: Runtime, user_id: str, since: datetime | None, window: Window | None = None) -> None:
    """What follows a sync (days written since its last success) or a backfill (days of its window): marks, figures.

    A failure is logged and never the sync's: the nightly run makes up for it.
    """
    try:
        if window is None:
            settle_changes(rt, user_id, since)
            summarize_changes(rt, user_id, since)
        else:
            settle_span(rt, user_id, window.start, window.end)
            summarize_span(rt, user_id, window.start, window.end)
    except Exception as error:  # whatever it is: the readings are stored, which is what the sync promised
        log.warning("the summaries after a sync failed: %s", type(error).__name__, exc_info=True)


def summarize_changes(rt: Runtime, user_id: str, since: datetime | None) -> Summarized:
    """The days with anything written at `since` or later; None means all."""
    changed = rt.queries.dates(user_id) if since is None else rt.queries.changed_dates(user_id, since)
    return summarize_dates(rt, user_id, [date.fromisoformat(day) for day in changed])


def summarize_span(rt: Runtime, user_id: str, start: datetime, end: datetime) -> Summarized:
    """Every local day that has readings, or had a summary, around the instants [start, end)."""
    first, last = (start - timedelta(days=1)).date(), (end + timedelta(days=1)).date()
    held = rt.queries.dates(user_id, start - timedelta(days=1), end + timedelta(days=1))
    summed = rt.queries.ids(user_id, "summary.day", first.isoformat(), last.isoformat())
    return summarize_dates(rt, user_id, {date.fromisoformat(day) for day in (*held, *summed.values())})


def summarize_last(rt: Runtime, user_id: str, days: int = NIGHTLY_DAYS) -> Summarized:
    """The last so many days, their marks first."""
    now = rt.clock()
    settle_span(rt, user_id, now - timedelta(days=days), now)
    return summarize_span(rt, user_id, now - timedelta(days=days), now)


def summarize_dates(rt: Runtime, user_id: str, dates: Collection[date]) -> Summarized:
    """The summaries and episodes of these local dates, and the periods where they are touched or due.

    Raises Retryable or Misconfigured where Elasticsearch cannot be used, Rejected for an unknown person.
    """
    subject, latest = subject_of(rt.store, user_id), rt.queries.latest(user_id)
    total = Summarized(user_id=user_id)
    full = newest_full_day(latest, rt.clock())
    due = full is not None and _periods_due(rt, user_id, dates, full)
    recent = _recent(rt, subject, full, dates) if full is not None and due else None
    for part in _parts(sorted(dates)):
        documents, gone, held = _days(rt, subject, part, latest, recent)
        total = _write(rt, total, documents, gone, held, days=len(part))
    if recent is not None and full is not None:
        periods = _periods(subject, full, recent.series)
        total = _write(rt, total, periods, ())
        total = _write(rt, total, *_insights(rt, subject, full, recent.series, periods))
    if latest is None:  # all readings were taken back
        left = rt.queries.documents(user_id, ["summary.period", "insight"])
        total = _write(rt, total, (), [one.id for one in left])
    log.info("summarized %d days: %d written, %d deleted", total.days, total.written, total.deleted)
    return total


def _parts(dates: list[date]) -> Iterator[list[date]]:
    part: list[date] = []
    for day in dates:
        if part and ((day - part[-1]).days > NEAR or (day - part[0]).days >= MOST_DAYS_AT_ONCE):
            yield part
            part = []
        part.append(day)
    if part:
        yield part


class _Recent(msgspec.Struct, frozen=True):
    """What periods are computed from, kept for the days in it: the series of [first, end)."""

    first: date
    end: date
    series: Series


def _recent(rt: Runtime, subject: Subject, full: date, dates: Collection[date]) -> _Recent:
    # One day more than twice the longest: by its offset the first day's beginning is known.
    first = full - timedelta(days=2 * max(WINDOWS.values()))
    end = max((full, *dates)) + timedelta(days=REACH + 1)
    return _Recent(first, end, series_of(rt.queries, subject, first, end, at_once=False))


def _days(
    rt: Runtime, subject: Subject, dates: list[date], latest: Latest | None, recent: _Recent | None
) -> tuple[list[Document], list[str], Held]:
    """Documents of days and episodes, the ids of those that are stored but no longer true, and what is stored."""
    person = subject.person
    first, last = dates[0] - timedelta(days=REACH + 1), dates[-1] + timedelta(days=REACH + 1)
    if recent is not None and recent.first <= first and last <= recent.end:
        series = recent.series.between(first, last)
    else:
        series = series_of(rt.queries, subject, first, last, at_once=False)
    end = _so_far(latest, rt.clock())
    held = set(series.dates())
    documents = [
        day_document(person.id, person.zone, summarize_day(series, day, person.targets, end))
        for day in dates
        if day in held
    ]
    touched = {day + timedelta(days=by) for day in dates for by in range(-REACH, 2)}
    events = events_of(rt.queries, person.id, min(touched), max(touched) + timedelta(days=1))
    episodes = find_episodes(series, person.targets, events)
    found = (episode_document(person.id, person.zone, one) for one in episodes)
    documents += [one for one in found if date.fromisoformat(one.source.time.date) in touched]
    scope: dict[str, Collection[date]] = {"summary.day": set(dates), "episode": touched}
    first, last = min(touched), max(touched)
    stored = rt.queries.versions(person.id, ["summary.day", "episode"], first.isoformat(), last.isoformat())
    true = {document.id for document in documents}
    gone = [
        key
        for key, one in stored.items()
        if key not in true and one.dataset in scope and date.fromisoformat(one.date) in scope[one.dataset]
    ]
    return documents, gone, Held({key: _known(one) for key, one in stored.items()})


def _known(one: Version) -> Stored:
    return Stored(one.hash, 0, one.dataset, seq_no=one.seq_no, primary_term=one.primary_term)


def _so_far(latest: Latest | None, now: datetime) -> datetime | None:
    """Until when the day that is still going on is judged: its newest reading, so that asking again changes nothing.

    None where no day with readings is going on.
    """
    if latest is None or newest_full_day(latest, now) == local_date(latest, latest.time):
        return None
    return latest.time + _STANDS_FOR


def _periods_due(rt: Runtime, user_id: str, dates: Collection[date], full: date) -> bool:
    """Whether a day in reach of the periods changed, or a day was completed since they were written."""
    reach = full - timedelta(days=2 * max(WINDOWS.values()))
    if any(reach <= day <= full for day in dates):
        return True
    stored = rt.queries.documents(user_id, ["summary.period"], limit=len(WINDOWS))
    return {one.source.time.date for one in stored} != {full.isoformat()} or len(stored) < len(WINDOWS)


def _periods(subject: Subject, full: date, series: Series) -> list[Document]:
    person = subject.person
    found = summarize_windows(series, full + timedelta(days=1), person.targets)
    return [_period(person.id, person.zone, series, summary) for summary in found]


def _insights(
    rt: Runtime, subject: Subject, full: date, series: Series, periods: Iterable[Document]
) -> tuple[list[Document], list[str]]:
    """What stands out in the kept window, and the ids of what is stored but no longer stands out."""
    person, window = subject.person, f"{INSIGHT_DAYS}d"
    found = insights_in(rt.queries, person, series, full + timedelta(days=1), INSIGHT_DAYS, person.unit)
    (period,) = (one for one in periods if one.source.summary is not None and one.source.summary.window == window)
    documents = [insight_document(person.id, one, rank, period) for rank, one in enumerate(found.insights, 1)]
    true = {document.id for document in documents}
    stored = rt.queries.documents(person.id, ["insight"])
    return documents, [one.id for one in stored if one.id not in true]


def _period(user_id: str, zone: str, series: Series, summary: PeriodSummary) -> Document:
    days = (summary.start, summary.end - timedelta(days=1), summary.end)
    start, last, end = (moment_of(day_start_ms(series, day)) for day in days)
    return period_document(user_id, zone, summary, start, last, end)


def _write(
    rt: Runtime,
    total: Summarized,
    documents: Collection[Document],
    gone: Collection[str],
    held: Held | None = None,
    days: int = 0,
) -> Summarized:
    rt.store.people.get(total.user_id)  # a person deleted meanwhile must not get an index again
    result: SinkResult = rt.sink(total.user_id, held=held).write(documents, list(gone), rt.clock())
    if result.rejected:
        log.warning("%d summaries were rejected: %s", len(result.rejected), result.rejected[0].reason)
    return Summarized(
        user_id=total.user_id,
        days=total.days + days,
        written=total.written + result.created + result.updated,
        unchanged=total.unchanged + result.unchanged,
        deleted=total.deleted + result.deleted,
    )
