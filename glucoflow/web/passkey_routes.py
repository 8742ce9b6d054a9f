"""Passkeys: made, named and removed on the account's page, and a log-in with one.

A challenge waits in a sealed cookie of the browser that asked for it, for five minutes, and is answered once.
"""

import logging
from datetime import timedelta
from typing import Annotated

import msgspec
from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import SecretStr

from glucoflow.model.errors import Rejected
from glucoflow.model.said import capital, said
from glucoflow.service.passkeys import AskedOf, Place, account_proven, ask_for_log_in, ask_for_new, keep_new
from glucoflow.store.login_sessions import Holder
from glucoflow.store.login_waits import place as place_of_address
from glucoflow.web.access import InServices, OurForm, Services, address_of, origin_of, passkey_host
from glucoflow.web.forms import Text, tried
from glucoflow.web.login_routes import let_in, login_answer
from glucoflow.web.own_account import account_page, own_account, proven
from glucoflow.web.pages import language_of
from glucoflow.web.rights import OPEN, SIGNED_IN
from glucoflow.web.sealed_cookie import SealedCookie

log = logging.getLogger(__name__)
router = APIRouter()

LASTS = timedelta(minutes=5)
LONGEST_ANSWER = 20_000
BY_NAME = said("Passkeys belong to a name: open these pages by one, as http://localhost, and not by a bare address.")
TOO_LATE = said("that took longer than five minutes, or was answered already; begin again")


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """What this browser was asked. `account`: to make a key for that one; None: to log in."""

    challenge: str
    account: str | None = None


def challenges_of(secret: SecretStr) -> SealedCookie[Challenge]:
    return SealedCookie(secret, b"passkey", "glucoflow_passkey", "/", LASTS, Challenge)


@router.post("/account/passkeys/begin", dependencies=[SIGNED_IN, OurForm])
def begin_new(
    request: Request, services: InServices, current: Annotated[SecretStr, Form()] = SecretStr("")
) -> Response:
    """What the authenticator is asked, for a script to hand on."""
    own = own_account(request)
    try:
        proven(request, services, own, current)
    except Rejected as error:
        return JSONResponse({"error": str(capital(language_of(request).of(error.reason)))}, 422)
    return _asked(request, services, ask_for_new(services.store, own, _place(request)), own.id)


@router.post("/account/passkeys", dependencies=[SIGNED_IN, OurForm])
def add(
    request: Request, services: InServices, answer: Annotated[str, Form(max_length=LONGEST_ANSWER)], name: Text = ""
) -> Response:
    """Keep the key that the authenticator made."""
    own = own_account(request)
    try:
        keep_new(
            services.store, own, _place(request), _challenge(request, services, own.id), answer, name, services.clock()
        )
    except Rejected as error:
        return account_page(request, services, tried("passkey", {"name": name}, error, {"passkey": "name"}))
    return _done(RedirectResponse("/account?changed=passkey", 303), services)


@router.post("/account/passkeys/rename", dependencies=[SIGNED_IN, OurForm])
def rename(request: Request, services: InServices, passkey: Text, name: Text = "") -> Response:
    own = own_account(request)
    try:
        if not services.store.passkeys.rename(own.id, passkey, name):
            raise HTTPException(404, said("This passkey is not there any more."))
    except Rejected as error:
        return account_page(request, services, tried("passkeys", {}, error, {}))
    return RedirectResponse("/account", 303)


@router.post("/account/passkeys/remove", dependencies=[SIGNED_IN, OurForm])
def remove(request: Request, services: InServices, passkey: Text) -> Response:
    """It opens nothing from now on. The last way into an account is not removed."""
    own = own_account(request)
    held = services.store.passkeys.list(own.id)
    if len(held) == 1 and not own.has_password and own.subject is None:
        raise HTTPException(409, said("This is the only way into your account. Choose a password first."))
    if not services.store.passkeys.remove(own.id, passkey):
        raise HTTPException(404, said("This passkey is not there any more."))
    return RedirectResponse("/account?changed=nopasskey", 303)


@router.post("/login/passkey/begin", dependencies=[OPEN, OurForm])
def begin_log_in(request: Request, services: InServices) -> Response:
    return _asked(request, services, ask_for_log_in(_place(request)), None)


@router.post("/login/passkey", dependencies=[OPEN, OurForm])
def log_in(
    request: Request,
    services: InServices,
    answer: Annotated[str, Form(max_length=LONGEST_ANSWER)],
    next: Text = "/",  # noqa: A002 - the form's word
) -> Response:
    """A key with its finger or PIN is two factors, so no code is asked for."""
    now, address = services.clock(), address_of(request)
    try:
        challenge = _challenge(request, services, None)
    except Rejected:
        return _done(login_answer(request, services, next, late=True), services)
    account = account_proven(services.store, _place(request), challenge, answer, now)
    services.logging_in.by_proof(account, "passkey", address, now)
    if account is None:
        log.warning("a log-in from %s failed: wrong passkey", place_of_address(address))
        return _done(login_answer(request, services, next, no_passkey=True), services)
    return _done(let_in(request, services, Holder(account_id=account.id), next, way="passkey"), services)


def _place(request: Request) -> Place:
    host = passkey_host(request)
    if host is None:
        raise HTTPException(409, BY_NAME)
    return Place(host=host, origin=origin_of(request))


def _asked(request: Request, services: Services, asked: AskedOf, account: str | None) -> Response:
    answer = Response(asked.options, media_type="application/json", headers={"Cache-Control": "no-store"})
    challenge = Challenge(challenge=asked.challenge, account=account)
    services.challenges.put(request, answer, challenge, services.clock())
    return answer


def _challenge(request: Request, services: Services, account: str | None) -> str:
    """The one that this browser was asked for this account, used up. Raises Rejected where there is none."""
    now = services.clock()
    held: Challenge | None = services.challenges.read(request, now)
    if held is None or held.account != account or not services.store.spent.spend(held.challenge, now + LASTS, now):
        raise Rejected("passkey", TOO_LATE)
    return held.challenge


def _done(answer: Response, services: Services) -> Response:
    services.challenges.drop(answer)
    return answer
