"""A person's settings: who they are here, their targets, the spans that they excluded, and their end."""

from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import Annotated, Literal

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from starlette.background import BackgroundTask

from glucoflow.model.errors import Rejected
from glucoflow.model.said import said
from glucoflow.model.targets import PROFILES
from glucoflow.store import Person
from glucoflow.web.access import InPerson, InServices, OurForm, Services
from glucoflow.web.forms import Text, Tried, day_of, number_of, time_of, tried, unit_chosen, zones
from glucoflow.web.pages import unit_cookie, unit_of
from glucoflow.web.rights import CHANGE, OPEN

router = APIRouter()

PROFILE_WORDS = {
    "adult": said("Adult, type 1 or 2"),
    "older_high_risk": said("Older, or at high risk"),
    "pregnancy": said("Pregnancy, type 1"),
    "gestational": said("Gestational, or type 2 in pregnancy"),
}


@router.get("/people/{user_id}/settings", dependencies=[CHANGE])
def settings(request: Request, services: InServices, person: InPerson) -> Response:
    return _page(request, services, person)


@router.post("/people/{user_id}/details", dependencies=[CHANGE, OurForm])
def change_details(
    request: Request,
    services: InServices,
    person: InPerson,
    name: Text = "",
    zone: Text = "",
    unit: Text = "",
    born: Text = "",
    language: Text = "",
) -> Response:
    """Name, birth date, zone, unit and language; the id, and so the address, stays.

    This browser's own choice of a unit ends.
    """
    try:
        chosen = unit_chosen(unit)
        birth = day_of("born", born) if born.strip() else None
        if birth and birth > services.clock().date():
            raise Rejected("born", said("lies in the future"))
        services.annotations.change_person(person.id, name, zone or "-", chosen, birth, language or None)
    except Rejected as error:
        values = {"name": name, "zone": zone, "unit": unit, "born": born, "language": language}
        return _page(request, services, person, tried("details", values, error, {"display name": "name"}))
    answer = _back(person)
    answer.delete_cookie(unit_cookie(person.id))
    return answer


@router.post("/people/{user_id}/targets", dependencies=[CHANGE, OurForm])
def choose_targets(
    request: Request,
    services: InServices,
    person: InPerson,
    profile: Text = "",
    limits: Annotated[Literal["profile", "own"], Form()] = "profile",
    low: Text = "",
    high: Text = "",
) -> Response:
    """The profile's range, or own limits in the unit that the page showed."""
    try:
        own = (number_of("low", low), number_of("high", high)) if limits == "own" else (None, None)
        services.annotations.set_targets(person.id, profile, *own, unit_of(request, person))
    except Rejected as error:
        values = {"profile": profile, "limits": limits, "low": low, "high": high}
        return _page(request, services, person, tried("targets", values, error, {"targets": "high"}))
    return _back(person)


@router.post("/people/{user_id}/exclusions", dependencies=[CHANGE, OurForm])
def exclude(
    request: Request, services: InServices, person: InPerson, start: Text = "", end: Text = "", reason: Text = ""
) -> Response:
    """Exclude a span, given by the home clock."""
    try:
        span = time_of("start", start), time_of("end", end)
        services.annotations.exclude(person.id, *span, reason, services.clock())
    except Rejected as error:
        values = {"start": start, "end": end, "reason": reason}
        return _page(request, services, person, tried("exclusion", values, error, {"exclusion": "end"}))
    return _back(person)


@router.post("/people/{user_id}/exclusions/{number}/undo", dependencies=[CHANGE, OurForm])
def undo(services: InServices, person: InPerson, number: int) -> Response:
    services.annotations.undo(person.id, number, services.clock())
    return _back(person)


@router.get("/people/{user_id}/archive.zip", dependencies=[CHANGE])
def archive(services: InServices, person: InPerson) -> Response:
    """Everything that is held of the person, in one file."""
    if services.archive is None:
        raise HTTPException(404, "No archives are made here.")
    folder = Path(mkdtemp(prefix="glucoflow-archive-"))
    try:
        services.archive(person.id, folder / "archive.zip")
    except BaseException:
        rmtree(folder)
        raise
    return FileResponse(
        folder / "archive.zip",
        media_type="application/zip",
        filename=f"glucoflow-{person.id}.zip",
        headers={"Cache-Control": "no-store"},
        background=BackgroundTask(rmtree, folder),
    )


@router.post("/people/{user_id}/delete", dependencies=[CHANGE, OurForm])
def delete(request: Request, services: InServices, person: InPerson, confirm: Text = "") -> Response:
    """Have the person deleted with all that is held of them, once their name was repeated."""
    if confirm.strip() != person.display_name:
        wrong = Rejected("confirm", said("enter the name as it is: %(name)s", name=person.display_name))
        return _page(request, services, person, tried("delete", {"confirm": confirm}, wrong, {}))
    receipt = services.store.receipts.ask(person.id, services.clock())
    services.connect.delete_person(person.id)
    return RedirectResponse(f"/receipt/{receipt}", 303)


@router.get("/receipt/{token}", dependencies=[OPEN])
def receipt(request: Request, services: InServices, token: str) -> Response:
    """What was removed, for whoever asked for the deletion: their account may be gone by now."""
    found = services.store.receipts.find(token)
    if found is None:
        raise HTTPException(404, "There is no such receipt any more; they are kept for 30 days.")
    return services.pages.render(request, "receipt.html", services.clock(), receipt=found, token=token)


@router.get("/receipt/{token}/receipt.txt", dependencies=[OPEN])
def receipt_as_text(services: InServices, token: str) -> Response:
    found = services.store.receipts.find(token)
    if found is None or found.text is None:
        raise HTTPException(404, "There is no such receipt yet, or any more.")
    headers = {"Content-Disposition": 'attachment; filename="receipt.txt"', "Cache-Control": "no-store"}
    head = f"Deletion asked for at {found.asked_at:%Y-%m-%d %H:%M} UTC. What was removed:\n"
    return Response(head + found.text + "\n", media_type="text/plain; charset=utf-8", headers=headers)


def _page(request: Request, services: Services, person: Person, wrong: Tried | None = None) -> Response:
    return services.pages.render(
        request,
        "settings.html",
        services.clock(),
        422 if wrong else 200,
        person=person,
        unit=unit_of(request, person),
        current="settings",
        profiles=PROFILES,
        profile_words=PROFILE_WORDS,
        profile=person.profile,
        zones=zones(),
        exclusions=list(reversed(services.annotations.exclusions(person.id))),
        tried=wrong,
    )


def _back(person: Person) -> RedirectResponse:
    return RedirectResponse(f"/people/{person.id}/settings", 303)
