"""The report's charts as self-contained SVG, the same on the page to print and in the PDF.

The 24-hour profile is smoothed by one rule (`smoothed`), said beside it.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from html import escape

import numpy as np

from glucoflow.analytics.data_sufficiency import ACTIVE_NEEDED, active_percent
from glucoflow.analytics.profile import Profile
from glucoflow.analytics.series import Floats, Series, day_number
from glucoflow.languages import ENGLISH, Language
from glucoflow.model.localtime import DAY_MS, MINUTE_MS
from glucoflow.model.ranges import Band
from glucoflow.model.said import said
from glucoflow.model.targets import Targets
from glucoflow.model.units import Unit, glucose

COLOURS: dict[Band, str] = {
    "very_low": "#B62AC4",
    "low": "#D9485A",
    "in_range": "#1F8F86",
    "high": "#8A6D00",
    "very_high": "#D67A23",
}
"""Of the bands: those of all charts, which hold 3:1 on paper and can be told apart without red, green or blue."""
LINE, BAND, INK, FAINT = "#2E7DE0", "#5B8DC0", "#1D2733", "#55616F"
FONT = "Helvetica, Arial, sans-serif"
FLOOR = 40.0
LEAST_CEILING = 300.0
GAP_MS = 45 * MINUTE_MS
KERNEL = (1, 2, 3, 2, 1)
SMOOTHING = said("each percentile of 15 minutes averaged with its neighbours of 30 minutes (weights 1 2 3 2 1)")
PERCENTS = (
    ("p95", said("95 %%")),
    ("p75", said("75 %%")),
    ("p50", said("median")),
    ("p25", said("25 %%")),
    ("p05", said("5 %%")),
)


def smoothed(values: Sequence[float | None]) -> list[float | None]:
    """A percentile over the day's bins, each averaged with two neighbours a side, round midnight; gaps stay gaps."""
    known = np.array([np.nan if value is None else value for value in values])
    total, weight = np.zeros(known.size), np.zeros(known.size)
    for step, share in zip(range(-2, 3), KERNEL, strict=True):
        moved = np.roll(known, -step)
        held = ~np.isnan(moved)
        total[held] += share * moved[held]
        weight[held] += share
    return [None if np.isnan(known[k]) else float(total[k] / weight[k]) for k in range(known.size)]


def profile_svg(
    profile: Profile,
    targets: Targets,
    unit: Unit,
    width: float = 640,
    height: float = 190,
    language: Language = ENGLISH,
) -> str:
    """Median, 25–75 and 5–95 % over the local time of day, labelled, over lines at the targets' four limits."""
    curves = {name: smoothed([getattr(point, name) for point in profile.points]) for name, _ in PERCENTS}
    tops = [value for value in curves["p95"] if value is not None]
    scale = _Scale(34, 6, width - 34 - 44, height - 22, ceiling(max(tops, default=0.0)))
    minutes = [point.minute + profile.bin_minutes / 2 for point in profile.points]
    parts = [*_frame(scale, targets, unit, language), *_hours(scale, height, language)]
    for lower, upper, opacity in (("p05", "p95", 0.22), ("p25", "p75", 0.45)):
        parts += [
            f'<path d="{path}" fill="{BAND}" fill-opacity="{opacity}"/>'
            for path in _areas(scale, minutes, curves[lower], curves[upper])
        ]
    parts += [
        f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="1.8"/>'
        for path in _lines(scale, minutes, curves["p50"])
    ]
    parts += _labels(scale, curves, language)
    return _svg(width, height, parts, language.of(said("24-hour glucose profile")))


