"""The flows for now and then: provision, disconnect a person, delete a person with everything that is theirs."""

from prefect import flow
from prefect.artifacts import create_markdown_artifact

from flows.parameters import UserId
from flows.runtime import Runtime, open_runtime
from glucoflow.es.provision import delete_user as delete_indices
from glucoflow.es.provision import ensure_index, provision
from glucoflow.settings import Settings


@flow(name="provision", persist_result=False)
def provision_all() -> None:
    """Put templates where they are newer, and make each person's index."""
    with open_runtime(Settings.load()) as rt:
        done = provision_everything(rt)
    create_markdown_artifact(f"{done} people have their index.", key="provision")


def provision_everything(rt: Runtime) -> int:
    """Templates and one index a person; how many people there are. Repeating it changes nothing."""
    provision(rt.client, rt.names)
    people = rt.store.people.list()
    for person in people:
        ensure_index(rt.client, rt.names, person.id)
    return len(people)


@flow(name="disconnect", flow_run_name="disconnect-{user_id}", persist_result=False)
def disconnect(user_id: UserId) -> None:
    """Forget a person's tokens and stop polling. What was read stays."""
    with open_runtime(Settings.load()) as rt:
        disconnect_person(rt, user_id)


def disconnect_person(rt: Runtime, user_id: str) -> int:
    """How many connections were closed. Raises Rejected for an unknown person."""
    rt.store.people.get(user_id)
    connections = rt.store.connections.for_user(user_id)
    for connection in connections:
        rt.store.connections.disconnect(connection.id)
    return len(connections)


@flow(name="delete-user", flow_run_name="delete-{user_id}", persist_result=False)
def delete_user(user_id: UserId, confirm: UserId) -> None:
    """Delete a person, their tokens and every document. `confirm` repeats the id; nothing brings them back."""
    if confirm != user_id:
        raise ValueError("`confirm` must repeat the person's id; nothing was deleted")
    with open_runtime(Settings.load()) as rt:
        delete_person(rt, user_id)


def delete_person(rt: Runtime, user_id: str) -> int:
    """Connections first, so that no sync under way writes again; then documents, then the person.

    Returns how many indices were deleted. Raises Rejected for an unknown person.
    """
    disconnect_person(rt, user_id)
    indices = delete_indices(rt.client, rt.names, user_id)
    rt.store.people.delete(user_id)
    return indices
