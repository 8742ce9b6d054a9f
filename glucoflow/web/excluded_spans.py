"""Excluded spans in a trace: grey with their reason, so that what somebody left out is no failure of a sensor."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from glucoflow.model.said import said
from glucoflow.store import Exclusion
from glucoflow.web.charts import Json, View

EXCLUDED = said("Excluded")
GREY = "#98a2b3"
TRACES = ("last_24h", "trace_14d", "events_trace")
"""Charts over the wearer's own clock, in milliseconds."""
DAY_VIEW = "day_view"
"""The chart over the minutes of one day."""
_DAY = 24 * 60


def shaded(name: str, spec: Json, exclusions: Iterable[Exclusion], view: View, zone: str) -> Json:
    """The specification with a grey span behind its trace for each exclusion in the view; any other chart as it is."""
    if name in TRACES:
        rows = [
            _row(one, _local_ms(start, zone), _local_ms(end, zone)) for one, start, end in _within(exclusions, view)
        ]
        x = {"type": "temporal", "scale": {"type": "utc", "nice": False}, "title": None}
    elif name == DAY_VIEW:
        rows = [
            _row(one, _minute(start, zone), _minute(end, zone) or _DAY) for one, start, end in _within(exclusions, view)
        ]
        x = {"type": "quantitative", "title": None}
    else:
        return spec
    return (
        {**spec, "layer": [spec["layer"][0], _layer(rows, x, view.language.of(EXCLUDED)), *spec["layer"][1:]]}
        if rows
        else spec
    )


def _within(exclusions: Iterable[Exclusion], view: View) -> Sequence[tuple[Exclusion, datetime, datetime]]:
    """Each exclusion that lies in the view, with the part of it that does."""
    parts = [(one, max(one.start, view.start), min(one.end, view.end)) for one in exclusions]
    return [part for part in parts if part[1] < part[2]]


def _row(one: Exclusion, start: float, end: float) -> Json:
    return {"start": start, "end": end, "reason": one.reason}


def _local_ms(time: datetime, zone: str) -> float:
    """The wall clock of the home zone, as milliseconds that are drawn as if they were UTC."""
    offset = time.astimezone(ZoneInfo(zone)).utcoffset() or timedelta(0)
    return (time.timestamp() + offset.total_seconds()) * 1000


def _minute(time: datetime, zone: str) -> int:
    """The minute of the local day; the midnight that ends it is 0."""
    local = time.astimezone(ZoneInfo(zone))
    return local.hour * 60 + local.minute


def _layer(rows: Sequence[Json], x: dict[str, Any], title: str) -> Json:
    start, end = {"field": "start", **x}, {"field": "end"}
    tooltip = [{"field": "reason", "type": "nominal", "title": title}]
    words = {"type": "text", "align": "left", "baseline": "bottom", "dx": 4, "dy": -4, "limit": 110, "fontSize": 10}
    return {
        "data": {"values": list(rows)},
        "layer": [
            {
                "mark": {"type": "rect", "color": GREY, "opacity": 0.28},
                "encoding": {"x": start, "x2": end, "tooltip": tooltip},
            },
            {
                "mark": {**words, "color": GREY},
                "encoding": {
                    "x": start,
                    "y": {"value": {"expr": "height"}},
                    "text": {"field": "reason", "type": "nominal"},
                },
            },
        ],
    }
