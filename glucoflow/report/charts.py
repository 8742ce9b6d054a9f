"""The report's charts as self-contained SVG, drawn by Vega-Lite without a browser."""

from typing import Any

import numpy as np
import vl_convert

from glucoflow.analytics.profile import Profile
from glucoflow.analytics.series import DAY_MS, MINUTE_MS, Series, date_of
from glucoflow.model.targets import Targets
from glucoflow.model.units import Unit, in_unit

LINE, BAND, IN_RANGE, INK, FAINT = "#0B64DD", "#6092C0", "#209280", "#1D2733", "#98A2B3"
LOW_COLOR, HIGH_COLOR = "#CC5642", "#B8860B"
WIDTH = 640
DAILY_BIN_MIN = 10
DAYS_SHOWN = 14
SPARSE = 60
HOURS = (0, 6, 12, 18, 24)

Spec = dict[str, Any]
"""Vega-Lite's own JSON, not a contract of ours."""


def profile_svg(profile: Profile, targets: Targets, unit: Unit) -> str:
    """Median, 25–75 and 5–95 % over the local time of day, over the person's own range."""
    step = profile.bin_minutes
    rows: list[dict[str, Any]] = [
        {"hour": (point.minute + step / 2) / 60}
        | {name: _shown(getattr(point, name), unit) for name in ("p05", "p25", "p50", "p75", "p95")}
        for point in profile.points
    ]
    top = max([row["p95"] for row in rows if row["p95"] is not None] or [0])
    dots = _dots([row for row in rows if row["p50"] is not None])
    layers = [
        *_target_layers(targets, unit),
        _band("p05", "p95", 0.25),
        _band("p25", "p75", 0.5),
        {"mark": {"type": "line", "color": LINE, "strokeWidth": 2.2} | dots, "encoding": {"y": {"field": "p50"}}},
    ]
    spec = _base(rows, top, unit, WIDTH, 185)
    spec["encoding"]["x"]["axis"] |= {"values": list(range(0, 25, 3)), "labelExpr": _CLOCK}
    return _svg(spec | {"layer": layers})


def days_svg(series: Series, targets: Targets, unit: Unit) -> str:
    """The last 14 local days with readings, a small trace each, oldest first; gaps stay gaps."""
    rows = _daily_rows(series.used, unit)
    top = max([row["g"] for row in rows if row["g"] is not None] or [0])
    inner = _base(None, top, unit, 81, 52)
    inner["encoding"]["x"]["axis"] |= {"labels": False, "ticks": False, "values": [6, 12, 18]}
    inner["encoding"]["y"]["axis"] |= {"labels": False, "ticks": False, "title": None, "grid": False}
    mark = {"type": "line", "color": LINE, "strokeWidth": 1.2} | _dots(rows)
    line = {"mark": mark, "encoding": {"y": {"field": "g"}}}
    inner["layer"] = [*_target_layers(targets, unit), line]
    header = {"title": None, "labelFontSize": 9, "labelColor": INK, "labelPadding": 2}
    labels = list(dict.fromkeys(row["day"] for row in rows))
    facet = {"field": "day", "type": "nominal", "sort": labels, "header": header}
    return _svg({"data": {"values": rows}, "facet": facet, "columns": 7, "spacing": 8, "spec": inner})


def _daily_rows(used: Series, unit: Unit) -> list[dict[str, Any]]:
    numbers = np.unique(used.local_day)[-DAYS_SHOWN:]
    bins = 24 * 60 // DAILY_BIN_MIN
    rows: list[dict[str, Any]] = []
    for number in numbers.tolist():
        part = used.where(used.local_day == number)
        at = (part.local_ms % DAY_MS) // (DAILY_BIN_MIN * MINUTE_MS)
        counts, sums = np.bincount(at, minlength=bins), np.bincount(at, weights=part.mg_dl, minlength=bins)
        label = f"{date_of(number):%a %d %b}"
        # A 15-minute sensor leaves bins empty between its readings: only a real gap may break the line.
        reach = max(1, -(-int(part.interval_ms.max()) // (DAILY_BIN_MIN * MINUTE_MS)))
        held = np.flatnonzero(counts)
        for k, i in enumerate(held.tolist()):
            if k and i - held[k - 1] > max(reach, 4):
                rows.append({"day": label, "hour": (i - 0.5) * DAILY_BIN_MIN / 60, "g": None})
            mean = _shown(float(sums[i] / counts[i]), unit)
            rows.append({"day": label, "hour": (i + 0.5) * DAILY_BIN_MIN / 60, "g": mean})
    return rows


_CLOCK = "(datum.value < 10 ? '0' : '') + datum.value + ':00'"


def _base(rows: list[dict[str, Any]] | None, top: float, unit: Unit, width: int, height: int) -> Spec:
    ceiling = max(in_unit(300, unit), top * 1.05)
    axis = {"labelFontSize": 10, "labelColor": INK, "tickColor": FAINT, "domainColor": FAINT, "gridColor": "#EDF0F4"}
    spec: Spec = {
        "width": width,
        "height": height,
        "encoding": {
            "x": {
                "field": "hour",
                "type": "quantitative",
                "scale": {"domain": [0, 24], "nice": False},
                "axis": axis | {"title": None, "values": list(HOURS)},
            },
            "y": {
                "type": "quantitative",
                "scale": {"domain": [in_unit(40, unit), ceiling], "nice": False},
                "axis": axis | {"title": unit, "titleFontSize": 10, "titleColor": INK, "titleFontWeight": "normal"},
            },
        },
    }
    if rows is not None:
        spec["data"] = {"values": rows}
    return spec


def _target_layers(targets: Targets, unit: Unit) -> list[Spec]:
    low, high = in_unit(targets.low, unit), in_unit(targets.high, unit)
    one: Spec = {"values": [{"from": 0, "to": 24, "low": low, "high": high}]}
    x = {"x": {"field": "from", "type": "quantitative"}, "x2": {"field": "to"}}
    box = {"mark": {"type": "rect", "color": IN_RANGE, "opacity": 0.1}}
    layers: list[Spec] = [{"data": one, **box, "encoding": x | {"y": {"field": "low"}, "y2": {"field": "high"}}}]
    for field, color in (("low", LOW_COLOR), ("high", HIGH_COLOR)):
        mark = {"type": "rule", "color": color, "strokeWidth": 1}
        layers.append({"data": one, "mark": mark, "encoding": x | {"y": {"field": field}}})
    return layers


def _dots(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A line needs two neighbours to be seen: few readings get a dot each."""
    return {"point": {"size": 14, "color": LINE}} if len(rows) < SPARSE else {}


def _band(lower: str, upper: str, opacity: float) -> Spec:
    return {
        "mark": {"type": "area", "color": BAND, "opacity": opacity},
        "encoding": {"y": {"field": lower}, "y2": {"field": upper}},
    }


def _shown(mg_dl: float | None, unit: Unit) -> float | None:
    return None if mg_dl is None else in_unit(mg_dl, unit)


def _svg(spec: Spec) -> str:
    config = {"font": "Helvetica, Arial, sans-serif", "view": {"stroke": None}, "background": "transparent"}
    svg: str = vl_convert.vegalite_to_svg(spec | {"config": config}, vl_version="5.20")
    return svg
