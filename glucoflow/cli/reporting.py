"""What `glucoflow report` does: a file's figures without any server, or a connected person's page."""

from datetime import date
from pathlib import Path
from typing import Literal, NamedTuple

import typer

from glucoflow.file_reading.choices import Choices
from glucoflow.languages import ENGLISH, Language, language
from glucoflow.model.errors import Rejected
from glucoflow.model.same_names import made_of
from glucoflow.model.targets import Targets, own_targets, targets_for, where_limits_lie
from glucoflow.model.units import Unit, in_mg_dl
from glucoflow.settings import Settings


def targets_of(profile: str, low: float | None, high: float | None, unit: Unit) -> Targets:
    """A profile's targets, or own limits (both, in `unit`) with its goals. Raises Rejected."""
    if (low is None) != (high is None):
        raise Rejected("targets", "need both limits, --low and --high")
    usual = targets_for(profile)
    if low is None or high is None:
        return usual
    try:
        return own_targets(profile, low=round(in_mg_dl(low, unit)), high=round(in_mg_dl(high, unit)))
    except (ValueError, OverflowError) as error:
        raise Rejected("targets", where_limits_lie(unit)) from error


class ReportOptions(NamedTuple):
    """Which local dates, what is written where, and in which language. `large` adds a second page; `born` is to be
    printed."""

    first: date | None
    last: date | None
    born: date | None
    html: Path | None
    pdf: Path | None
    letter: bool
    large: bool
    language: str | None = None

    @property
    def spoken(self) -> Language | None:
        return None if self.language is None else language(self.language)

    @property
    def paper(self) -> Literal["A4", "Letter"]:
        return "Letter" if self.letter else "A4"


def report_file(
    file: Path, choices: Choices, wanted: ReportOptions, *, unit: Unit, targets: Targets, as_json: bool
) -> int:
    """A file's report. Exit code 1 where some of its rows could not be read."""
    from glucoflow.report.reading import read_people
    from glucoflow.report.run import Wanted, report_on

    people = read_people(file, choices)
    today = date.today()  # noqa: DTZ011 - printed on this machine's own date
    judged = {"unit": unit, "targets": targets, "as_json": as_json}
    asked = made_of(wanted, Wanted, **judged, printed=today, language=wanted.spoken or ENGLISH)
    typer.echo(report_on(people, asked))
    return 1 if any(one.rows.n_unread for one in people) else 0


def report_person(settings: Settings, user_id: str, wanted: ReportOptions, unit: Unit | None) -> int:
    """A connected person's page, by default as PDF beside the command."""
    from glucoflow.report.run import write_pages
    from glucoflow.service.clinic_report import clinic_page
    from glucoflow.service.runtime import open_runtime

    pdf = wanted.pdf or (None if wanted.html else Path(f"glucose-report-{user_id}.pdf"))
    with open_runtime(settings) as rt:
        page = clinic_page(
            rt.store,
            rt.queries,
            user_id,
            rt.clock(),
            first=wanted.first,
            last=wanted.last,
            unit=unit,
            born=wanted.born,
            large=wanted.large,
            language=wanted.spoken,
        )
    typer.echo("\n".join([*write_pages([page], wanted.html, pdf, wanted.paper), page.span]))
    return 0
