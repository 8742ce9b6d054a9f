"""The flows for now and then: provision, disconnect or delete a person, apply the rules of retention."""

from typing import Annotated

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import Field

from flows.abandoned import sign
from flows.parameters import UserId
from flows.plainly import plainly
from flows.reports import MOST_ROWS
from glucoflow.model.errors import Rejected
from glucoflow.model.person_id import PATTERN
from glucoflow.service.deletion import delete_person
from glucoflow.service.maintenance import disconnect_person, provision_everything
from glucoflow.service.retention import retain, rules_of
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings

Confirm = Annotated[
    str, Field(title="Confirm", description="the id of the person once more", examples=["alma"], pattern=f"^{PATTERN}$")
]
DryRun = Annotated[
    bool, Field(title="Dry run", description="only say what would go; switch it off to delete it", examples=[True])
]


def _retention_name() -> str:
    return "retention-dry-run" if flow_run.parameters.get("dry_run", True) else "retention"


@flow(name="provision", on_running=[sign], persist_result=False, validate_parameters=False)
@plainly
def provision_all() -> None:
    """Put templates where they are newer, make each person's index, and move those whose mapping is an older one."""
    with open_runtime(Settings.load()) as rt:
        done = provision_everything(rt)
    create_markdown_artifact(
        "\n\n".join(done.sentences()), key="provision", description="Indices: what was made or moved."
    )


@flow(name="disconnect", on_running=[sign], flow_run_name="disconnect", persist_result=False, validate_parameters=False)
@plainly
def disconnect(user_id: UserId) -> None:
    """Forget a person's tokens and stop polling. What was read stays."""
    with open_runtime(Settings.load()) as rt:
        disconnect_person(rt, user_id)


@flow(
    name="delete-user", on_running=[sign], flow_run_name="delete-user", persist_result=False, validate_parameters=False
)
@plainly
def delete_user(user_id: UserId, confirm: Confirm) -> None:
    """Delete a person, their tokens and every document. `confirm` repeats the id; nothing brings them back."""
    if confirm != user_id:
        raise Rejected("confirm", "must repeat the person's id; nothing was deleted")
    with open_runtime(Settings.load()) as rt:
        receipt = delete_person(rt, user_id)
    create_markdown_artifact(
        "\n\n".join(receipt.sentences()), key="delete-user", description="What was deleted, and what is left."
    )


@flow(
    name="retention", on_running=[sign], flow_run_name=_retention_name, persist_result=False, validate_parameters=False
)
@plainly
def retention(dry_run: DryRun = True) -> State[None]:
    """Apply the rules of RETENTION_DAYS and RETENTION_HOURLY_AFTER_YEARS, or say what they would do."""
    settings = Settings.load()
    with open_runtime(settings) as rt:
        done = retain(rt, rules_of(settings.retention), dry=dry_run)
    (said,) = done.sentences()
    rows: list[dict[str, object]] = [
        {"person": one.user_id or "(everybody)", "kind": one.kind, "would go" if done.dry else "went": one.n}
        for one in done.gone[:MOST_ROWS]
    ]
    create_table_artifact(
        key="retention",
        table=rows or [{"result": said}],
        description=f"What {'would go' if done.dry else 'went'} by the rules, by person and kind.",
    )
    return Completed(message=said)
