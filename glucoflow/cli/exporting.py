"""`export` and `import-file`."""

from datetime import date
from pathlib import Path

from rich.console import Console

from glucoflow.cli.bars import bars
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
    console = Console(stderr=True)
    with open_runtime(settings) as rt, bars(console) as progress:
        bar = progress.add_task("exporting", total=sum(rt.queries.counts(user_id).values()))
        done = export_person(
            rt,
            user_id,
            form,
            out,
            first=first,
            last=last,
            datasets=[kind.strip() for kind in (kinds or "").split(",") if kind.strip()],
            units=units,
            on_progress=lambda count, _newest: progress.update(bar, completed=count),
        )
    if not done.files:
        console.print("There is nothing to export in that span.")
    for dataset, count in sorted(done.documents.items()):
        console.print(f"{count:>9,}  {dataset}", highlight=False)
    for dataset, count in sorted(done.left_out.items()):
        console.print(f"{count:>9,}  {dataset}: this form has no place for it", highlight=False)
    for file in done.files:
        console.print(f"wrote {file}", highlight=False)


def import_now(settings: Settings, user_id: str, path: Path) -> int:
    """Exit code 0, or 65 where some records were refused."""
    console = Console(stderr=True)
    with open_runtime(settings) as rt, bars(console) as progress:
        bar = progress.add_task("importing", total=None)
        done = import_file(rt, user_id, path, lambda count: progress.update(bar, completed=count))
    console.print(f"{done.created:,} new, {done.updated:,} changed, {done.unchanged:,} unchanged", highlight=False)
    for kind, count in sorted(done.not_held.items()):
        console.print(f"{count:,} of type {kind}: glucoflow does not hold these", highlight=False)
    if done.rejects is not None:
        console.print(f"{done.rejected:,} refused; they are in {done.rejects} with their reasons.", highlight=False)
    return 65 if done.rejected else 0
