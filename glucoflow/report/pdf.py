"""The report as PDF, text selectable: each page is drawn as SVG and converted by vl-convert, without a browser."""

import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal

import vl_convert
from pypdf import PdfReader, PdfWriter

from glucoflow.model.said import capital, said
from glucoflow.report.charts import COLOURS, FAINT, FONT, INK, LINE, SMOOTHING
from glucoflow.report.sheet import Cell, Sheet

Paper = Literal["A4", "Letter"]
SIZES: dict[Paper, tuple[int, int]] = {"A4": (595, 842), "Letter": (612, 792)}
"""Points."""

WIDTH = 540.0
COLUMNS = (300.0, 370.0, 450.0, WIDTH)
"""Where the numbers of the table of episodes end."""
TOP = 30.0
NOTICE = COLOURS["high"]
FOOT = said(
    "Bands, goals and episodes after the international consensus of 2019 and 2023; night is 00:00–06:00; times are "
    "local. Not for dosing decisions."
)


def pdf_of(sheets: Sequence[Sheet], paper: Paper = "A4") -> bytes:
    """One page a sheet, and a second one for those with large days."""
    writer = PdfWriter()
    for sheet in sheets:
        for svg in (_first(sheet, paper), *([_second(sheet, paper)] if sheet.large_days_svg else [])):
            for page in PdfReader(io.BytesIO(vl_convert.svg_to_pdf(svg))).pages:
                writer.add_page(page)
    writer.add_metadata({"/Title": ", ".join(_title(sheet) for sheet in sheets)})
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def _title(sheet: Sheet) -> str:
    return sheet.language.of(said("Glucose report: %(name)s", name=sheet.title))


def _first(sheet: Sheet, paper: Paper) -> str:
    parts, y = _head(sheet)
    if not sheet.bars:
        return _page(paper, parts, sheet)
    parts += _cells(sheet.main, y, 3, 84)
    parts += _ranges(sheet, y)
    y += 218
    profile = said("24-hour glucose profile: %(days)s; %(unit)s", days=sheet.profile_days, unit=sheet.unit)
    parts.append(_text(0, y, sheet.language.of(profile), 9.5, bold=True))
    parts.append(_text(WIDTH, y, sheet.language.of(SMOOTHING), 6, "end", FAINT))
    parts.append(_placed(sheet.profile_svg, 0, y + 5, WIDTH))
    y += 182
    days = said("Days: %(dates)s, midnight to midnight", dates=sheet.days)
    parts.append(_text(0, y, sheet.language.of(days), 9.5, bold=True))
    rows = max(1, round(_height(sheet.days_svg) / 62))
    shown = min(WIDTH, WIDTH * 2.4 / max(rows, 2.4))
    parts.append(_placed(sheet.days_svg, 0, y + 4, shown))
    y += 4 + shown * _height(sheet.days_svg) / 640 + 13
    parts += _episodes(sheet, y)
    return _page(paper, parts, sheet)


def _second(sheet: Sheet, paper: Paper) -> str:
    parts, y = _head(sheet)
    scale = min(1.0, 690 / _height(sheet.large_days_svg))
    parts.append(_placed(sheet.large_days_svg, 0, y - 4, WIDTH * scale))
    return _page(paper, parts, sheet)


def _head(sheet: Sheet) -> tuple[list[str], float]:
    source = said("%(source)s; glucose in %(unit)s", source=sheet.source, unit=sheet.unit)
    parts = [
        _text(0, 14, _title(sheet)[:64], 15, bold=True),
        _text(WIDTH, 10, sheet.span, 8.5, "end"),
        _text(WIDTH, 21, sheet.language.of(source), 7.5, "end", FAINT),
        f'<path d="M0 27H{WIDTH}" stroke="{LINE}" stroke-width="1.4"/>',
    ]
    y = 38.0
    lines = _wrapped("; ".join(sheet.about), 125)[:2]
    reason = sheet.sufficiency.reason
    only = sheet.language.of(said("The figures describe only what is there."))
    notice = [f"{capital(reason)}. {only}"] if reason else []
    for line, color in (*((line, INK) for line in lines), *((line, NOTICE) for line in notice)):
        parts.append(_text(0, y, line, 8, color=color))
        y += 11
    return parts, y + 8


