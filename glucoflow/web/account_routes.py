"""One's own account: the password, the second factor, the browsers that are logged in."""

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import SecretStr

from glucoflow.model.errors import Rejected
from glucoflow.service.passwords import new_totp, totp_step
from glucoflow.store.login_sessions import Holder
from glucoflow.web.access import InServices, OurForm
from glucoflow.web.forms import Text, tried
from glucoflow.web.login_routes import let_in
from glucoflow.web.own_account import NEW_FACTOR, account_page, not_proven, own_account, proven, sessions_of
from glucoflow.web.rights import SIGNED_IN, visitor

router = APIRouter()
NONE = SecretStr("")


@router.get("/account", dependencies=[SIGNED_IN])
def account(request: Request, services: InServices) -> Response:
    """Of a share link nothing is shown: whoever has the link is nobody in particular."""
    return account_page(request, services)


@router.post("/account/password", dependencies=[SIGNED_IN, OurForm])
def change_password(
    request: Request,
    services: InServices,
    new: Annotated[SecretStr, Form()],
    current: Annotated[SecretStr, Form()] = NONE,
) -> Response:
    """All browsers are logged out, and this one is logged in anew."""
    own = own_account(request)
    try:
        proven(request, services, own, current)
        services.store.login_accounts.set_password(own.id, services.passwords.hash(new, own.name))
    except Rejected as error:
        return account_page(request, services, tried("password", {}, error, {"password": "new"}))
    return let_in(request, services, Holder(account_id=own.id), "/account?changed=password")


@router.post("/account/second-factor", dependencies=[SIGNED_IN, OurForm])
def begin_second_factor(
    request: Request, services: InServices, current: Annotated[SecretStr, Form()] = NONE
) -> Response:
    """A secret to scan. It counts once a code of it was entered."""
    own = own_account(request)
    if wrong := not_proven(request, services, own, current, "factor"):
        return wrong
    return account_page(request, services, secret=new_totp())


@router.post("/account/second-factor/confirm", dependencies=[SIGNED_IN, OurForm])
def confirm_second_factor(request: Request, services: InServices, secret: Text, code: Text) -> Response:
    """From now on a log-in asks for a code too."""
    own = own_account(request)
    account_id, _, plain = (services.signer.verified(NEW_FACTOR, secret) or "").partition("|")
    if account_id != own.id:
        raise HTTPException(400, "This form was not made for this account. Begin again on the account's page.")
    step = totp_step(SecretStr(plain), code, services.clock())
    if step is None:
        wrong = Rejected("code", "is not the one that the app shows now; look at the time of the phone, too")
        return account_page(request, services, tried("confirm", {}, wrong, {}), secret=SecretStr(plain))
    services.store.login_accounts.set_totp(own.id, SecretStr(plain))
    services.store.login_accounts.use_totp(own.id, step)
    return let_in(request, services, Holder(account_id=own.id), "/account?changed=factor")


@router.post("/account/second-factor/remove", dependencies=[SIGNED_IN, OurForm])
def remove_second_factor(
    request: Request, services: InServices, current: Annotated[SecretStr, Form()] = NONE
) -> Response:
    own = own_account(request)
    if wrong := not_proven(request, services, own, current, "factor"):
        return wrong
    services.store.login_accounts.set_totp(own.id, None)
    return let_in(request, services, Holder(account_id=own.id), "/account?changed=nofactor")


@router.post("/account/sessions/end", dependencies=[SIGNED_IN, OurForm])
def end_session(request: Request, services: InServices, session: Text) -> Response:
    """Log one browser out; `session` is one of one's own."""
    if session not in {one.id for one in sessions_of(request, services)}:
        raise HTTPException(404, "This browser is not logged in any more.")
    services.store.login_sessions.end(session)
    return RedirectResponse("/account", 303)


@router.post("/account/sessions/end-all", dependencies=[SIGNED_IN, OurForm])
def end_all(request: Request, services: InServices) -> Response:
    """Log all browsers out but this one."""
    who = visitor(request)
    if who.share is None and who.session is not None:
        services.store.login_sessions.end_all(who.account.id if who.account else None, but=who.session.id)
    return RedirectResponse("/account", 303)
