"""The commands for files: export, import-file, report."""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from glucoflow.cli import annotations, file_options
from glucoflow.cli.console import Json, User, settings_for
from glucoflow.model.errors import Rejected


def export(
    user: Annotated[str, typer.Option("--user", help="Id of the person.")],
    out: Annotated[Path, typer.Option(help="File to write; for csv a folder.")],
    form: Annotated[
        Literal["tidepool", "csv", "ndjson"], typer.Option("--format", help="Form of the file.")
    ] = "ndjson",
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included.")] = None,
    kinds: Annotated[str | None, typer.Option(help="Only these, by comma: cgm.reading, food, …")] = None,
    units: Annotated[Literal["mg/dL", "mmol/L"] | None, typer.Option(help="Unit of Tidepool records.")] = None,
) -> None:
    """Write a person's documents to a file: Tidepool's records, CSV tables, or the documents themselves."""
    from glucoflow.cli.exporting import export_now

    days = [moment.date() if moment else None for moment in (first, last)]
    export_now(settings_for(), user, days[0], days[1], kinds, form, units, out)


def archive(
    user: User,
    out: Annotated[Path, typer.Option(help="File to write, ending in .zip.")],
) -> None:
    """Write all that is held of a person into one file to take along: documents in three forms, what was entered."""
    from glucoflow.cli.exporting import archive_now

    archive_now(settings_for(), user, out)


def import_file(
    user: User,
    files: Annotated[
        list[Path], typer.Argument(help="Exports of any kind that glucoflow reads (docs/sources/files.md), or its own.")
    ],
    zone: file_options.Zone = None,
    day_first: file_options.DayFirst = None,
    time: file_options.Time = None,
    glucose: file_options.Glucose = None,
    unit: file_options.FileUnit = None,
    who: Annotated[str | None, typer.Option("--who", help="Which of several people in the file.")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also where the file names somebody else.")] = False,
    look: Annotated[bool, typer.Option("--look", help="Only say what would be read. Writes nothing.")] = False,
    as_json: Json = False,
) -> int:
    """Bring files into a person's index. Repeating it changes nothing; what a cloud has already stays as it is.

    Without --zone, local times are by the person's own zone. Exit code 1 where some rows could not be read, 65 where a
    file could not be read at all.
    """
    from glucoflow.cli.importing import ImportOptions, import_now

    choices = file_options.choices(zone, day_first, time, glucose, unit)
    wanted = ImportOptions(choices=choices, who=who, anyway=anyway, look=look, as_json=as_json)
    return import_now(settings_for(), user, files, wanted)


def report(
    file: Annotated[
        Path | None, typer.Argument(help="An export of any kind that glucoflow reads (docs/sources/files.md).")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="A connected person instead of a file.")] = None,
    zone: file_options.Zone = None,
    units: Annotated[
        Literal["mg/dL", "mmol/L"] | None, typer.Option(help="Unit to show; default: the person's, or mg/dL.")
    ] = None,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included.")] = None,
    profile: Annotated[annotations.Profile, typer.Option(help="Range and goals to judge a file by.")] = "adult",
    low: Annotated[float | None, typer.Option(help="Own lower limit for a file, in the unit shown.")] = None,
    high: Annotated[float | None, typer.Option(help="Own upper limit for a file, in the unit shown.")] = None,
    as_json: Json = False,
    html: Annotated[Path | None, typer.Option(help="Write a one-page report to print or send.")] = None,
    pdf: Annotated[Path | None, typer.Option(help="Write it as PDF; of a person the default.")] = None,
    letter: Annotated[bool, typer.Option("--letter", help="Letter instead of A4.")] = False,
    days_page: Annotated[bool, typer.Option("--days", help="A second page: days one under another.")] = False,
    language: Annotated[
        Literal["en", "de", "fr"] | None, typer.Option(help="Language of the page; default: the person's, or English.")
    ] = None,
    born: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Birth date to print.")] = None,
    day_first: file_options.DayFirst = None,
    time: file_options.Time = None,
    glucose: file_options.Glucose = None,
    unit: file_options.FileUnit = None,
) -> int:
    """All figures from a file, without any server; or the page that a clinic asks for, of a connected person.

    Exit code 1 where some of a file's rows could not be read.
    """
    from glucoflow.cli import reporting

    if (file is None) == (user is None):
        raise Rejected("report", "is of a file or of a person (--user), one of them")
    first_day, last_day, birth = (moment.date() if moment else None for moment in (first, last, born))
    wanted = reporting.ReportOptions(
        first=first_day,
        last=last_day,
        born=birth,
        html=html,
        pdf=pdf,
        letter=letter,
        large=days_page,
        language=language,
    )
    if file is not None:
        shown = units or "mg/dL"
        judged_by = reporting.targets_of(profile, low, high, shown)
        chosen = file_options.choices(zone, day_first, time, glucose, unit)
        return reporting.report_file(file, chosen, wanted, unit=shown, targets=judged_by, as_json=as_json)
    if as_json or low is not None or high is not None or profile != "adult":
        raise Rejected("report", "of a person is judged by their own targets; their figures are in the API")
    assert user is not None  # noqa: S101 - one of them is there
    return reporting.report_person(settings_for(), user, wanted, unit=units)
