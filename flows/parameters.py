"""Types of the flows' parameters: what the Prefect UI shows as a form, and what is checked again when a run starts.

Prefect's server checks patterns and enums when a run is created, but neither dates nor fields against one another, so
`service.backfill.checked_window` does that with words for the person.
"""

from datetime import date
from typing import Annotated, Any

from prefect import Flow
from pydantic import AfterValidator, Field

from glucoflow.model.ingestion import Kind
from glucoflow.model.person_id import PATTERN
from glucoflow.provider import installed


def _choices(schema: dict[str, Any]) -> None:
    """The installed providers, as the form offers them."""
    schema["enum"] = list(installed().providers)


UserId = Annotated[
    str,
    Field(
        title="Person",
        pattern=f"^{PATTERN}$",
        description="id of the person, as in the address of their pages and in `glucoflow people`",
        examples=["alma"],
    ),
]
Provider = Annotated[
    str,
    AfterValidator(lambda name: installed().get(name).name),
    Field(
        title="Provider",
        description="only this provider; default: all of the person's",
        examples=["dexcom"],
        json_schema_extra=_choices,
    ),
]
FirstDay = Annotated[
    date, Field(title="First day", description="by the person's own calendar", examples=["2026-11-01"])
]
LastDay = Annotated[date, Field(title="Last day", description="included", examples=["2026-11-30"])]
Kinds = Annotated[
    list[Kind], Field(title="Kinds", description="only these kinds of records; default: all", examples=[["readings"]])
]


def explained(flow: Flow[..., Any]) -> Flow[..., Any]:
    """The flow, whose optional parameters say in its form what they are: pydantic leaves that with their inner type."""
    for one in flow.parameters.properties.values():
        for inner in one.get("anyOf", ()):
            one.update({key: inner[key] for key in ("title", "description", "examples") if key in inner})
    return flow
