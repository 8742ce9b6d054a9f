"""What routes share: the services, the person of an address, a form that is really ours."""

import ipaddress
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from fastapi import Depends, HTTPException, Request
from pydantic import SecretStr

from glucoflow.model.said import said
from glucoflow.service.annotations import Annotations
from glucoflow.service.connect import SiteConnect
from glucoflow.service.excluding import ExcludingQueries
from glucoflow.service.logging_in import LoggingIn
from glucoflow.service.mail import Mail
from glucoflow.service.notices.desk import Desk
from glucoflow.service.openid import OpenId, OpenIdProvider
from glucoflow.service.passwords import Passwords
from glucoflow.service.program_trail import ProgramTrail
from glucoflow.service.rotation import Rotation
from glucoflow.service.uploads import Uploads
from glucoflow.service.visitors import OPEN_HOME, Visitor, is_open_home, visitor_of
from glucoflow.service.watching import Watch
from glucoflow.store import Person, Store
from glucoflow.web.browser_bond import BrowserBond
from glucoflow.web.charts import Chart
from glucoflow.web.forms import Text
from glucoflow.web.pages import Pages
from glucoflow.web.sealed_cookie import SealedCookie
from glucoflow.web.security import CSRF_COOKIE, SESSION_COOKIE, Signer, csrf_ok


class WebOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the pages are served. `secret` signs cookies and must outlive restarts; `password` None asks for none."""

    secret: SecretStr
    allowed_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    password: SecretStr | None = None
    metrics_token: SecretStr | None = None
    sign_on: OpenIdProvider | None = None
    sign_on_back: str | None = None
    """Where a sign-on sends people back to; None: to where the pages are asked for."""
    open_to_all: bool = False
    """Whoever can sign on is a person here."""


class Services(msgspec.Struct, frozen=True, kw_only=True):
    """What every route works with."""

    store: Store
    queries: ExcludingQueries
    connect: SiteConnect
    annotations: Annotations
    charts: Mapping[str, Chart]
    options: WebOptions
    signer: Signer
    bond: BrowserBond
    pages: Pages
    clock: Callable[[], datetime]
    passwords: Passwords
    logging_in: LoggingIn
    programs: ProgramTrail
    rotation: Rotation
    sign_on_bond: SealedCookie[Any]
    challenges: SealedCookie[Any]
    sign_on: OpenId | None = None
    mail: Mail | None = None
    archive: Callable[[str, Path], int] | None = None
    uploads: Uploads | None = None
    notices: Desk | None = None
    request_guests: Callable[[], None] | None = None
    """Have guests in Kibana made and removed; None where there is no Kibana."""
    watch: Watch | None = None


def address_of(request: Request) -> str:
    """Where a request comes from; "" where that is not known."""
    return request.client.host if request.client else ""


def origin_of(request: Request) -> str:
    """These pages' own address, as whoever asks knows it: `https://glucose.example.org`."""
    return f"{request.url.scheme}://{request.headers.get('host', '')}"


def passkey_host(request: Request) -> str | None:
    """The name of these pages that passkeys are made for; None where they have none, at a bare address."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host or None
    return None


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def person_of(request: Request, user_id: str) -> Person:
    """The person of an address. 404 in words for an unknown one."""
    person = services_of(request).store.people.find(user_id)
    if person is None:
        raise HTTPException(404, said("There is nobody called “%(name)s” here.", name=user_id[:40]))
    return person


def checked_form(request: Request, csrf: Text = "") -> None:
    """Refuses a form without this browser's own token."""
    if not csrf_ok(services_of(request).signer, request.cookies.get(CSRF_COOKIE), csrf):
        raise HTTPException(
            403, said("This form was too old or not ours, so nothing was done. Go back, reload, try again.")
        )


def visitor_here(request: Request) -> Visitor | None:
    """Who this browser is logged in as, if it still is; the operator where nobody has to log in."""
    services, now = services_of(request), services_of(request).clock()
    token, password = request.cookies.get(SESSION_COOKIE), services.options.password
    session = services.store.login_sessions.of_token(token, now) if token else None
    known = services.signer.fingerprint("session", password) if password else None
    found = visitor_of(services.store, session, known, now) if session else None
    return found or (OPEN_HOME if is_open_home(services.store, password) else None)


def local_path(path: str) -> str:
    """`path` if it leads to this site, else the front page: no form can be made to send people elsewhere."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


InServices = Annotated[Services, Depends(services_of)]
InPerson = Annotated[Person, Depends(person_of)]
OurForm = Depends(checked_form)
