"""The flow that tells people what they asked to be told; each sync does it too, and this one where none runs."""

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.abandoned import sign
from flows.plainly import plainly
from glucoflow.model.words import count
from glucoflow.service.notices.turn import look_and_send
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings


@flow(name="notices", on_running=[sign], persist_result=False, validate_parameters=False)
@plainly
def notices() -> State[None]:
    """Look at everybody who wants to be told something, and send what is due."""
    with open_runtime(Settings.load()) as rt:
        done = look_and_send(rt, between_syncs=True)
    said = f"{count(done.sent, 'message')} sent, {done.failed:,} not taken (tried again, or given up when too old)."
    create_markdown_artifact(said, key="notices", description="What was sent to people's receivers, in numbers.")
    return Completed(message=said)
