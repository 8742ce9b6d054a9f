"""The flows that export a person's documents to a file, and import such a file."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from pydantic import Field

from flows.abandoned import sign
from flows.parameters import UserId
from glucoflow.file_reading.choices import Choices
from glucoflow.model.units import Unit
from glucoflow.service.exporting import export_person
from glucoflow.service.file_import import import_file
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings

FilePath = Annotated[str, Field(min_length=1, description="a file on the machine that runs the flow")]


@flow(name="export", on_running=[sign], flow_run_name="export-{user_id}-{form}", persist_result=False)
def export_flow(
    user_id: UserId,
    out: FilePath,
    form: Literal["tidepool", "csv", "ndjson"] = "ndjson",
    start: date | None = None,
    end: date | None = None,
    units: Unit | None = None,
) -> None:
    """Write a person's documents to a file, or for csv into a folder."""
    with open_runtime(Settings.load()) as rt:
        total = sum(rt.queries.counts(user_id).values()) or 1
        artifact = create_progress_artifact(0.0, key=f"export-{user_id.replace('_', '-')}", description=form)
        assert isinstance(artifact, UUID)  # noqa: S101 – a coroutine only inside async code

        def show(count: int, _newest: datetime) -> None:
            update_progress_artifact(artifact, round(100 * min(1.0, count / total), 1))

        done = export_person(rt, user_id, form, Path(out), first=start, last=end, units=units, on_progress=show)
        update_progress_artifact(artifact, 100.0)
    rows = "\n".join(f"| {dataset} | {count:,} |" for dataset, count in sorted(done.documents.items()))
    create_markdown_artifact(f"| kind | documents |\n|---|---|\n{rows}", key="export")


@flow(name="import-file", on_running=[sign], flow_run_name="import-{user_id}", persist_result=False)
def import_flow(
    user_id: UserId, path: FilePath, zone: str | None = None, day_first: bool | None = None, anyway: bool = False
) -> None:
    """Bring a file of any known kind into a person's index. Repeating it changes nothing."""
    with open_runtime(Settings.load()) as rt:
        done = import_file(rt, user_id, Path(path), choices=Choices(zone=zone, day_first=day_first), anyway=anyway)
    rows = f"{done.rows.read:,} read, {done.rows.n_merged:,} merged, " if done.rows else ""
    create_markdown_artifact(
        f"{done.title}: {rows}{done.n_unread:,} unread; "
        f"{done.created:,} new, {done.updated:,} changed, {done.unchanged:,} unchanged",
        key="import-file",
    )
