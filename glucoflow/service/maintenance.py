"""Provisioning, disconnecting and deleting as plain functions."""

from datetime import timedelta

from pydantic import SecretStr

from glucoflow.es.provision import delete_user as delete_indices
from glucoflow.es.provision import ensure_index, provision
from glucoflow.es.retention import delete_before, older_than
from glucoflow.es.run_metrics import forget
from glucoflow.kibana.provision import ReaderUser, space_of
from glucoflow.kibana.provision import delete_person as delete_dashboards
from glucoflow.service.dashboards import credentials_of
from glucoflow.service.runtime import Runtime


def provision_everything(rt: Runtime) -> int:
    """Templates and one index a person; how many people there are. Repeating it changes nothing."""
    provision(rt.client, rt.names)
    people = rt.store.people.list()
    for person in people:
        ensure_index(rt.client, rt.names, person.id)
    return len(people)


def disconnect_person(rt: Runtime, user_id: str) -> int:
    """How many connections were closed. Raises Rejected for an unknown person."""
    rt.store.people.get(user_id)
    connections = rt.store.connections.for_user(user_id)
    for connection in connections:
        rt.store.connections.disconnect(connection.id)
    return len(connections)


def delete_person(rt: Runtime, user_id: str) -> int:
    """Connections first, so that no sync under way writes again; then documents, dashboards and the person.

    Returns how many indices were deleted. Raises Rejected for an unknown person, and Kibana's errors where one is
    configured and does not let us: nothing of the store is deleted then, so that it can be repeated.
    """
    disconnect_person(rt, user_id)
    kibana = rt.settings.kibana
    if kibana.url is not None:
        endpoint = rt.settings.es.endpoint
        login = endpoint and ReaderUser(
            username=space_of(user_id), password=SecretStr(""), elasticsearch_url=str(endpoint).rstrip("/")
        )
        delete_dashboards(str(kibana.url), credentials_of(kibana), user_id, reader=login or None)
    indices = delete_indices(rt.client, rt.names, user_id)
    forget(rt.client, rt.names, {"term": {"user.id": user_id}})
    rt.store.people.delete(user_id)
    # A write that was under way may have made the index anew; from now on nothing writes for an unknown person.
    return indices + delete_indices(rt.client, rt.names, user_id)


def forget_old(rt: Runtime, keep_days: int) -> tuple[int, int]:
    """Delete documents older than `keep_days` days, and finished runs older than that; how many of each went."""
    before = rt.clock() - timedelta(days=keep_days)
    documents = sum(
        delete_before(rt.client, rt.names, person.id, before, rt.clock()) for person in rt.store.people.list()
    )
    forget(rt.client, rt.names, older_than(before))
    return documents, rt.store.runs.forget(before)
