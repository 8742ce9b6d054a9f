"""Summaries and episodes as the fields that Elasticsearch holds: `summary.*` and `episode.*`, units in the names.

The figures lie flat beside the window; what is missing is left out, with its reason under `missing`.
"""

from typing import Any

import msgspec

from glucoflow.analytics.episodes import Episode
from glucoflow.analytics.summary import DaySummary, PeriodSummary
from glucoflow.model.units import to_mmol_l


def summary_fields(summary: DaySummary | PeriodSummary) -> dict[str, Any]:
    """The `summary` object of a document. A day has the window `day`; dates are YYYY-MM-DD, `end` is exclusive."""
    metrics = msgspec.to_builtins(summary.metrics)
    fields: dict[str, Any] = {name: value for name, value in metrics.items() if value is not None}
    if not fields["missing"]:
        del fields["missing"]
    fields |= {"start": summary.start.isoformat(), "end": summary.end.isoformat()}
    if isinstance(summary, DaySummary):
        fields |= {"window": "day", "date": summary.date.isoformat(), "weekday": summary.weekday}
    else:
        fields |= {"window": summary.window, "days": summary.days}
        if summary.change:
            fields["change"] = dict(summary.change)
    fields["episodes"] = msgspec.to_builtins(summary.episodes)
    state = msgspec.to_builtins(summary.sufficiency)
    fields["sufficiency"] = {name: value for name, value in state.items() if value is not None}
    return fields


def episode_fields(episode: Episode) -> dict[str, Any]:
    """The `episode` object of a document; what it shows in lists is there in both units."""
    fields: dict[str, Any] = msgspec.to_builtins(episode)
    fields["extreme_mmol_l"] = to_mmol_l(episode.extreme_mg_dl)
    fields["around"] = [{name: value for name, value in near.items() if value is not None} for near in fields["around"]]
    if not fields["around"]:
        del fields["around"]
    return fields
