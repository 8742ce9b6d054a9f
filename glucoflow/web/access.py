"""What routes share: the services, the person of an address, a form that is really ours."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from fastapi import Depends, Form, HTTPException, Request
from pydantic import SecretStr

from glucoflow.service.annotations import Annotations
from glucoflow.service.connect import SiteConnect
from glucoflow.service.excluding import ExcludingQueries
from glucoflow.service.uploads import Uploads
from glucoflow.store import Person, Store
from glucoflow.web.browser_bond import BrowserBond
from glucoflow.web.charts import Chart
from glucoflow.web.pages import Pages
from glucoflow.web.security import CSRF_COOKIE, SESSION_COOKIE, Signer, csrf_ok


class WebOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How the pages are served. `secret` signs cookies and must outlive restarts; `password` None asks for none."""

    secret: SecretStr
    allowed_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    password: SecretStr | None = None


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
    uploads: Uploads | None = None


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


def person_of(request: Request, user_id: str) -> Person:
    """The person of an address. 404 in words for an unknown one."""
    person = services_of(request).store.people.find(user_id)
    if person is None:
        raise HTTPException(404, f"There is nobody called “{user_id[:40]}” here.")
    return person


def checked_form(request: Request, csrf: Annotated[str, Form()] = "") -> None:
    """Refuses a form without this browser's own token."""
    if not csrf_ok(services_of(request).signer, request.cookies.get(CSRF_COOKIE), csrf):
        raise HTTPException(403, "This form was too old or not ours, so nothing was done. Go back, reload, try again.")


def logged_in(request: Request) -> bool:
    """Whether this browser gave the password that is in use and has not logged out since; True where there is none."""
    services = services_of(request)
    password, token = services.options.password, request.cookies.get(SESSION_COOKIE)
    if password is None:
        return True
    known = services.signer.fingerprint("session", password)
    return token is not None and services.store.login_sessions.valid(token, known, services.clock())


def local_path(path: str) -> str:
    """`path` if it leads to this site, else the front page: no form can be made to send people elsewhere."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


InServices = Annotated[Services, Depends(services_of)]
InParts = InServices
InPerson = Annotated[Person, Depends(person_of)]
OurForm = Depends(checked_form)
