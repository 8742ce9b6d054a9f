"""A person's settings: their targets, and the spans that they left out of all figures."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from glucoflow.model.targets import PROFILES
from glucoflow.service.ports import Person
from glucoflow.web.access import InParts, InPerson, OurForm
from glucoflow.web.dashboard_pages import BOARDS
from glucoflow.web.pages import unit_of

router = APIRouter()

PROFILE_WORDS = {
    "adult": "Adult, type 1 or 2", "older_high_risk": "Older, or at high risk", "pregnancy": "Pregnancy, type 1",
    "gestational": "Gestational, or type 2 in pregnancy",
}  # fmt: skip


@router.get("/people/{user_id}/settings")
def settings(request: Request, parts: InParts, person: InPerson) -> Response:
    return parts.pages.render(
        request, "settings.html", parts.clock(), person=person, unit=unit_of(request, person), boards=BOARDS,
        current="settings", span=None, profiles=PROFILES, profile_words=PROFILE_WORDS,
        profile=parts.marks.profile(person.id), exclusions=list(reversed(parts.marks.exclusions(person.id))),
    )  # fmt: skip


@router.post("/people/{user_id}/targets", dependencies=[OurForm])
def choose_targets(
    request: Request,
    parts: InParts,
    person: InPerson,
    profile: Annotated[str, Form()],
    limits: Annotated[Literal["profile", "own"], Form()] = "profile",
    low: Annotated[float | None, Form()] = None,
    high: Annotated[float | None, Form()] = None,
) -> Response:
    """The profile's range, or own limits in the unit that the page showed."""
    own = (low, high) if limits == "own" else (None, None)
    parts.marks.set_targets(person.id, profile, *own, unit_of(request, person))
    return _back(person)


@router.post("/people/{user_id}/exclusions", dependencies=[OurForm])
def exclude(
    parts: InParts,
    person: InPerson,
    start: Annotated[datetime, Form()],
    end: Annotated[datetime, Form()],
    reason: Annotated[str, Form()],
) -> Response:
    """Leave out a span, given by the home clock."""
    parts.marks.exclude(person.id, start, end, reason, parts.clock())
    return _back(person)


@router.post("/people/{user_id}/exclusions/{number}/undo", dependencies=[OurForm])
def undo(parts: InParts, person: InPerson, number: int) -> Response:
    parts.marks.undo(person.id, number, parts.clock())
    return _back(person)


def _back(person: Person) -> Response:
    return RedirectResponse(f"/people/{person.id}/settings", 303)
