"""The flows for now and then: provision, disconnect a person, delete a person with everything that is theirs."""

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.parameters import UserId
from flows.runtime import open_runtime
from flows.upkeep_work import delete_person, disconnect_person, provision_everything
from glucoflow.settings import Settings


@flow(name="provision", persist_result=False)
def provision_all() -> None:
    """Put templates where they are newer, and make each person's index."""
    with open_runtime(Settings.load()) as rt:
        done = provision_everything(rt)
    create_markdown_artifact(f"{done} people have their index.", key="provision")


@flow(name="disconnect", flow_run_name="disconnect-{user_id}", persist_result=False)
def disconnect(user_id: UserId) -> None:
    """Forget a person's tokens and stop polling. What was read stays."""
    with open_runtime(Settings.load()) as rt:
        disconnect_person(rt, user_id)


@flow(name="delete-user", flow_run_name="delete-{user_id}", persist_result=False)
def delete_user(user_id: UserId, confirm: UserId) -> None:
    """Delete a person, their tokens and every document. `confirm` repeats the id; nothing brings them back."""
    if confirm != user_id:
        raise ValueError("`confirm` must repeat the person's id; nothing was deleted")
    with open_runtime(Settings.load()) as rt:
        delete_person(rt, user_id)
