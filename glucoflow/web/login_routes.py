"""The password, where there is one, and the health check."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from glucoflow.web.access import InParts, OurForm, local_path
from glucoflow.web.security import SESSION_COOKIE, SESSION_LASTS, password_ok, session

router = APIRouter()

WRONG_PASSWORD_SECONDS = 1.0
"""How long an answer to a wrong password takes, so that guessing is slow."""


@router.get("/healthz")
def health() -> dict[str, str]:
    """That the pages are served; says nothing about what is behind them."""
    return {"status": "ok"}


@router.get("/login")
def login_page(request: Request, parts: InParts, next: str = "/") -> Response:  # noqa: A002 - the address's word
    return parts.pages.render(request, "login.html", parts.clock(), wrong=False, next=local_path(next))


@router.post("/login", dependencies=[OurForm])
async def login(
    request: Request,
    parts: InParts,
    password: Annotated[str, Form()],
    next: Annotated[str, Form()] = "/",  # noqa: A002 - the form's word
) -> Response:
    expected = parts.options.password
    if expected is None:
        return RedirectResponse("/", 303)
    now = parts.clock()
    if not password_ok(expected, password):
        await asyncio.sleep(WRONG_PASSWORD_SECONDS)
        return parts.pages.render(request, "login.html", now, 401, wrong=True, next=local_path(next))
    response = RedirectResponse(local_path(next), 303)
    response.set_cookie(
        SESSION_COOKIE, session(parts.signer, expected, now), max_age=int(SESSION_LASTS.total_seconds()),
        httponly=True, samesite="lax", secure=request.url.scheme == "https",
    )  # fmt: skip
    return response


@router.post("/logout", dependencies=[OurForm])
def logout() -> Response:
    response = RedirectResponse("/login", 303)
    response.delete_cookie(SESSION_COOKIE)
    return response
