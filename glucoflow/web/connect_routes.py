"""Connecting a provider by its own page or by a form of ours, and what can be asked of a connection."""

import logging
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import SecretStr

from glucoflow.model.errors import GlucoflowError, Rejected
from glucoflow.model.said import said
from glucoflow.service.connect import ConnectForm
from glucoflow.store import Person
from glucoflow.web.access import InParts, InPerson, OurForm, Services
from glucoflow.web.forms import day_of, tried
from glucoflow.web.oauth_routes import leave
from glucoflow.web.pages import unit_of
from glucoflow.web.person_routes import status_page
from glucoflow.web.rights import CHANGE

log = logging.getLogger(__name__)
router = APIRouter()


@router.get("/people/{user_id}/connect/{provider}", dependencies=[CHANGE])
def begin(request: Request, parts: InParts, person: InPerson, provider: str) -> Response:
    """The form of a provider that has one. Others are begun by a form of ours (POST), never by an address."""
    form = _form_of(parts, provider)
    if form is None:
        return RedirectResponse(f"/people/{person.id}/status", 303)
    return _form_page(request, parts, person, form, {}, form.region)


async def typed(request: Request) -> dict[str, str]:
    """The fields of a form, as they were filled in."""
    sent = await request.form()
    return {name: value for name, value in sent.items() if isinstance(value, str)}


@router.post("/people/{user_id}/connect/{provider}", dependencies=[CHANGE, OurForm])
def connect(
    request: Request, parts: InParts, person: InPerson, provider: str, sent: Annotated[dict[str, str], Depends(typed)]
) -> Response:
    """To the provider's own page, or sign in with what was filled in: what is refused is said over the form, and
    nothing secret comes back."""
    form = _form_of(parts, provider)
    if form is None:
        return leave(request, parts, person, provider)
    region = sent.get("region", form.region)
    values = {one.name: SecretStr(sent[one.name].strip()) for one in form.fields if sent.get(one.name, "").strip()}
    try:
        parts.connect.log_in(person.id, provider, region, values, parts.clock())
    except GlucoflowError as error:
        log.info("A sign-in by form failed: %s", type(error).__name__)
        return _form_page(request, parts, person, form, sent, region, error)
    return RedirectResponse(f"/people/{person.id}/status?connected={provider}", 303)


def _form_of(parts: Services, provider: str) -> ConnectForm | None:
    if provider not in parts.connect.titles:
        raise HTTPException(404, said("There is no provider called “%(name)s” to connect.", name=provider[:40]))
    return parts.connect.form(provider)


def _form_page(
    request: Request,
    parts: Services,
    person: Person,
    form: ConnectForm,
    sent: Mapping[str, str],
    region: str,
    error: GlucoflowError | None = None,
) -> Response:
    shown = {one.name: sent.get(one.name, "") for one in form.fields if not one.secret}
    page = parts.pages.render(
        request,
        "connect.html",
        parts.clock(),
        200,  # a refused sign-in is no wrong request
        person=person,
        unit=unit_of(request, person),
        current="status",
        form=form,
        shown=shown,
        region=region,
        error=error,
    )
    page.headers["Cache-Control"] = "no-store"
    return page


@router.post("/people/{user_id}/sync", dependencies=[CHANGE, OurForm])
def sync(parts: InParts, person: InPerson) -> Response:
    """Ask for a sync; the page that answers at once shows how it goes."""
    parts.connect.sync(person.id, parts.clock())
    return RedirectResponse(f"/people/{person.id}/status?syncing=1", 303)


@router.post("/people/{user_id}/backfill", dependencies=[CHANGE, OurForm])
def backfill(
    request: Request,
    parts: InParts,
    person: InPerson,
    first: Annotated[str, Form()] = "",
    last: Annotated[str, Form()] = "",
) -> Response:
    """Read days again, both included; how far it is shows among the runs."""
    try:
        parts.connect.backfill(person.id, day_of("first", first), day_of("last", last), parts.clock())
    except Rejected as error:
        fields = {"start": "first", "end": "last", "person": "first"}
        wrong = tried("backfill", {"first": first, "last": last}, error, fields)
        return status_page(request, parts, person, wrong=wrong)
    return RedirectResponse(f"/people/{person.id}/status?loading=1", 303)


@router.post("/people/{user_id}/connections/{connection_id}/disconnect", dependencies=[CHANGE, OurForm])
def disconnect(parts: InParts, person: InPerson, connection_id: str) -> Response:
    _known(parts, person, connection_id)
    parts.connect.disconnect(person.id, connection_id)
    return RedirectResponse(f"/people/{person.id}/status", 303)


@router.post("/people/{user_id}/connections/{connection_id}/confirm", dependencies=[CHANGE, OurForm])
def confirm(parts: InParts, person: InPerson, connection_id: str) -> Response:
    """Another account than before is meant."""
    _known(parts, person, connection_id)
    parts.connect.confirm_account(person.id, connection_id, parts.clock())
    return RedirectResponse(f"/people/{person.id}/status", 303)


@router.post("/people/{user_id}/connections/{connection_id}/first", dependencies=[CHANGE, OurForm])
def first(parts: InParts, person: InPerson, connection_id: str) -> Response:
    """This connection's readings count first."""
    _known(parts, person, connection_id)
    parts.connect.prefer(person.id, connection_id)
    return RedirectResponse(f"/people/{person.id}/status", 303)


@router.post("/people/{user_id}/connections/{connection_id}/upload", dependencies=[CHANGE, OurForm])
def upload(parts: InParts, person: InPerson, connection_id: str, on: Annotated[bool, Form()] = False) -> Response:
    """Whether what the person has from elsewhere goes to this account too."""
    _known(parts, person, connection_id)
    parts.connect.upload(person.id, connection_id, on, parts.clock())
    return RedirectResponse(f"/people/{person.id}/status", 303)


@router.post("/people/{user_id}/sensor", dependencies=[CHANGE, OurForm])
def sensor(parts: InParts, person: InPerson, newer: Annotated[bool, Form()] = False) -> Response:
    """Which of two sensors worn at once counts."""
    parts.connect.prefer_sensor(person.id, newer)
    return RedirectResponse(f"/people/{person.id}/status", 303)


@router.post("/people/{user_id}/connections/{connection_id}/undo", dependencies=[CHANGE, OurForm])
def undo(parts: InParts, person: InPerson, connection_id: str) -> Response:
    """Take back all that came by a connection."""
    _known(parts, person, connection_id)
    gone = parts.connect.undo(person.id, connection_id)
    return RedirectResponse(f"/people/{person.id}/status?gone={gone}", 303)


def _known(parts: Services, person: Person, connection_id: str) -> None:
    if connection_id not in {one.id for one in parts.store.connections.for_user(person.id)}:
        raise HTTPException(404, said("This connection is not there any more."))
