"""A person's settings: their targets, and the spans that they excluded from all figures."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from glucoflow.model.targets import PROFILES
from glucoflow.store import Person
from glucoflow.web.access import InPerson, InServices, OurForm
from glucoflow.web.pages import unit_of

router = APIRouter()

PROFILE_WORDS = {
    "adult": "Adult, type 1 or 2",
    "older_high_risk": "Older, or at high risk",
    "pregnancy": "Pregnancy, type 1",
    "gestational": "Gestational, or type 2 in pregnancy",
}


@router.get("/people/{user_id}/settings")
def settings(request: Request, services: InServices, person: InPerson) -> Response:
    return services.pages.render(
        request,
        "settings.html",
        services.clock(),
        person=person,
        unit=unit_of(request, person),
        current="settings",
        profiles=PROFILES,
        profile_words=PROFILE_WORDS,
        profile=person.profile,
        exclusions=list(reversed(services.annotations.exclusions(person.id))),
    )


@router.post("/people/{user_id}/targets", dependencies=[OurForm])
def choose_targets(
    request: Request,
    services: InServices,
    person: InPerson,
    profile: Annotated[str, Form()],
    limits: Annotated[Literal["profile", "own"], Form()] = "profile",
    low: Annotated[float | None, Form()] = None,
    high: Annotated[float | None, Form()] = None,
) -> Response:
    """The profile's range, or own limits in the unit that the page showed."""
    own = (low, high) if limits == "own" else (None, None)
    services.annotations.set_targets(person.id, profile, *own, unit_of(request, person))
    return _back(person)


@router.post("/people/{user_id}/exclusions", dependencies=[OurForm])
def exclude(
    services: InServices,
    person: InPerson,
    start: Annotated[datetime, Form()],
    end: Annotated[datetime, Form()],
    reason: Annotated[str, Form()],
) -> Response:
    """Exclude a span, given by the home clock."""
    services.annotations.exclude(person.id, start, end, reason, services.clock())
    return _back(person)


@router.post("/people/{user_id}/exclusions/{number}/undo", dependencies=[OurForm])
def undo(services: InServices, person: InPerson, number: int) -> Response:
    services.annotations.undo(person.id, number, services.clock())
    return _back(person)


def _back(person: Person) -> Response:
    return RedirectResponse(f"/people/{person.id}/settings", 303)
