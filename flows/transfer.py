"""The flows that export a person's documents or all that is held of them to a file, and import such a file.

Whoever can ask Prefect for a run names the file. So it lies in one folder, `exchange` in the data folder: nobody reads
or overwrites another file of this machine in that way. The commands take any path.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal
from uuid import UUID

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_progress_artifact, update_progress_artifact
from pydantic import Field

from flows.abandoned import sign
from flows.parameters import FirstDay, LastDay, UserId
from flows.plainly import plainly
from glucoflow.file_reading.choices import Choices
from glucoflow.files import within
from glucoflow.model.units import Unit
from glucoflow.service.archive import write_archive
from glucoflow.service.export import export_person
from glucoflow.service.file_import import import_file
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings
from glucoflow.store.audit import Deed

FOLDER = "exchange"
FileName = Annotated[
    str,
    Field(
        title="File",
        min_length=1,
        max_length=255,
        description=f"its name; it lies in the folder {FOLDER} of the data folder",
        examples=["alma.ndjson"],
    ),
]
Form = Annotated[
    Literal["tidepool", "csv", "ndjson"],
    Field(title="Form", description="Tidepool's data model, tables for each kind, or as stored", examples=["ndjson"]),
]
Units = Annotated[Unit, Field(title="Unit", description="of glucose; default: the person's", examples=["mg/dL"])]
Zone = Annotated[
    str,
    Field(title="Time zone", description="of the file's times, where it says none", examples=["Europe/Berlin"]),
]
DayFirst = Annotated[
    bool, Field(title="Day first", description="whether 03/04 is the third of April, where the file leaves it open")
]
Anyway = Annotated[
    bool, Field(title="Anyway", description="bring it in though it looks like somebody else's, or is here already")
]


def exchanged(settings: Settings, name: str) -> Path:
    """Where the file of that name is. Raises Rejected where it would lie outside of the folder."""
    return within(settings.store.data_dir / FOLDER, name)


@flow(name="export", on_running=[sign], flow_run_name="export-{form}", persist_result=False, validate_parameters=False)
@plainly
def export_flow(
    user_id: UserId,
    out: FileName,
    form: Form = "ndjson",
    start: FirstDay | None = None,
    end: LastDay | None = None,
    units: Units | None = None,
) -> None:
    """Write a person's documents to a file, or for csv into a folder."""
    settings = Settings.load()
    file = exchanged(settings, out)
    with open_runtime(settings) as rt:
        total = sum(rt.queries.counts(user_id).values()) or 1
        artifact = create_progress_artifact(
            0.0, key="export-progress", description=f"Of the documents, how many percent are written, as {form}."
        )
        assert isinstance(artifact, UUID)  # noqa: S101 – a coroutine only inside async code

        def show(count: int, _newest: datetime) -> None:
            update_progress_artifact(artifact, round(100 * min(1.0, count / total), 1))

        done = export_person(rt, user_id, form, file, first=start, last=end, units=units, on_progress=show)
        update_progress_artifact(artifact, 100.0)
        rt.store.audit.add(Deed(who="a flow", action="exported", what=form, user_id=user_id), rt.clock())
    rows = "\n".join(f"| {dataset} | {count:,} |" for dataset, count in sorted(done.documents.items()))
    create_markdown_artifact(
        f"| kind | documents |\n|---|---|\n{rows}", key="export", description="Documents that were written, by kind."
    )


@flow(name="archive", on_running=[sign], flow_run_name="archive", persist_result=False, validate_parameters=False)
@plainly
def archive_flow(user_id: UserId, out: FileName) -> None:
    """Write everything that is held of a person into one file (ZIP)."""
    settings = Settings.load()
    file = exchanged(settings, out)
    with open_runtime(settings) as rt:
        documents = write_archive(rt, user_id, file)
        rt.store.audit.add(Deed(who="a flow", action="exported", what="archive", user_id=user_id), rt.clock())
    create_markdown_artifact(
        f"{documents:,} documents, and what was entered here.", key="archive", description="What is in the file."
    )


@flow(name="import-file", on_running=[sign], persist_result=False, validate_parameters=False)
@plainly
def import_flow(
    user_id: UserId,
    path: FileName,
    zone: Zone | None = None,
    day_first: DayFirst | None = None,
    anyway: Anyway = False,
) -> None:
    """Bring a file of any known kind into a person's index. Repeating it changes nothing."""
    settings = Settings.load()
    file = exchanged(settings, path)
    with open_runtime(settings) as rt:
        done = import_file(rt, user_id, file, choices=Choices(zone=zone, day_first=day_first), anyway=anyway)
    rows = f"{done.rows.read:,} read, {done.rows.n_merged:,} merged, " if done.rows else ""
    create_markdown_artifact(
        f"{done.title}: {rows}{done.n_unread:,} unread; "
        f"{done.created:,} new, {done.updated:,} changed, {done.unchanged:,} unchanged",
        key="import-file",
        description="The file that was read, and what came of its rows.",
    )
