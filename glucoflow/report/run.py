"""What `glucoflow report FILE` does."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import jinja2
import msgspec

from glucoflow.analytics.data_sufficiency import active_words
from glucoflow.analytics.summary import Metrics
from glucoflow.file_reading.choices import Choices
from glucoflow.languages import ENGLISH, Language
from glucoflow.model.errors import UnreadableFile
from glucoflow.model.targets import PROFILES, Targets
from glucoflow.model.units import MG_DL, Unit, glucose, parse_unit
from glucoflow.model.words import count, number, percent
from glucoflow.report.as_json import json_line, local_iso
from glucoflow.report.charts import COLOURS
from glucoflow.report.figures import Figures, figures_of
from glucoflow.report.page import bars_of, episode_rows, goal_lines, not_counted, page_of
from glucoflow.report.pdf import FOOT, Paper, pdf_of
from glucoflow.report.reading import PersonInFile, read_people
from glucoflow.report.rows import decision_lines, file_json, rows_json, rows_lines, rows_words
from glucoflow.report.sheet import About, Sheet
from glucoflow.translating import spoken_by


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """How a report is asked for: the unit to show, what to judge by, which local dates, what to write.

    JSON is always in mg/dL. Without dates the period runs from the first reading to the last. `large` adds a second
    page with the last days one under another; `printed` is the date to print on it. Pages are in `language`, JSON and
    text in English.
    """

    unit: Unit = MG_DL
    targets: Targets = PROFILES["adult"]
    first: date | None = None
    last: date | None = None
    as_json: bool = False
    html: Path | None = None
    pdf: Path | None = None
    paper: Paper = "A4"
    large: bool = False
    printed: date | None = None
    born: date | None = None
    language: Language = ENGLISH


def report(
    path: Path,
    zone: str | None = None,
    units: str = MG_DL,
    as_json: bool = False,
    html_out: Path | None = None,
    day_first: bool | None = None,
    targets: Targets = PROFILES["adult"],
) -> str:
    """Reads the file and returns what to print, as `report_on` does. Raises UnreadableFile for what cannot be read."""
    people = read_people(path, Choices(zone=zone, day_first=day_first))
    return report_on(people, Wanted(unit=unit_named(units), targets=targets, as_json=as_json, html=html_out))


def unit_named(units: str) -> Unit:
    """The unit of a word. Raises UnreadableFile for an unknown one."""
    try:
        return parse_unit(units)
    except ValueError as error:
        raise UnreadableFile(f"The {error}.") from error


def report_on(people: Sequence[PersonInFile], wanted: Wanted) -> str:
    """What to print: JSON lines (one object per id), or text; writes HTML or PDF, a page a person, where asked for.

    Raises UnreadableFile with a remedy for a file that cannot be written, and for dates without a reading.
    """
    found = [(one, figures_of(one.series, wanted.targets, wanted.first, wanted.last)) for one in people]
    if (wanted.first or wanted.last) and not any(len(figures.used) for _, figures in found):
        raise UnreadableFile(
            "There is no reading in these dates.", remedy="Choose dates that the file has readings of."
        )
    written = _written(found, wanted)
    if wanted.as_json:
        return "\n".join(json_line(one.id, figures, one.zoned, _about(one)) for one, figures in found)
    if written:
        return "\n".join([*written, *(f"{one.id}: {rows_words(one.rows)}" for one in people)])
    return "\n\n".join(text_of_person(one, figures, wanted.unit) for one, figures in found)


def write_pages(sheets: Sequence[Sheet], html: Path | None, pdf: Path | None, paper: Paper = "A4") -> list[str]:
    """Writes the files that are wanted, and says so. Raises UnreadableFile for one that cannot be written."""
    said = []
    for out, content in (
        (html, html_of(sheets).encode() if html else b""),
        (pdf, pdf_of(sheets, paper) if pdf else b""),
    ):
        if out is not None:
            _write(out, content)
            said.append(f"Wrote {out}")
    return said


def _written(found: Sequence[tuple[PersonInFile, Figures]], wanted: Wanted) -> list[str]:
    if wanted.html is None and wanted.pdf is None:
        return []
    sheets = [
        page_of(
            About(name=one.id, source=one.source, printed=wanted.printed, born=wanted.born),
            figures,
            wanted.unit,
            wanted.large,
            wanted.language,
        )
        for one, figures in found
    ]
    return write_pages(sheets, wanted.html, wanted.pdf, wanted.paper)


def _about(person: PersonInFile) -> dict[str, object]:
    return {"rows": rows_json(person.rows), "file": file_json(person.contents)}


def text_of_person(person: PersonInFile, figures: Figures, unit: Unit) -> str:
    """The figures as plain text, a line each, the ones that the data do not bear with what is missing."""
    used, metrics, state = figures.used, figures.metrics, figures.state
    lines = [f"{person.id} ({person.source})"]
    lines += [f"  {line}" for line in rows_lines(person.contents, person.rows) + decision_lines(person.contents)]
    if metrics.n == 0:
        return "\n".join([*lines, f"  {state.reason}"])
    lines.append(f"  {local_iso(used, 0, person.zoned)} to {local_iso(used, -1, person.zoned)}")
    lines.append(f"  {count(metrics.n, 'reading')}, sensor active {active_words(metrics.active_percent)} of the time")
    lines.append(
        f"  {state.days:.1f} worn days; {figures.days_with_data} of {count(figures.calendar_days, 'day')} with data"
    )
    lines.append(f"  {state.reason or 'enough data to judge: 70 % of 14 days'}")
    lines += [f"  {bar.name:<12} {bar.limits:>9} {unit}  {bar.shown:>7}" for bar in bars_of(figures, unit)]
    lines += [f"  {line}" for line in goal_lines(figures, unit)]
    lines += _figure_lines(metrics, unit)
    if figures.no_episodes:
        lines.append(f"  episodes: {figures.no_episodes}")
    else:
        lines += [f"  {row.name} episodes ({row.rule}): {row.count}" for row in episode_rows(figures, unit)]
    left_out = not_counted(metrics)
    return "\n".join([*lines, *([f"  {left_out}"] if left_out else [])])


def _figure_lines(metrics: Metrics, unit: Unit) -> list[str]:
    def given(name: str, key: str, shown: str) -> str:
        return f"  {name} {shown}" if getattr(metrics, key) is not None else f"  {name}: {metrics.missing[key]}"

    def level(key: str) -> str:
        return f"{glucose(getattr(metrics, key), unit)} {unit}"

    quantiles = ("min", "p25", "median", "p75", "max")
    spread = "/".join(glucose(getattr(metrics, f"{name}_mg_dl"), unit) for name in quantiles)
    limits = f"{count(metrics.n_low_limit, 'reading')} LOW, {count(metrics.n_high_limit, 'reading')} HIGH"
    return [
        given("mean", "mean_mg_dl", f"{level('mean_mg_dl')}, with {limits} at the sensor's limits"),
        given("SD", "sd_mg_dl", level("sd_mg_dl")),
        given("CV", "cv_percent", percent(metrics.cv_percent, 1)),
        given("GMI", "gmi_percent", percent(metrics.gmi_percent, 1)),
        f"  {'/'.join(quantiles)} {spread} {unit}",
        given("GRI", "gri", f"{number(metrics.gri)} (zone {metrics.gri_zone})"),
        given("LBGI", "lbgi", number(metrics.lbgi)),
        given("HBGI", "hbgi", number(metrics.hbgi)),
    ]


def _write(out: Path, content: bytes) -> None:
    try:
        out.write_bytes(content)
    except OSError as error:
        raise UnreadableFile(f"{out} cannot be written: {error.strerror}.") from error


def html_of(pages: Sequence[Sheet]) -> str:
    """One HTML document, in the language of its pages: no script, no file and no host besides itself."""
    language = pages[0].language if pages else ENGLISH
    loader = jinja2.PackageLoader("glucoflow.report")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    spoken_by(language, environment)
    template = environment.get_template("sheet.html.j2")
    return template.render(pages=pages, language=language, colours=COLOURS, foot=FOOT)