def days_svg(
    series: Series,
    targets: Targets,
    unit: Unit,
    first: date,
    last: date,
    width: float = 640,
    row: float = 62,
    across: int = 7,
    language: Language = ENGLISH,
) -> str:
    """A small trace for every local date first … last, so many a row; a day without data keeps its place.

    A day worn for less than 70 % is marked as a part and faded.
    """
    used, parts = series.used, []
    count = (last - first).days + 1
    cell = width / across
    top = ceiling(float(used.mg_dl.max()) if len(used) else 0.0)
    for k in range(count):
        day = first + timedelta(days=k)
        scale = _Scale(k % across * cell + 2, k // across * row + 12, cell - 6, row - 17, top)
        parts += _day(used.where(used.local_day == day_number(day)), day, targets, scale, language)
    low, high = glucose(targets.low, unit), glucose(targets.high, unit)
    title = said("Daily traces, target %(low)s–%(high)s %(unit)s", low=low, high=high, unit=unit)
    return _svg(width, -(-count // across) * row, parts, language.of(title))


def ceiling(highest: float) -> float:
    """The top of an axis, in mg/dL: 300, or as many fifties as its own curves need."""
    return max(LEAST_CEILING, float(-(-highest * 1.02 // 50) * 50))


class _Scale:
    """Where minutes of the day and mg/dL lie in a box."""

    def __init__(self, x: float, y: float, width: float, height: float, top: float) -> None:
        self.left, self.over, self.width, self.height, self.top = x, y, width, height, top

    def x(self, minute: float) -> float:
        return round(self.left + self.width * minute / 1440, 2)

    def y(self, mg_dl: float) -> float:
        share = (min(max(mg_dl, FLOOR), self.top) - FLOOR) / (self.top - FLOOR)
        return round(self.over + self.height * (1 - share), 2)


def _frame(scale: _Scale, targets: Targets, unit: Unit, language: Language) -> list[str]:
    parts = [_target(scale, targets)]
    right = scale.left + scale.width
    limits = (
        (targets.very_low, COLOURS["very_low"]),
        (targets.low, COLOURS["low"]),
        (targets.high, COLOURS["high"]),
        (targets.very_high, COLOURS["very_high"]),
    )
    for limit, color in dict(limits).items():
        y = scale.y(limit)
        width = 1.1 if limit in (targets.low, targets.high) else 0.6
        parts.append(f'<path d="M{scale.left} {y}H{right}" stroke="{color}" stroke-width="{width}"/>')
        parts.append(_text(scale.left - 4, y + 3, language.of(glucose(limit, unit)), 8, "end"))
    parts.append(_text(scale.left - 4, scale.over + 6, language.of(glucose(scale.top, unit)), 8, "end", FAINT))
    return parts


def _hours(scale: _Scale, height: float, language: Language) -> list[str]:
    parts = []
    for hour in range(0, 25, 3):
        x = scale.x(hour * 60)
        parts.append(f'<path d="M{x} {scale.over}V{scale.over + scale.height}" stroke="#EDF0F4" stroke-width="0.6"/>')
        parts.append(_text(x, height - 5, language.minute_of_day(hour * 60), 8, "middle"))
    return parts


def _labels(scale: _Scale, curves: dict[str, list[float | None]], language: Language) -> list[str]:
    """The names of the percentiles at the right end, apart enough to be read."""
    parts, above = [], -100.0
    for name, word in PERCENTS:
        known = [value for value in curves[name] if value is not None]
        if known:
            above = max(scale.y(known[-1]) + 3, above + 8.5)
            colour = LINE if name == "p50" else INK
            parts.append(_text(scale.left + scale.width + 4, above, language.of(word), 8, "start", colour))
    return parts


def _day(part: Series, day: date, targets: Targets, scale: _Scale, language: Language) -> list[str]:
    label = language.day(day)
    parts = [_target(scale, targets)]
    worn = active_percent(part, DAY_MS) or 0.0
    if len(part) == 0:
        label += f" · {language.of(said('no data'))}"
    elif worn < ACTIVE_NEEDED:
        label += f" · {language.of(said('part'))}"
    box = f'x="{scale.left}" y="{scale.over}" width="{scale.width:.2f}" height="{scale.height}"'
    parts.append(f'<rect {box} fill="none" stroke="#D5DBE3" stroke-width="0.6"/>')
    parts.append(_text(scale.left, scale.over - 3, label, 7.5, "start", INK if len(part) else FAINT))
    breaks = np.flatnonzero(np.diff(part.utc) > np.maximum(GAP_MS, 2 * part.interval_ms[1:])) + 1
    faded = ' stroke-opacity="0.45"' if worn < ACTIVE_NEEDED else ""
    minutes = part.local_ms % DAY_MS / MINUTE_MS
    for piece in np.split(np.arange(len(part)), breaks):
        if piece.size:
            path = _path(scale, minutes[piece], part.mg_dl[piece])
            parts.append(f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="0.9"{faded}/>')
    return parts


def _target(scale: _Scale, targets: Targets) -> str:
    top, bottom = scale.y(targets.high), scale.y(targets.low)
    box = f'x="{scale.left}" y="{top}" width="{scale.width:.2f}" height="{bottom - top:.2f}"'
    return f'<rect {box} fill="{COLOURS["in_range"]}" fill-opacity="0.12"/>'


def _path(scale: _Scale, minutes: Floats, values: Floats) -> str:
    """A line of at most one point a pixel and a half: a 1-minute sensor draws no more than a page can show."""
    step = max(1, int(minutes.size / max(scale.width / 1.5, 1)))
    points = [f"{scale.x(m)} {scale.y(v)}" for m, v in zip(minutes[::step], values[::step], strict=True)]
    return f"M{points[0]}" + ("".join(f"L{point}" for point in points[1:]) or "h0.8")


def _lines(scale: _Scale, minutes: Sequence[float], values: Sequence[float | None]) -> Iterable[str]:
    for run in _runs(values):
        points = [f"{scale.x(minutes[k])} {scale.y(values[k] or 0)}" for k in run]
        yield f"M{points[0]}" + ("".join(f"L{point}" for point in points[1:]) or "h1.5")


def _areas(
    scale: _Scale, minutes: Sequence[float], lower: Sequence[float | None], upper: Sequence[float | None]
) -> Iterable[str]:
    for run in _runs(lower):
        there = [f"{scale.x(minutes[k])} {scale.y(upper[k] or 0)}" for k in run]
        back = [f"{scale.x(minutes[k])} {scale.y(lower[k] or 0)}" for k in reversed(run)]
        yield f"M{'L'.join([*there, *back])}Z"


def _runs(values: Sequence[float | None]) -> list[list[int]]:
    runs: list[list[int]] = []
    for k, value in enumerate(values):
        if value is None:
            continue
        if runs and runs[-1][-1] == k - 1:
            runs[-1].append(k)
        else:
            runs.append([k])
    return runs


def _text(x: float, y: float, words: str, size: float, anchor: str, color: str = INK) -> str:
    place = f'x="{x:.2f}" y="{y:.2f}" font-size="{size}" text-anchor="{anchor}" fill="{color}"'
    return f'<text {place} font-family="{FONT}">{escape(words)}</text>'


def _svg(width: float, height: float, parts: Iterable[str], title: str) -> str:
    size = f'width="{width:g}" height="{height:g}" viewBox="0 0 {width:g} {height:g}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
    )
