"""`export` and `import-file`."""

from datetime import date
from pathlib import Path

from glucoflow.cli.console import bars, listed, say
from glucoflow.model.units import Unit
from glucoflow.service.export import ExportFormat
from glucoflow.service.import_export import export_person, import_file
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


def import_now(settings: Settings, user_id: str, path: Path) -> int:
    """Exit code 0, or 65 where some records were rejected."""
    with open_runtime(settings) as rt, bars() as progress:
        bar = progress.add_task("importing", total=None)
        done = import_file(rt, user_id, path, lambda count: progress.update(bar, completed=count))
    say(f"{done.created:,} new, {done.updated:,} changed, {done.unchanged:,} unchanged", error=True)
    for kind, count in sorted(done.not_held.items()):
        say(f"{count:,} of type {kind}: glucoflow does not hold these", error=True)
    if done.rejected_file is not None:
        say(f"{done.rejected:,} rejected; they are in {done.rejected_file} with their reasons.", error=True)
    return 65 if done.rejected else 0
