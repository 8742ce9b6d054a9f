"""What Prefect holds of a person: runs that were asked for them, artifacts that name them, their place in a form."""

import json
import re
from typing import Any

import msgspec

from glucoflow.service.prefect_api import PrefectApi

_OVER = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED", "SCHEDULED", "PAUSED"}


class Traces(msgspec.Struct, frozen=True, kw_only=True):
    """How many were removed. Of `blanked` runs, which are under way, only what names the person was."""

    runs: int = 0
    blanked: int = 0
    artifacts: int = 0


def forget_person(api: PrefectApi, user_id: str) -> Traces:
    """Delete the runs (with their logs) and the artifacts that name the person, and offer them in no form any more.

    Events cannot be deleted, and are kept for two days; names of runs have no id, so that few hold any. Raises
    Unavailable where Prefect does not answer.
    """
    named = re.compile(rf"(?<![a-z0-9_-]){re.escape(user_id)}(?![a-z0-9_-])")
    artifacts = [one["id"] for one in api.all("artifacts") if named.search(_text(one, "data", "description", "key"))]
    for artifact in artifacts:
        api.delete(f"artifacts/{artifact}")
    deleted = blanked = 0
    for run in [one for one in api.all("flow_runs") if named.search(_text(one, "parameters", "name"))]:
        if run["state_type"] in _OVER:
            api.delete(f"flow_runs/{run['id']}")
            deleted += 1
        else:  # it could not tell its end any more
            api.patch(f"flow_runs/{run['id']}", parameters={}, name="of-a-deleted-person")
            blanked += 1
    for deployment in api.all("deployments"):
        _no_choice(api, deployment, user_id)
    return Traces(runs=deleted, blanked=blanked, artifacts=len(artifacts))


def _no_choice(api: PrefectApi, deployment: dict[str, Any], user_id: str) -> None:
    """Take them out of the list that a deployment's form has (`flows.choices`)."""
    form = deployment.get("parameter_openapi_schema") or {}
    listed = [
        part["enum"]
        for field in form.get("properties", {}).values()
        for part in field.get("anyOf", [])
        if user_id in part.get("enum", [])
    ]
    for one in listed:
        one.remove(user_id)
    if listed:
        api.patch(f"deployments/{deployment['id']}", parameter_openapi_schema=form)


def _text(one: dict[str, object], *fields: str) -> str:
    return json.dumps([one.get(field) for field in fields], ensure_ascii=False)
