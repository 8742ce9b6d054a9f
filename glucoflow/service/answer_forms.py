"""Readings, events, figures and episodes in the form in which other programs get them."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

from glucoflow.analytics.data_sufficiency import borne, covered_ms, sufficiency, why_no_variability
from glucoflow.analytics.episodes import find_episodes
from glucoflow.analytics.series import Series, epoch_ms, moment_of
from glucoflow.analytics.summary import DaySummary, metrics_of
from glucoflow.analytics.time_in_ranges import target_bands
from glucoflow.model.documents import Document, Source
from glucoflow.model.glycemia import EPISODE_KINDS, Episode, Sufficiency
from glucoflow.model.goals import ShownShares, goals_of, shown_shares
from glucoflow.model.targets import Targets
from glucoflow.model.units import to_mmol_l
from glucoflow.service.answers import (
    DayAnswer,
    EpisodeAnswer,
    EventAnswer,
    FiguresAnswer,
    GoalAnswer,
    Nearby,
    Range,
    ReadingAnswer,
    Window,
    metrics_answer,
)
from glucoflow.store import Exclusion, Person


def range_of(targets: Targets) -> Range:
    """The range between low and high, in both units."""
    low, high = float(targets.low), float(targets.high)
    return Range(low_mg_dl=low, high_mg_dl=high, low_mmol_l=to_mmol_l(low), high_mmol_l=to_mmol_l(high))


def minutes_of(length: timedelta) -> float:
    """A length in minutes, to a tenth."""
    return round(length / timedelta(minutes=1), 1)


def window_of(used: Series, start: datetime, end: datetime, state: Sufficiency, now: datetime) -> Window:
    """How much stands behind a figure of a span, and how old its newest reading is."""
    newest = moment_of(int(used.utc[-1])) if len(used) else None
    return Window(
        start=start,
        end=end,
        n=len(used),
        active_percent=state.active_percent,
        newest=newest,
        age_minutes=None if newest is None else minutes_of(now - newest),
        sufficient=state.sufficient,
        reason=state.reason,
    )


def reading_answer(document: Document, spans: Sequence[Exclusion]) -> ReadingAnswer | None:
    """A reading; None for a document without a glucose value."""
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


def event_answer(document: Document) -> EventAnswer:
    """A meal, a dose, an exercise, a note or an alert."""
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


def figures_answer(part: Series, person: Person, start: datetime, end: datetime, now: datetime) -> FiguresAnswer:
    """The figures of a span, and why some of them are missing."""
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
        window=window_of(used, start, end, state, now),
        range=range_of(targets),
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


def day_answer(summary: DaySummary, series: Series, now: datetime) -> DayAnswer:
    """One day of the person, by its summary."""
    part = series.between(summary.date, summary.date + timedelta(days=1)).used
    return DayAnswer(
        date=summary.date,
        window=window_of(part, summary.start, summary.end, summary.sufficiency, now),
        metrics=metrics_answer(summary.metrics),
        episodes=msgspec.structs.asdict(summary.episodes),
    )


def episode_answer(one: Episode) -> EpisodeAnswer:
    """One episode, in both units."""
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
