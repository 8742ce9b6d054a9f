"""The flow that writes the page a clinic asks for."""

from typing import Annotated

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from pydantic import Field

from flows.abandoned import sign
from flows.parameters import FirstDay, LastDay, UserId
from flows.plainly import plainly
from flows.transfer import FileName, exchanged
from glucoflow.report.pdf import Paper
from glucoflow.report.run import write_pages
from glucoflow.service.clinic_report import clinic_page
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings


@flow(name="report", on_running=[sign], persist_result=False, validate_parameters=False)
@plainly
def report_flow(
    user_id: UserId,
    out: FileName,
    start: FirstDay | None = None,
    end: LastDay | None = None,
    paper: Annotated[Paper, Field(title="Paper", description="its size", examples=["A4"])] = "A4",
    days_page: Annotated[bool, Field(title="Days", description="a second page with each day by itself")] = False,
) -> None:
    """Write one page of a person's figures as PDF: of the last 14 full days, or of the days given, both included."""
    settings = Settings.load()
    file = exchanged(settings, out)
    with open_runtime(settings) as rt:
        page = clinic_page(rt.store, rt.queries, user_id, rt.clock(), first=start, last=end, large=days_page)
    said = write_pages([page], None, file, paper)
    create_markdown_artifact(f"{said[0]}: {page.span}", key="report", description="The file that was written.")
