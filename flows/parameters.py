"""Types of the flows' parameters: what the Prefect UI shows as a form, and what is checked again when a run starts.

Prefect's server checks patterns and enums when a run is created, but neither dates nor fields against one another, so
`service.backfill.checked_window` does that with words for the person.
"""

import inspect
from datetime import date
from typing import Annotated, Any, get_args

from prefect import Flow
from pydantic import AfterValidator, Field
from pydantic.fields import FieldInfo

from glucoflow.installed import installed
from glucoflow.model.ingestion import Kind
from glucoflow.model.person_id import PATTERN


def _choices(schema: dict[str, Any]) -> None:
    """The installed providers, as the form offers them."""
    schema["enum"] = list(installed().providers)
    schema["examples"] = schema["enum"][:1]


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
    """The flow, whose parameters say in its form what they are: Prefect leaves titles and descriptions out."""
    for name, one in flow.parameters.properties.items():
        found = next(filter(None, map(_field, _parts(inspect.signature(flow.fn).parameters[name].annotation))), None)
        if found is not None:
            one.update(title=found.title, description=found.description)
            one.update({"examples": found.examples} if found.examples else {})
    return flow


def _parts(annotation: Any) -> list[Any]:
    """What an annotation is made of: `Person | None` is two."""
    return [annotation, *get_args(annotation)]


def _field(part: Any) -> FieldInfo | None:
    return next((one for one in getattr(part, "__metadata__", ()) if isinstance(one, FieldInfo)), None)
