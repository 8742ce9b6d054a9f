"""The flow that looks into everybody's inbox."""

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.abandoned import sign
from flows.plainly import plainly
from glucoflow.service.inbox import take_in
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings


@flow(name="inbox", on_running=[sign], persist_result=False, validate_parameters=False)
@plainly
def inbox() -> None:
    """Bring in the files that were put into `inbox/<person>/` of the data folder."""
    with open_runtime(Settings.load()) as rt:
        taken = take_in(rt)
    if taken:
        rows = "\n".join(f"| {one.user_id} | {one.outcome} |" for one in taken)
        create_markdown_artifact(
            f"| person | file |\n|---|---|\n{rows}",
            key="inbox",
            description="Files of the inbox, and what came of them.",
        )
