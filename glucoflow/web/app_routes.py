"""A person's apps: a credential made, shown once with the address to type and as a QR code, listed and revoked."""

import json
from typing import Annotated

import segno
from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from glucoflow.model.said import said
from glucoflow.store import AppRights, Person
from glucoflow.web.access import InPerson, InServices, OurForm, Services, origin_of
from glucoflow.web.forms import Text
from glucoflow.web.rights import CHANGE

router = APIRouter()

RIGHTS_WORDS: dict[AppRights, str] = {
    "both": said("read and upload"),
    "upload": said("only upload"),
    "read": said("only read"),
}


@router.get("/people/{user_id}/apps", dependencies=[CHANGE])
def apps(request: Request, services: InServices, person: InPerson) -> Response:
    return _page(request, services, person)


@router.post("/people/{user_id}/apps", dependencies=[CHANGE, OurForm])
def add(
    request: Request, services: InServices, person: InPerson, name: Text, rights: Annotated[AppRights, Form()] = "both"
) -> Response:
    """The only answer that ever holds the secret; it is not kept by the browser."""
    made = services.store.apps.add(person.id, name, rights, services.clock())
    base = origin_of(request)
    # xDrip+ reads one address that holds the secret; all other apps have two fields.
    address = f"{request.url.scheme}://{made.secret}@{request.headers.get('host', '')}/api/v1/"
    scanned = json.dumps({"rest": {"endpoint": [address]}})  # what xDrip+ reads at Auto configure
    shown = {"name": made.app.name, "secret": made.secret, "url": base, "xdrip": address, "qr": qr_svg(scanned)}
    return _page(request, services, person, made=shown)


@router.post("/people/{user_id}/apps/{app_id}/revoke", dependencies=[CHANGE, OurForm])
def revoke(services: InServices, person: InPerson, app_id: str) -> Response:
    if app_id not in {one.id for one in services.store.apps.list(person.id)}:
        raise HTTPException(404, said("This app is not there any more."))
    services.store.apps.revoke(app_id, services.clock())
    return RedirectResponse(f"/people/{person.id}/apps", 303)


@router.post("/people/{user_id}/apps/partners/{grant_id}/end", dependencies=[CHANGE, OurForm])
def end_consent(services: InServices, person: InPerson, grant_id: str) -> Response:
    """What was shared with a partner ends."""
    if grant_id not in {one.id for one in services.store.partners.grants(person.id)}:
        raise HTTPException(404, said("This consent is not there any more."))
    services.store.partners.end(grant_id, services.clock())
    return RedirectResponse(f"/people/{person.id}/apps", 303)


def qr_svg(text: str) -> str:
    """The text as a QR code, as an SVG element without style or script."""
    code = segno.make(text, error="m")
    return code.svg_inline(scale=5, border=4, dark="#000", light="#fff", svgclass="qr", lineclass=None)


def _page(request: Request, services: Services, person: Person, made: dict[str, str] | None = None) -> Response:
    return services.pages.render(
        request,
        "apps.html",
        services.clock(),
        person=person,
        unit=person.unit,
        current="apps",
        apps=services.store.apps.list(person.id),
        consents=services.store.partners.grants(person.id),
        rights_words=RIGHTS_WORDS,
        made=made,
    )
