"""The figures of one person as one JSON object: glucose in mg/dL, percentages 0–100, null with a reason, never NaN."""

import re
from datetime import UTC, timedelta, timezone

import orjson

from glucoflow.analytics.episode_detection import count_detected, detect
from glucoflow.analytics.grid import grid_of
from glucoflow.analytics.series import Series, moment_of
from glucoflow.analytics.summary import COMPARED, Metrics, metrics_of
from glucoflow.model.glycemia import EPISODE_KINDS

_UNITS = re.compile(r"(?<!active)(_percent|_mg_dl|_mg_dl_per_h)$")
KEYS: dict[str, str] = {
    _UNITS.sub("", name): name for name in (*COMPARED, "ea1c_percent", "j_index") if not name.startswith("target")
}
"""The object's key for each figure."""


def json_line(person_id: str, series: Series, zoned: bool) -> str:
    """One object on one line. `reasons` is there when a figure is null and names the cause of each.

    `start` and `end` are the first and last reading in local time, with the offset where it is known.
    """
    used = series.used
    metrics = metrics_of(series)
    counts = count_detected(detect(grid_of(used, used.whole)))
    answer: dict[str, object] = {"id": person_id}
    answer |= {key: getattr(metrics, name) for key, name in KEYS.items()}
    answer["n"] = metrics.n
    answer["start"] = local_iso(used, 0, zoned)
    answer["end"] = local_iso(used, -1, zoned)
    answer["episodes"] = {kind: getattr(counts, kind) for kind in EPISODE_KINDS}
    reasons = _reasons(metrics)
    if reasons:
        answer["reasons"] = reasons
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


def _reasons(metrics: Metrics) -> dict[str, str]:
    reasons = {key: metrics.missing[name] for key, name in KEYS.items() if name in metrics.missing}
    if metrics.n == 0:
        reasons |= dict.fromkeys(("active_percent", "start", "end"), "no readings")
    return reasons
