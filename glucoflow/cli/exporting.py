"""`export` and `archive`."""

from datetime import date
from pathlib import Path

from glucoflow.cli.console import bars, listed, say
from glucoflow.model.units import Unit
from glucoflow.model.words import count as counted
from glucoflow.service.archive import write_archive
from glucoflow.service.export import ExportFormat, export_person
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings
from glucoflow.store.audit import Deed


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
        rt.store.audit.add(Deed(who="a command", action="exported", what=form, user_id=user_id), rt.clock())
    if not done.files:
        say("There is nothing to export in that span.", error=True)
    for dataset, count in sorted(done.documents.items()):
        say(f"{count:>9,}  {dataset}", error=True)
    for dataset, count in sorted(done.omitted.items()):
        say(f"{count:>9,}  {dataset}: this form has no place for it", error=True)
    for file in done.files:
        say(f"wrote {file}", error=True)


def archive_now(settings: Settings, user_id: str, out: Path) -> None:
    """Write the archive. Raises Rejected for an unknown person, Unavailable where the file cannot be written."""
    with open_runtime(settings) as rt:
        documents = write_archive(rt, user_id, out)
        rt.store.audit.add(Deed(who="a command", action="exported", what="archive", user_id=user_id), rt.clock())
    say(f"wrote {out}: {counted(documents, 'document')}, and what was entered here.", error=True)
