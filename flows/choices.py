"""The people to choose from in the forms of Prefect's page: a list in each deployment there, and a field for an id.

Prefect's server refuses a run whose parameters do not fit the form. A list alone would refuse whoever was added just
now, so any well-formed id fits as well. Ids only: names of people are no affair of Prefect's. A scheduled deployment
has no list, since Prefect drops its next runs with each change of its form.
"""

from collections.abc import Sequence
from typing import Any

from prefect import Flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentUpdate
from prefect.exceptions import ObjectNotFound

from flows.repeating import every_minute
from glucoflow.service.runtime import store_of
from glucoflow.settings import Settings

Deployed = Sequence[tuple[Flow[..., Any], dict[str, Any]]]
"""Flows with the options of their deployments: `deployments.schedule`."""

MOST = 500
"""Beyond so many a list helps nobody, and a form would be slow."""

PERSON = "user_id"


def person_field(plain: dict[str, Any], user_ids: Sequence[str]) -> dict[str, Any]:
    """The form's field for a person, as it is without a list, with these people to choose from."""
    if not 0 < len(user_ids) <= MOST:
        return plain
    parts = plain.get("anyOf") or [{"type": plain["type"], "pattern": plain["pattern"]}]
    by_id = [{**one, "title": "By id"} if one.get("type") == "string" else one for one in parts]
    listed = {"title": "From the list", "type": "string", "enum": list(user_ids)}
    rest = {name: value for name, value in plain.items() if name not in ("type", "pattern")}
    return {**rest, "anyOf": [listed, *by_id]}


def offer_people(deployed: Deployed, user_ids: Sequence[str]) -> int:
    """Bring the lists of all deployments up to date; how many were not. Raises whatever Prefect's client raises."""
    changed = 0
    with get_client(sync_client=True) as client:
        for flow, options in deployed:
            plain = flow.parameters.properties.get(PERSON)
            if plain is None or options.get("interval") or options.get("cron"):
                continue
            try:
                found = client.read_deployment_by_name(f"{flow.name}/{options.get('name', flow.name)}")
            except ObjectNotFound:
                continue
            form = found.parameter_openapi_schema or {}
            wanted = person_field(plain, user_ids)
            if form.get("properties", {}).get(PERSON) != wanted:
                form = {**form, "properties": {**form.get("properties", {}), PERSON: wanted}}
                client.update_deployment(found.id, DeploymentUpdate(parameter_openapi_schema=form))
                changed += 1
    return changed


def offer(settings: Settings, deployed: Deployed) -> int:
    """The same with everybody whom the store knows."""
    with store_of(settings.store) as store:
        user_ids = [person.id for person in store.people.list()]
    return offer_people(deployed, sorted(user_ids))


def keep_offering(settings: Settings, deployed: Deployed) -> None:
    """Do so every minute from now on."""
    every_minute(
        "people", lambda: offer(settings, deployed), "the people of Prefect's forms were not brought up to date"
    )
