"""What `glucoflow report` does: a file's figures without any server, or a connected person's page."""

from datetime import date
from pathlib import Path

import typer

from glucoflow.file_reading.choices import Choices
from glucoflow.model.errors import Rejected
from glucoflow.model.targets import Targets, own_targets, targets_for
from glucoflow.model.units import Unit, in_mg_dl
from glucoflow.settings import Settings


def targets_of(profile: str, low: float | None, high: float | None, unit: Unit) -> Targets:
    """A profile's targets, or own limits (both, in `unit`) with its goals. Raises Rejected."""
    if (low is None) != (high is None):
        raise Rejected("targets", "need both limits, --low and --high")
    if low is None or high is None:
        return targets_for(profile)
    try:
        return own_targets(profile, low=round(in_mg_dl(low, unit)), high=round(in_mg_dl(high, unit)))
    except ValueError as error:
        raise Rejected("targets", str(error)) from error


def report_file(
    file: Path,
    choices: Choices,
    *,
    unit: Unit,
    targets: Targets,
    first: date | None,
    last: date | None,
    as_json: bool,
    html: Path | None,
    pdf: Path | None,
    letter: bool,
    large: bool,
    born: date | None,
) -> int:
    """A file's report. Exit code 1 where some of its rows could not be read."""
    from glucoflow.report.reading import read_people
    from glucoflow.report.run import Wanted, report_on

    people = read_people(file, choices)
    wanted = Wanted(
        unit=unit,
        targets=targets,
        first=first,
        last=last,
        as_json=as_json,
        html=html,
        pdf=pdf,
        paper="Letter" if letter else "A4",
        large=large,
        printed=date.today(),  # noqa: DTZ011 - printed on this machine's own date
        born=born,
    )
    typer.echo(report_on(people, wanted))
    return 1 if any(one.rows.n_unread for one in people) else 0


def report_person(
    settings: Settings,
    user_id: str,
    *,
    first: date | None,
    last: date | None,
    unit: Unit | None,
    html: Path | None,
    pdf: Path | None,
    letter: bool,
    large: bool,
    born: date | None,
) -> int:
    """A connected person's page, by default as PDF beside the command."""
    from glucoflow.report.run import write_pages
    from glucoflow.service.clinic_report import clinic_page
    from glucoflow.service.runtime import open_runtime

    if html is None and pdf is None:
        pdf = Path(f"glucose-report-{user_id}.pdf")
    with open_runtime(settings) as rt:
        page = clinic_page(
            rt.store, rt.queries, user_id, rt.clock(), first=first, last=last, unit=unit, born=born, large=large
        )
    typer.echo("\n".join([*write_pages([page], html, pdf, "Letter" if letter else "A4"), page.span]))
    return 0
