"""What a page shows besides charts: tables of days, episodes, events, settings."""

from datetime import datetime
from typing import Any

from glucoflow.web.boards import Board
from glucoflow.web.ports import Glucose, Person
from glucoflow.web.span import Span


def part_of(chosen: Board, glucose: Glucose, person: Person, span: Span, now: datetime) -> dict[str, Any]:
    """The values for the template part of a page."""
    return {}
