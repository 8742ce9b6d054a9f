"""Summaries, episodes and insights as documents: computed from readings, kept beside them, found by the same dates.

Their ids depend on nothing but the person and what they are of (a date, a window, a kind and start), so computing them
again replaces, and an unchanged one is not rewritten. Figures are rounded to 6 decimals: sums of the same readings in
another order may differ in the last digit of a double.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from glucoflow.analytics.insights import Insight
from glucoflow.analytics.series import day_number
from glucoflow.analytics.summary import DaySummary, PeriodSummary
from glucoflow.enrich import document_id
from glucoflow.model.documents import (
    Document,
    EpisodeFields,
    EventFields,
    Id,
    InsightFields,
    Source,
    SummaryFields,
    TimeFields,
)
from glucoflow.model.glycemia import Episode
from glucoflow.model.localtime import DAY_MS, MINUTE_MS, epoch_ms, time_fields
from glucoflow.model.records import NO_PAYLOAD
from glucoflow.model.said import plain
from glucoflow.model.units import to_mmol_l

DERIVED = "glucoflow"
"""The provider and connection of what glucoflow computed itself."""

_DECIMALS = 6
_MINUTES_A_DAY = DAY_MS // MINUTE_MS


def day_document(user_id: str, zone: str, summary: DaySummary) -> Document:
    """A local day's summary, at the moment the day began. `zone` is the person's home zone."""
    offset = day_number(summary.date) * _MINUTES_A_DAY - epoch_ms(summary.start) // MINUTE_MS
    source = Source(
        timestamp=summary.start,
        event=EventFields(dataset="summary.day", kind="metric", provider=DERIVED),
        user=Id(id=user_id),
        connection=Id(id=DERIVED),
        time=_time(summary.start, offset, zone),
        summary=summary_fields(summary, summary.start, summary.end),
    )
    return Document(document_id(user_id, DERIVED, "summary.day", summary.date.isoformat()), source)


def period_document(
    user_id: str, zone: str, summary: PeriodSummary, start: datetime, last: datetime, end: datetime
) -> Document:
    """A period's summary, one a window: the newest replaces. `start` and `end` are its instants, `last` its last day's.

    It stands at the moment its last day began.
    """
    offset = (day_number(summary.end) - 1) * _MINUTES_A_DAY - epoch_ms(last) // MINUTE_MS
    source = Source(
        timestamp=last,
        event=EventFields(dataset="summary.period", kind="metric", provider=DERIVED),
        user=Id(id=user_id),
        connection=Id(id=DERIVED),
        time=_time(last, offset, zone),
        summary=summary_fields(summary, start, end),
    )
    return Document(document_id(user_id, DERIVED, "summary.period", summary.window), source)


def episode_document(user_id: str, zone: str, episode: Episode) -> Document:
    """One episode, at its start."""
    source = Source(
        timestamp=episode.start,
        event=EventFields(dataset="episode", kind="event", provider=DERIVED),
        user=Id(id=user_id),
        connection=Id(id=DERIVED),
        time=_time(episode.start, episode.offset_min, zone),
        episode=episode_fields(episode),
    )
    key = f"{episode.kind} {epoch_ms(episode.start)}"
    return Document(document_id(user_id, DERIVED, "episode", key), source)


def insight_document(user_id: str, insight: Insight, rank: int, period: Document) -> Document:
    """One thing that stands out in a period, where the period's summary stands; of each kind there is one a window."""
    summary = period.source.summary
    assert summary is not None  # noqa: S101 - it is a period's
    source = Source(
        timestamp=period.source.timestamp,
        event=EventFields(dataset="insight", kind="event", provider=DERIVED),
        user=Id(id=user_id),
        connection=Id(id=DERIVED),
        time=period.source.time,
        insight=InsightFields(
            kind=insight.kind,
            rank=rank,
            tone=insight.tone,
            text=str(insight.text),
            rule=str(insight.rule),
            suggestion=None if insight.suggestion is None else str(insight.suggestion),
            window=summary.window,
            start=summary.start,
            end=summary.end,
            dates=tuple(day.isoformat() for day in insight.dates),
        ),
    )
    return Document(document_id(user_id, DERIVED, "insight", f"{summary.window} {insight.kind}"), source)


def summary_fields(summary: DaySummary | PeriodSummary, start: datetime, end: datetime) -> SummaryFields:
    """The `summary` object of a document. `start` and `end` are instants; a period has the date of its last day."""
    fields = _rounded(msgspec.to_builtins(summary, enc_hook=plain))
    metrics = fields.pop("metrics")
    missing = metrics.pop("missing")
    fields |= metrics | {"start": start, "end": end}
    if isinstance(summary, DaySummary):
        fields["window"] = "day"
    else:
        fields["date"] = (summary.end - timedelta(days=1)).isoformat()
        fields["change"] = fields["change"] or None
    made = msgspec.convert(fields, SummaryFields)
    reasons = msgspec.Raw(msgspec.json.encode(missing, order="sorted", enc_hook=plain)) if missing else NO_PAYLOAD
    return msgspec.structs.replace(made, missing=reasons)


def episode_fields(episode: Episode) -> EpisodeFields:
    """The `episode` object of a document."""
    fields = msgspec.to_builtins(episode) | {"extreme_mmol_l": to_mmol_l(episode.extreme_mg_dl)}
    return msgspec.convert(_rounded(fields), EpisodeFields)


def _time(moment: datetime, offset_min: int, zone: str) -> TimeFields:
    return time_fields(epoch_ms(moment), offset_min, None, zone)


def _rounded(value: Any) -> Any:
    match value:
        case float():
            return round(value, _DECIMALS)
        case dict():
            return {name: _rounded(inner) for name, inner in value.items()}
        case list():
            return [_rounded(inner) for inner in value]
    return value
