"""`export`."""

from datetime import date
from pathlib import Path

from glucoflow.cli.console import bars, listed, say
from glucoflow.model.units import Unit
from glucoflow.service.export import ExportFormat, export_person
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings


def export_now(
    settings: Settings,
    user_id: str,
    first: date | None,
    last: date | None,
    kinds: str | None,
    form: ExportFormat,
    units: Unit | None,
    out: Path,
) -> None:
    """Write the file and say how many documents of which kind it holds."""
    with open_runtime(settings) as rt, bars() as progress:
        bar = progress.add_task("exporting", total=sum(rt.queries.counts(user_id).values()))
        done = export_person(
            rt,
            user_id,
            form,
            out,
            first=first,
            last=last,
            datasets=listed(kinds),
            units=units,
            on_progress=lambda count, _newest: progress.update(bar, completed=count),
        )
    if not done.files:
        say("There is nothing to export in that span.", error=True)
    for dataset, count in sorted(done.documents.items()):
        say(f"{count:>9,}  {dataset}", error=True)
    for dataset, count in sorted(done.omitted.items()):
        say(f"{count:>9,}  {dataset}: this form has no place for it", error=True)
    for file in done.files:
        say(f"wrote {file}", error=True)
