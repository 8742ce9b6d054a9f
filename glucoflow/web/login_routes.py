"""The password, where there is one, and the health check."""

import logging
import math
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from glucoflow.store.login_sessions import SESSION_LASTS
from glucoflow.store.login_waits import place
from glucoflow.web.access import InParts, OurForm, Services, local_path
from glucoflow.web.security import SESSION_COOKIE, password_ok

log = logging.getLogger(__name__)
router = APIRouter()


@router.get("/healthz")
def health() -> dict[str, str]:
    """That the pages are served; says nothing about what is behind them."""
    return {"status": "ok"}


@router.get("/login")
def login_page(request: Request, parts: InParts, next: str = "/") -> Response:  # noqa: A002 - the address's word
    return _page(request, parts, next)


@router.post("/login", dependencies=[OurForm])
def login(
    request: Request,
    parts: InParts,
    password: Annotated[str, Form()],
    next: Annotated[str, Form()] = "/",  # noqa: A002 - the form's word
) -> Response:
    """The try is counted before the password is looked at; within a wait it is not looked at at all."""
    expected, now = parts.options.password, parts.clock()
    if expected is None:
        return RedirectResponse("/", 303)
    address = request.client.host if request.client else ""
    tried = parts.store.login_waits.begin(address, now)
    seconds = math.ceil(tried.wait.total_seconds())
    if not tried.allowed:
        log.warning("a log-in from %s came too soon: %d s to wait", place(address), seconds)
        return _page(request, parts, next, 429, wait=seconds)
    if not password_ok(expected, password):
        log.warning("a log-in from %s failed: wrong password; the next try in %d s", place(address), seconds)
        return _page(request, parts, next, 401, wrong=True, wait=seconds)
    parts.store.login_waits.succeeded(address)
    token = parts.store.login_sessions.create(parts.signer.fingerprint("session", expected), now)
    response = RedirectResponse(local_path(next), 303)
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(SESSION_LASTS / timedelta(seconds=1)),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return response


@router.post("/logout", dependencies=[OurForm])
def logout(request: Request, parts: InParts) -> Response:
    """The session ends here and for every copy of its cookie."""
    if token := request.cookies.get(SESSION_COOKIE):
        parts.store.login_sessions.revoke(token)
    response = RedirectResponse("/login", 303)
    response.delete_cookie(SESSION_COOKIE)
    return response


def _page(
    request: Request, parts: Services, onward: str, status: int = 200, *, wrong: bool = False, wait: int = 0
) -> Response:
    values = {"wrong": wrong, "wait": wait, "next": local_path(onward)}
    response = parts.pages.render(request, "login.html", parts.clock(), status, **values)
    if wait:
        response.headers["Retry-After"] = str(wait)
    return response
