"""The figures of one person as one JSON object: glucose in mg/dL, percentages 0–100, null with a reason, never NaN."""

import re
from collections.abc import Mapping
from datetime import UTC, timedelta, timezone

import msgspec
import orjson

from glucoflow.analytics.more_figures import by_clock_period, more_figures
from glucoflow.analytics.series import Series, moment_of
from glucoflow.analytics.summary import COMPARED, Metrics
from glucoflow.model.goals import goals_of
from glucoflow.model.said import plain
from glucoflow.report.figures import Figures

_UNITS = re.compile(r"(?<!active)(_percent|_mg_dl|_mg_dl_per_h)$")
_QUANTILES = ("min_mg_dl", "p25_mg_dl", "median_mg_dl", "p75_mg_dl", "max_mg_dl")
KEYS: dict[str, str] = {
    _UNITS.sub("", name): name
    for name in (*COMPARED, "ea1c_percent", "j_index", *_QUANTILES)
    if not name.startswith("target")
}
"""The object's key for each figure."""


def json_line(person_id: str, figures: Figures, zoned: bool, more: Mapping[str, object] | None = None) -> str:
    """One object on one line, `more` at its end. `reasons` is there when a figure is null and names the cause of each.

    `start` and `end` are the first and last reading in local time, with the offset where it is known. `goals` has the
    goals of the profile with the exact share, met or missed; null where the data do not bear a judgement.
    """
    used, metrics = figures.used, figures.metrics
    answer: dict[str, object] = {"id": person_id}
    answer |= {key: getattr(metrics, name) for key, name in KEYS.items()}
    answer["n"] = metrics.n
    answer["start"] = local_iso(used, 0, zoned)
    answer["end"] = local_iso(used, -1, zoned)
    answer["limits"] = {"low": metrics.n_low_limit, "high": metrics.n_high_limit}
    answer["not_counted"] = msgspec.to_builtins(metrics.excluded_counts)
    answer["interval_minutes"] = None if metrics.interval_ms is None else metrics.interval_ms / 60_000
    answer["days_with_data"] = figures.days_with_data
    answer["sufficiency"] = msgspec.to_builtins(figures.state, enc_hook=plain)
    answer["goals"] = _goals(figures)
    answer["more"] = None if figures.no_episodes else _more(used)
    answer["episodes"] = None if figures.no_episodes else figures.counts()
    reasons = _reasons(metrics, figures)
    if reasons:
        answer["reasons"] = reasons
    answer |= more or {}
    return orjson.dumps(answer).decode()


def local_iso(used: Series, index: int, zoned: bool) -> str | None:
    """The wall-clock time of a reading as ISO 8601; None without readings."""
    if len(used) == 0:
        return None
    local = moment_of(int(used.local_ms[index])).replace(tzinfo=None)
    if not zoned:
        return local.isoformat()
    offset = timedelta(minutes=int(used.offset_min[index]))
    return (local - offset).replace(tzinfo=UTC).astimezone(timezone(offset)).isoformat()


def _more(used: Series) -> dict[str, object]:
    """Further figures (`analytics.more_figures`) under their own names, units included; null without readings."""
    found = more_figures(used)
    return {
        **msgspec.to_builtins(found, enc_hook=plain),
        "conga_mg_dl": {f"{hours}h": one for hours, one in found.conga_mg_dl.items()},
        "clock_periods": msgspec.to_builtins(by_clock_period(used), enc_hook=plain),
    }


def _goals(figures: Figures) -> list[dict[str, object]] | None:
    if figures.shares is None or not figures.state.sufficient:
        return None
    return [
        {
            "name": name,
            "goal": goal.percent,
            "over": goal.more,
            "percent": figures.shares.truth(name),
            "met": goal.met(figures.shares.truth(name)),
        }
        for name, goal in goals_of(figures.targets).items()
    ]


def _reasons(metrics: Metrics, figures: Figures) -> dict[str, str]:
    reasons = {key: metrics.missing[name] for key, name in KEYS.items() if name in metrics.missing}
    if metrics.n == 0:
        reasons |= dict.fromkeys(("active_percent", "start", "end", "interval_minutes"), "no readings")
    if figures.shares is None or not figures.state.sufficient:
        reasons["goals"] = figures.state.reason or "no readings"
    if figures.no_episodes:
        reasons |= dict.fromkeys(("episodes", "more"), figures.no_episodes)
    return reasons
