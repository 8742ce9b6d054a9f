"""Connecting a provider: off to the provider, back with a code, and what to say when it went wrong."""

import logging
from collections.abc import Mapping
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import SecretStr

from glucoflow.model.errors import GlucoflowError, Reauthorize
from glucoflow.service.connect import ConnectForm
from glucoflow.store import Person
from glucoflow.web.access import InParts, InPerson, OurForm, Services, local_path
from glucoflow.web.pages import unit_of

log = logging.getLogger(__name__)
router = APIRouter()

DENIED = "access_denied"


@router.get("/people/{user_id}/connect/{provider}")
def begin(request: Request, parts: InParts, person: InPerson, provider: str) -> Response:
    """To the provider's own login, or to a form of ours. The state that comes back from there is single-use, expires,
    and only its hash is kept."""
    form = _form_of(parts, provider)
    if form is not None:
        return _form_page(request, parts, person, form, {}, form.region)
    address = parts.connect.begin(person.id, provider, parts.clock())
    return RedirectResponse(address, 303, headers={"Cache-Control": "no-store"})


async def typed(request: Request) -> dict[str, str]:
    """The fields of a form, as they were filled in."""
    sent = await request.form()
    return {name: value for name, value in sent.items() if isinstance(value, str)}


@router.post("/people/{user_id}/connect/{provider}", dependencies=[OurForm])
def fill_in(
    request: Request, parts: InParts, person: InPerson, provider: str, sent: Annotated[dict[str, str], Depends(typed)]
) -> Response:
    """Sign in with what was filled in. What the provider refuses is said over the form; nothing secret comes back."""
    form = _form_of(parts, provider)
    if form is None:
        raise HTTPException(404, "This provider has a sign-in page of its own.")
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
        raise HTTPException(404, f"There is no provider called “{provider[:40]}” to connect.")
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


@router.get("/oauth/callback")
def callback(request: Request, parts: InParts, state: str = "", code: str = "", error: str = "") -> Response:
    """Back from the provider. Always ends at an address without code and state."""
    now = parts.clock()
    if error:
        return _failed(request, parts, parts.connect.cancel(state, now) if state else None, error)
    if not state or not code:
        return _page(
            request,
            parts,
            None,
            "This address is not complete",
            "The provider sends people here with a code; this call has none.",
            "Start again from the person's page.",
        )
    try:
        done = parts.connect.complete(state, code, now)
    except Reauthorize as refused:
        log.info("An authorization was refused: %s", type(refused).__name__)
        remedy = refused.remedy or "Start again from the person's page; the link works once and for a few minutes."
        return _page(request, parts, None, "Not connected", refused.message, remedy)
    return RedirectResponse(f"/people/{done.user_id}/status?connected={done.provider}", 303)


@router.post("/people/{user_id}/sync", dependencies=[OurForm])
def sync(parts: InParts, person: InPerson, back: Annotated[str, Form()] = "/") -> Response:
    parts.connect.sync(person.id, parts.clock())
    return RedirectResponse(local_path(back), 303)


@router.post("/people/{user_id}/backfill", dependencies=[OurForm])
def backfill(
    parts: InParts, person: InPerson, first: Annotated[date, Form()], last: Annotated[date, Form()]
) -> Response:
    """Read days again, both included; how far it is shows among the runs."""
    parts.connect.backfill(person.id, first, last, parts.clock())
    return RedirectResponse(f"/people/{person.id}/status?loading=1", 303)


@router.post("/people/{user_id}/connections/{connection_id}/disconnect", dependencies=[OurForm])
def disconnect(parts: InParts, person: InPerson, connection_id: str) -> Response:
    _known(parts, person, connection_id)
    parts.connect.disconnect(person.id, connection_id)
    return RedirectResponse(f"/people/{person.id}/status", 303)


@router.post("/people/{user_id}/connections/{connection_id}/confirm", dependencies=[OurForm])
def confirm(parts: InParts, person: InPerson, connection_id: str) -> Response:
    """Another account than before is meant."""
    _known(parts, person, connection_id)
    parts.connect.confirm_account(person.id, connection_id, parts.clock())
    return RedirectResponse(f"/people/{person.id}/status", 303)


@router.post("/people/{user_id}/connections/{connection_id}/undo", dependencies=[OurForm])
def undo(parts: InParts, person: InPerson, connection_id: str) -> Response:
    """Take back all that came by a connection."""
    _known(parts, person, connection_id)
    gone = parts.connect.undo(person.id, connection_id)
    return RedirectResponse(f"/people/{person.id}/status?gone={gone}", 303)


def _known(parts: Services, person: Person, connection_id: str) -> None:
    if connection_id not in {one.id for one in parts.store.connections.for_user(person.id)}:
        raise HTTPException(404, "This connection is not there any more.")


def _failed(request: Request, parts: Services, user_id: str | None, error: str) -> Response:
    if error == DENIED:
        return _page(
            request,
            parts,
            user_id,
            "Not connected",
            "The provider says that access was not allowed, so nothing was stored.",
            "If that was a slip, connect again and give your consent there.",
        )
    return _page(
        request,
        parts,
        user_id,
        "Not connected",
        f"The provider answered with the error “{error[:60]}”.",
        "Try again in a few minutes. If it stays, check the redirect URI and the keys with: glucoflow doctor",
    )


def _page(request: Request, parts: Services, user_id: str | None, title: str, message: str, remedy: str) -> Response:
    return parts.pages.render(
        request, "problem.html", parts.clock(), 400, title=title, message=message, remedy=remedy, user_id=user_id
    )
