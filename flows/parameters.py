"""Types of the flows' parameters: what the Prefect UI shows as a form, and what is checked again when a run starts.

Prefect's server checks patterns and enums when a run is created, but neither dates nor fields against one another, so
`service.backfill.checked_window` does that with words for the person.
"""

from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from glucoflow.model.person_id import PATTERN
from glucoflow.provider import installed


def _choices(schema: dict[str, Any]) -> None:
    """The installed providers, as the form offers them."""
    schema["enum"] = list(installed().providers)


UserId = Annotated[str, Field(pattern=f"^{PATTERN}$", description="id of the person, as in `people`")]
Provider = Annotated[
    str,
    AfterValidator(lambda name: installed().get(name).name),
    Field(description="only this provider; default: all of the person's", json_schema_extra=_choices),
]
FirstDay = Annotated[date, Field(description="first day, by the person's own calendar")]
LastDay = Annotated[date, Field(description="last day, included")]
