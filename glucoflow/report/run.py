"""What `glucoflow report FILE` does."""

from pathlib import Path

from glucoflow.analytics.data_sufficiency import sufficiency
from glucoflow.analytics.episodes import find_episodes
from glucoflow.analytics.summary import metrics_of, span_ms
from glucoflow.model.errors import UnreadableFile
from glucoflow.model.targets import PROFILES, Targets
from glucoflow.model.units import MG_DL, Unit, glucose, parse_unit
from glucoflow.model.words import count, number, percent
from glucoflow.report.as_json import json_line, local_iso
from glucoflow.report.page import bars_of, episode_rows, html_report
from glucoflow.report.reading import PersonInFile, read_people


def report(
    path: Path,
    zone: str | None = None,
    units: str = MG_DL,
    as_json: bool = False,
    html_out: Path | None = None,
    day_first: bool | None = None,
    targets: Targets = PROFILES["adult"],
) -> str:
    """Reads the file and returns what to print: JSON lines (one object per id), or text; writes HTML to `html_out`.

    `units` is the unit to show (JSON is always in mg/dL); the file itself tells its own. Raises UnreadableFile with a
    remedy for a file that cannot be read or written, and for an unknown zone or unit.
    """
    try:
        unit = parse_unit(units)
    except ValueError as error:
        raise UnreadableFile(f"The {error}.") from error
    people = read_people(path, zone, day_first)
    if html_out is not None:
        _write(html_out, html_report(people, unit, targets))
    if as_json:
        return "\n".join(json_line(person.id, person.series, person.zoned) for person in people)
    if html_out is not None:
        return f"Wrote {html_out}"
    return "\n\n".join(text_of_person(person, unit, targets) for person in people)


def text_of_person(person: PersonInFile, unit: Unit, targets: Targets = PROFILES["adult"]) -> str:
    """The figures as plain text, a line each, the ones that cannot be computed with their reason."""
    used = person.series.used
    metrics = metrics_of(person.series, targets=targets)
    state = sufficiency(used, span_ms(used))
    lines = [f"{person.id} ({person.source})"]
    if metrics.n == 0:
        return f"{lines[0]}\n  {state.reason}"
    lines.append(f"  {local_iso(used, 0, person.zoned)} to {local_iso(used, -1, person.zoned)}")
    lines.append(f"  {count(metrics.n, 'reading')}, sensor active {percent(metrics.active_percent)} of the time")
    if state.reason:
        lines.append(f"  {state.reason}")
    lines += [f"  {bar.name:<12} {bar.limits:>9} {unit}  {bar.shown:>7}" for bar in bars_of(used, unit)]
    lines.append(f"  mean {glucose(metrics.mean_mg_dl, unit)} {unit}, SD {glucose(metrics.sd_mg_dl, unit)} {unit}")
    lines.append(f"  CV {percent(metrics.cv_percent, 1)}, GMI {percent(metrics.gmi_percent, 1)}")
    lines.append(f"  GRI {number(metrics.gri)}, LBGI {number(metrics.lbgi)}, HBGI {number(metrics.hbgi)}")
    rows = episode_rows(find_episodes(used, targets), used, unit, targets)
    lines += [f"  {row.name} episodes ({row.rule}): {row.count}" for row in rows]
    return "\n".join(lines)


def _write(out: Path, html: str) -> None:
    try:
        out.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UnreadableFile(f"{out} cannot be written: {error.strerror}.") from error
