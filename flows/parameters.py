"""Types of the flows' parameters: what the Prefect UI shows as a form, and what is checked again when a run starts.

Prefect's server checks patterns and enums when a run is created, but neither dates nor fields against one another, so
`checked_window` does that with words for the person.
"""

from datetime import date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from glucoflow.connector import Window
from glucoflow.errors import Rejected

LONGEST_SPAN = timedelta(days=366 * 20)

UserId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="id of the person, as in `people`")]
Provider = Annotated[Literal["dexcom"], Field(description="only this provider; default: all of the person's")]
FirstDay = Annotated[date, Field(description="first day, by the person's own calendar")]
LastDay = Annotated[date, Field(description="last day, included")]


def checked_window(first: date, last: date, zone: str, now: datetime) -> Window:
    """From the first day's midnight to the last day's end in the person's zone, no later than now.

    Raises Rejected if the days are swapped, lie in the future, or span more than twenty years.
    """
    here = ZoneInfo(zone)
    if last < first:
        raise Rejected("end", f"the last day ({last}) is before the first ({first}); swap them")
    if first > now.astimezone(here).date():
        raise Rejected("start", f"{first} is in the future; there are no readings yet")
    if last - first > LONGEST_SPAN:
        raise Rejected("start", f"{first} to {last} is more than twenty years; choose a shorter span")
    start = datetime.combine(first, time(), here)
    end = datetime.combine(last + timedelta(days=1), time(), here)
    return Window(start.astimezone(now.tzinfo), min(end.astimezone(now.tzinfo), now))