def _cells(cells: Iterable[Cell], y: float, across: int, width: float) -> list[str]:
    parts = []
    for k, cell in enumerate(cells):
        x, top = k % across * (width + 6), y + k // across * 50
        parts.append(f'<path d="M{x} {top - 9}H{x + width}" stroke="#D5DBE3" stroke-width="0.6"/>')
        parts.append(_text(x, top, cell.name, 7.5, color=FAINT))
        parts.append(_text(x, top + 14, cell.value, 14, bold=True))
        for row, line in enumerate(_wrapped(cell.why or cell.note, 24)[:3]):
            parts.append(_text(x, top + 22 + 7 * row, line, 6.3, color=FAINT))
    return parts


def _ranges(sheet: Sheet, y: float) -> list[str]:
    x, height, at = 285.0, 165.0, y
    title = sheet.language.of(said("Time in ranges, %(unit)s", unit=sheet.unit))
    parts = [_text(x, y - 1, title, 9.5, bold=True)]
    at += 6
    labels = at + 9
    for bar in sheet.bars:
        tall = height * bar.share / 100
        parts.append(f'<rect x="{x}" y="{at:.2f}" width="22" height="{tall:.2f}" fill="{COLOURS[bar.key]}"/>')
        at += tall
        parts.append(f'<rect x="{x + 30}" y="{labels - 6.5}" width="7" height="7" fill="{COLOURS[bar.key]}"/>')
        parts.append(_text(x + 41, labels, f"{bar.name} {bar.limits}", 8.5))
        parts.append(_text(x + 170, labels, bar.shown, 10, "end", bold=True))
        goal = _wrapped(bar.goal.replace(" %", "\u00a0%").replace(" :", "\u00a0:"), 22)
        for row, line in enumerate(goal):
            parts.append(_text(x + 176, labels + 7.5 * row - 3.5 * (len(goal) - 1), line, 7, color=FAINT))
        labels += 24
    for line in sheet.sums:
        parts.append(_text(x + 30, labels, line, 7.5))
        labels += 12
    return parts


def _episodes(sheet: Sheet, y: float) -> list[str]:
    say = sheet.language.of
    parts = [_text(0, y, say(said("Episodes")), 9.5, bold=True)]
    if sheet.no_episodes:
        return [*parts, _text(0, y + 11, say(said("Not counted: %(why)s.", why=sheet.no_episodes)), 7.5)]
    titles = (said("number"), said("per worn week"), said("median length"), said("at night"))
    for title, x in zip(titles, COLUMNS, strict=True):
        parts.append(_text(x, y, say(title), 7.5, "end", FAINT))
    for k, row in enumerate(sheet.episodes):
        at = y + 11 + 10 * k
        parts.append(_text(0, at, f"{row.name}: {row.rule}", 7.8))
        values = (f"{row.count}", row.per_week, row.typical, f"{row.at_night}")
        for value, x in zip(values, COLUMNS, strict=True):
            parts.append(_text(x, at, value, 7.8, "end"))
    return parts


def _page(paper: Paper, parts: Iterable[str], sheet: Sheet) -> str:
    width, height = SIZES[paper]
    counted = sheet.not_counted or sheet.language.of(said("all readings counted"))
    foot = [_text(0, height - TOP - 30, f"{capital(counted)}.", 7, color=FAINT)]
    for row, line in enumerate(_wrapped(sheet.language.of(FOOT), 170)):
        foot.append(_text(0, height - TOP - 20 + 8 * row, line, 7, color=FAINT))
    body = "".join([*parts, *foot])
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}><rect width="{width}" height="{height}" fill="#fff"/>'
        f'<g transform="translate({(width - WIDTH) / 2} {TOP})">{body}</g></svg>'
    )


def _placed(svg: str, x: float, y: float, width: float) -> str:
    """A chart in a place of its own: a nested svg scales by its viewBox."""
    _, _, wide, tall = (float(part) for part in svg.split('viewBox="', 1)[1].split('"', 1)[0].split())
    inner = svg.split(">", 1)[1]
    place = f'x="{x}" y="{y}" width="{width:.2f}" height="{width * tall / wide:.2f}"'
    return f'<svg {place} viewBox="0 0 {wide:g} {tall:g}">{inner}'


def _height(svg: str) -> float:
    return float(svg.split('viewBox="', 1)[1].split('"', 1)[0].split()[3])


def _wrapped(words: str, most: int) -> list[str]:
    lines: list[str] = []
    for word in words.split():
        if lines and len(lines[-1]) + len(word) < most:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _text(
    x: float, y: float, words: str, size: float, anchor: str = "start", color: str = INK, bold: bool = False
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    place = f'x="{x:.2f}" y="{y:.2f}" font-size="{size}" text-anchor="{anchor}" fill="{color}"'
    return f'<text {place} font-family="{FONT}"{weight}>{escape(words)}</text>'
