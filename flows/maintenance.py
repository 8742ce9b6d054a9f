"""The flows for now and then: provision, disconnect or delete a person, forget what is older than asked for."""

from typing import Annotated

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from pydantic import Field

from flows.abandoned import sign
from flows.parameters import UserId
from glucoflow.model.words import count
from glucoflow.service.deletion import delete_person
from glucoflow.service.maintenance import disconnect_person, forget_old, provision_everything
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings


@flow(name="provision", on_running=[sign], persist_result=False)
def provision_all() -> None:
    """Put templates where they are newer, make each person's index, and move those whose mapping is an older one."""
    with open_runtime(Settings.load()) as rt:
        done = provision_everything(rt)
    create_markdown_artifact("\n\n".join(done.sentences()), key="provision")


@flow(name="disconnect", on_running=[sign], flow_run_name="disconnect", persist_result=False)
def disconnect(user_id: UserId) -> None:
    """Forget a person's tokens and stop polling. What was read stays."""
    with open_runtime(Settings.load()) as rt:
        disconnect_person(rt, user_id)


@flow(name="delete-user", on_running=[sign], flow_run_name="delete-user", persist_result=False)
def delete_user(user_id: UserId, confirm: UserId) -> None:
    """Delete a person, their tokens and every document. `confirm` repeats the id; nothing brings them back."""
    if confirm != user_id:
        raise ValueError("`confirm` must repeat the person's id; nothing was deleted")
    with open_runtime(Settings.load()) as rt:
        receipt = delete_person(rt, user_id)
    create_markdown_artifact("\n\n".join(receipt.sentences()), key="delete-user")


@flow(name="retention", on_running=[sign], flow_run_name="retention-{keep_days}-days", persist_result=False)
def retention(keep_days: Annotated[int, Field(ge=30, description="days to keep, at least 30")]) -> None:
    """Delete documents and finished runs older than that. Nothing brings them back, except a backfill."""
    with open_runtime(Settings.load()) as rt:
        documents, runs = forget_old(rt, keep_days)
    create_markdown_artifact(f"{count(documents, 'document')} and {count(runs, 'run')} deleted.", key="retention")
