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
from glucoflow.web.access import InPerson, InServices, OurForm, Services
from glucoflow.web.forms import Text, day_of, tried
from glucoflow.web.oauth_routes import leave
from glucoflow.web.pages import unit_of
from glucoflow.web.person_routes import status_page
from glucoflow.web.rights import CHANGE

log = logging.getLogger(__name__)
router = APIRouter()


@router.get("/people/{user_id}/connect/{provider}", dependencies=[CHANGE])
def begin(request: Request, services: InServices, person: InPerson, provider: str) -> Response:
    """The form of a provider that has one. Others are begun by a form of ours (POST), never by an address."""
    form = _form_of(services, provider)
    if form is None:
        return _back(person)
    return _form_page(request, services, person, form, {}, form.region)


def known_connection(services: InServices, person: InPerson, connection_id: str) -> str:
    """One of the person's. Raises HTTPException (404)."""
    if connection_id not in {one.id for one in services.store.connections.for_user(person.id)}:
        raise HTTPException(404, said("This connection is not there any more."))
    return connection_id


KnownConnection = Annotated[str, Depends(known_connection)]


async def typed(request: Request) -> dict[str, str]:
    """The fields of a form, as they were filled in."""
    sent = await request.form()
    return {name: value for name, value in sent.items() if isinstance(value, str)}


@router.post("/people/{user_id}/connect/{provider}", dependencies=[CHANGE, OurForm])
def connect(
    request: Request,
    services: InServices,
    person: InPerson,
    provider: str,
    sent: Annotated[dict[str, str], Depends(typed)],
) -> Response:
    """To the provider's own page, or sign in with what was filled in: what is refused is said over the form, and
    nothing secret comes back."""
    form = _form_of(services, provider)
    if form is None:
        return leave(request, services, person, provider)
    region = sent.get("region", form.region)
    values = {one.name: SecretStr(sent[one.name].strip()) for one in form.fields if sent.get(one.name, "").strip()}
    try:
        services.connect.log_in(person.id, provider, region, values, services.clock())
    except GlucoflowError as error:
        log.info("A sign-in by form failed: %s", type(error).__name__)
        return _form_page(request, services, person, form, sent, region, error)
    return RedirectResponse(f"/people/{person.id}/status?connected={provider}", 303)


def _form_of(services: Services, provider: str) -> ConnectForm | None:
    if provider not in services.connect.titles:
        raise HTTPException(404, said("There is no provider called “%(name)s” to connect.", name=provider[:40]))
    return services.connect.form(provider)


def _form_page(
    request: Request,
    services: Services,
    person: Person,
    form: ConnectForm,
    sent: Mapping[str, str],
    region: str,
    error: GlucoflowError | None = None,
) -> Response:
    shown = {one.name: sent.get(one.name, "") for one in form.fields if not one.secret}
    page = services.pages.render(
        request,
        "connect.html",
        services.clock(),
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
def sync(services: InServices, person: InPerson) -> Response:
    """Ask for a sync; the page that answers at once shows how it goes."""
    services.connect.sync(person.id, services.clock())
    return RedirectResponse(f"/people/{person.id}/status?syncing=1", 303)


@router.post("/people/{user_id}/backfill", dependencies=[CHANGE, OurForm])
def backfill(request: Request, services: InServices, person: InPerson, first: Text = "", last: Text = "") -> Response:
    """Read days again, both included; how far it is shows among the runs."""
    try:
        services.connect.backfill(person.id, day_of("first", first), day_of("last", last), services.clock())
    except Rejected as error:
        fields = {"start": "first", "end": "last", "person": "first"}
        wrong = tried("backfill", {"first": first, "last": last}, error, fields)
        return status_page(request, services, person, wrong=wrong)
    return RedirectResponse(f"/people/{person.id}/status?loading=1", 303)


@router.post("/people/{user_id}/connections/{connection_id}/disconnect", dependencies=[CHANGE, OurForm])
def disconnect(services: InServices, person: InPerson, connection: KnownConnection) -> Response:
    services.connect.disconnect(person.id, connection)
    return _back(person)


@router.post("/people/{user_id}/connections/{connection_id}/confirm", dependencies=[CHANGE, OurForm])
def confirm(services: InServices, person: InPerson, connection: KnownConnection) -> Response:
    """Another account than before is meant."""
    services.connect.confirm_account(person.id, connection, services.clock())
    return _back(person)


@router.post("/people/{user_id}/connections/{connection_id}/first", dependencies=[CHANGE, OurForm])
def first(services: InServices, person: InPerson, connection: KnownConnection) -> Response:
    """This connection's readings count first."""
    services.connect.prefer(person.id, connection)
    return _back(person)


@router.post("/people/{user_id}/connections/{connection_id}/upload", dependencies=[CHANGE, OurForm])
def upload(
    services: InServices, person: InPerson, connection: KnownConnection, on: Annotated[bool, Form()] = False
) -> Response:
    """Whether what the person has from elsewhere goes to this account too."""
    services.connect.upload(person.id, connection, on, services.clock())
    return _back(person)


@router.post("/people/{user_id}/sensor", dependencies=[CHANGE, OurForm])
def sensor(services: InServices, person: InPerson, newer: Annotated[bool, Form()] = False) -> Response:
    """Which of two sensors worn at once counts."""
    services.connect.prefer_sensor(person.id, newer)
    return _back(person)


@router.post("/people/{user_id}/connections/{connection_id}/undo", dependencies=[CHANGE, OurForm])
def undo(services: InServices, person: InPerson, connection: KnownConnection) -> Response:
    """Take back all that came by a connection."""
    gone = services.connect.undo(person.id, connection)
    return RedirectResponse(f"/people/{person.id}/status?gone={gone}", 303)


def _back(person: Person) -> RedirectResponse:
    return RedirectResponse(f"/people/{person.id}/status", 303)
