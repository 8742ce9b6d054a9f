"""What `glucoflow report FILE` does."""

from collections.abc import Sequence
from pathlib import Path

from glucoflow.analytics.summary import Metrics
from glucoflow.file_reading.choices import Choices
from glucoflow.model.errors import UnreadableFile
from glucoflow.model.targets import PROFILES, Targets
from glucoflow.model.units import MG_DL, Unit, glucose, parse_unit
from glucoflow.model.words import count, number, percent
from glucoflow.report.as_json import json_line, local_iso
from glucoflow.report.figures import figures_of
from glucoflow.report.page import bars_of, episode_rows, goal_lines, html_report
from glucoflow.report.reading import PersonInFile, read_people
from glucoflow.report.rows import decision_lines, file_json, rows_json, rows_lines, rows_words


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
    return report_on(people, units, as_json, html_out, targets)


def report_on(
    people: Sequence[PersonInFile],
    units: str = MG_DL,
    as_json: bool = False,
    html_out: Path | None = None,
    targets: Targets = PROFILES["adult"],
) -> str:
    """What to print: JSON lines (one object per id), or text; writes HTML to `html_out`.

    `units` is the unit to show (JSON is always in mg/dL). Raises UnreadableFile with a remedy for a file that cannot be
    written, and for an unknown unit.
    """
    try:
        unit = parse_unit(units)
    except ValueError as error:
        raise UnreadableFile(f"The {error}.") from error
    if html_out is not None:
        _write(html_out, html_report(people, unit, targets))
    if as_json:
        return "\n".join(json_line(one.id, figures_of(one.series, targets), one.zoned, _about(one)) for one in people)
    if html_out is not None:
        return "\n".join([f"Wrote {html_out}", *(f"{one.id}: {rows_words(one.rows)}" for one in people)])
    return "\n\n".join(text_of_person(person, unit, targets) for person in people)


def _about(person: PersonInFile) -> dict[str, object]:
    return {"rows": rows_json(person.rows), "file": file_json(person.contents)}


def text_of_person(person: PersonInFile, unit: Unit, targets: Targets = PROFILES["adult"]) -> str:
    """The figures as plain text, a line each, the ones that the data do not bear with what is missing."""
    figures = figures_of(person.series, targets)
    used, metrics, state = figures.used, figures.metrics, figures.state
    lines = [f"{person.id} ({person.source})"]
    lines += [f"  {line}" for line in rows_lines(person.contents, person.rows) + decision_lines(person.contents)]
    if metrics.n == 0:
        return "\n".join([*lines, f"  {state.reason}"])
    lines.append(f"  {local_iso(used, 0, person.zoned)} to {local_iso(used, -1, person.zoned)}")
    lines.append(f"  {count(metrics.n, 'reading')}, sensor active {percent(metrics.active_percent)} of the time")
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
    return "\n".join([*lines, *_not_counted(metrics)])


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


def _not_counted(metrics: Metrics) -> list[str]:
    out = metrics.excluded_counts
    parts = (
        (out.invalid, "unreadable or impossible"),
        (out.duplicate, "repeated"),
        (out.excluded, "excluded"),
        (out.superseded, "superseded"),
    )
    said = [f"{n:,} {what}" for n, what in parts if n]
    return [f"  not counted: {', '.join(said)}"] if said else []


def _write(out: Path, html: str) -> None:
    try:
        out.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UnreadableFile(f"{out} cannot be written: {error.strerror}.") from error
