"""Logging in and out, and the health check."""

import logging
import math
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import SecretStr

from glucoflow.service.logging_in import CODE_WITHIN, Tried
from glucoflow.service.visitors import is_open_home
from glucoflow.store.login_sessions import SESSION_LASTS, Holder, Way
from glucoflow.store.login_waits import place
from glucoflow.web.access import InServices, OurForm, Services, address_of, local_path, origin_of, passkey_host
from glucoflow.web.forms import Text
from glucoflow.web.rights import OPEN, SIGNED_IN, visitor
from glucoflow.web.security import SESSION_COOKIE

log = logging.getLogger(__name__)
router = APIRouter()
HALFWAY = "second factor"


@router.get("/login", dependencies=[OPEN])
def login_page(request: Request, services: InServices, next: str = "/", left: str = "") -> Response:  # noqa: A002 - the address's word
    """`left`: what they just logged out of and came by; the page then leads to its log-out."""
    return _page(request, services, next, left=left == "sign-on")


@router.post("/login", dependencies=[OPEN, OurForm])
def login(
    request: Request,
    services: InServices,
    password: Annotated[SecretStr, Form()],
    name: Text = "",
    next: Text = "/",  # noqa: A002 - the form's word
) -> Response:
    """By the site's own password, or with a name by that account's."""
    if is_open_home(services.store, services.options.password):
        return RedirectResponse("/", 303)
    tried = services.logging_in.by_password(name, password, address_of(request), services.clock())
    return _answer(request, services, tried, next, name)


@router.post("/login/code", dependencies=[OPEN, OurForm])
def login_code(
    request: Request,
    services: InServices,
    halfway: Text,
    code: Text = "",
    next: Text = "/",  # noqa: A002 - the form's word
) -> Response:
    """The second factor, within five minutes of the right password."""
    now = services.clock()
    account_id, _, until = (services.signer.verified(HALFWAY, halfway) or "").partition("|")
    if not until or now.timestamp() > float(until):
        return _page(request, services, next, 401, late=True)
    tried = services.logging_in.by_code(account_id, code, address_of(request), now)
    return _answer(request, services, tried, next, "", halfway)


@router.post("/logout", dependencies=[SIGNED_IN, OurForm])
def logout(request: Request, services: InServices) -> Response:
    """The session ends here and for every copy of its cookie. The sign-on that it came by is told of: it goes on."""
    if token := request.cookies.get(SESSION_COOKIE):
        services.store.login_sessions.revoke(token)
    session = visitor(request).session
    elsewhere = session is not None and session.way == "sign-on" and services.sign_on is not None
    response = RedirectResponse("/login?left=sign-on" if elsewhere else "/login", 303)
    response.delete_cookie(SESSION_COOKIE)
    return response


def let_in(
    request: Request,
    services: Services,
    holder: Holder,
    onward: str,
    lasts: timedelta = SESSION_LASTS,
    way: Way = "password",
) -> Response:
    """A session, always a new one, and on to a page of ours. Whoever was logged in here before is not any more."""
    if before := request.cookies.get(SESSION_COOKIE):
        services.store.login_sessions.revoke(before)
    browser = request.headers.get("user-agent", "")
    now, where = services.clock(), place(address_of(request))
    token = services.store.login_sessions.create(holder, now, way=way, lasts=lasts, browser=browser, place=where)
    response = RedirectResponse(local_path(onward), 303)
    response.set_cookie(
        SESSION_COOKIE, token, max_age=int(lasts / timedelta(seconds=1)),
        httponly=True, samesite="lax", secure=request.url.scheme == "https",
    )  # fmt: skip
    return response


def login_answer(
    request: Request, services: Services, onward: str, *, late: bool = False, no_passkey: bool = False
) -> Response:
    """The page again, after a log-in that came to nothing."""
    return _page(request, services, onward, 401, late=late, no_passkey=no_passkey)


def _answer(
    request: Request, services: Services, tried: Tried, onward: str, name: str, halfway: str | None = None
) -> Response:
    seconds, where = math.ceil(tried.wait.total_seconds()), place(address_of(request))
    if tried.answer == "in" and tried.holder is not None:
        return let_in(request, services, tried.holder, onward)
    if tried.answer == "code" and tried.account is not None:
        until = (services.clock() + CODE_WITHIN).timestamp()
        halfway = services.signer.sign(HALFWAY, f"{tried.account.id}|{until:.0f}")
        return _page(request, services, onward, halfway=halfway)
    if tried.answer == "wait":
        log.warning("a log-in from %s came too soon: %d s to wait", where, seconds)
        return _page(request, services, onward, 429, wait=seconds, name=name, halfway=halfway)
    kind = "code" if halfway else "password"
    log.warning("a log-in from %s failed: wrong %s; the next try in %d s", where, kind, seconds)
    return _page(request, services, onward, 401, wrong=True, wait=seconds, name=name, halfway=halfway)


def _page(
    request: Request,
    services: Services,
    onward: str,
    status: int = 200,
    *,
    wrong: bool = False,
    wait: int = 0,
    late: bool = False,
    name: str = "",
    halfway: str | None = None,
    left: bool = False,
    no_passkey: bool = False,
) -> Response:
    values = {"wrong": wrong, "wait": wait, "late": late, "next": local_path(onward), "name": name, "halfway": halfway}
    host = passkey_host(request)
    base = origin_of(request)
    response = services.pages.render(
        request,
        "login.html",
        services.clock(),
        status,
        **values,
        accounts=services.store.login_accounts.any(),
        site_password=services.options.password is not None,
        no_passkey=no_passkey,
        passkeys=host is not None and services.store.passkeys.any(host),
        sign_on=services.sign_on.title if services.sign_on else None,
        leave_at=services.sign_on.end_address(f"{base}/login") if left and services.sign_on else None,
    )
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response
