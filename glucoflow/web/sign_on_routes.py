"""Signing on elsewhere by OpenID Connect: off there, back with a code, and who that is here.

What was begun is bound to the browser by a sealed cookie of ten minutes; a state works once. An account is bound to
somebody there only by whoever is logged in with it, or by an invitation.
"""

import logging
from datetime import timedelta
from typing import Annotated
from urllib.parse import urlsplit

import msgspec
from fastapi import APIRouter, Form, HTTPException, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import SecretStr

from glucoflow.model.errors import Reauthorize, Rejected, Retryable
from glucoflow.model.said import said
from glucoflow.service.inviting import USED_UP
from glucoflow.service.openid import OpenId, SignedOn, UnderWay
from glucoflow.service.signing_on import recognise
from glucoflow.store.login_sessions import Holder
from glucoflow.web.access import InServices, OurForm, Services, address_of, local_path, origin_of
from glucoflow.web.audit_trail import note
from glucoflow.web.forms import Text, tried
from glucoflow.web.invite_routes import first_page, joined
from glucoflow.web.login_routes import let_in
from glucoflow.web.own_account import account_page, not_proven, own_account, proven
from glucoflow.web.rights import OPEN, SIGNED_IN
from glucoflow.web.sealed_cookie import SealedCookie

log = logging.getLogger(__name__)
router = APIRouter()

BACK = "/login/sign-on/callback"
LASTS = timedelta(minutes=10)
LONGEST = 4000
"""Characters of a code or state: they stand in an address."""
NOT_BEGUN_HERE = said("This sign-on was not begun in this browser, or more than ten minutes ago.")
BEGIN_AGAIN = said("Begin again from the page Log in.")


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-on under way in this browser. `invitation` is accepted by it, `account` is bound to whoever comes back."""

    under_way: UnderWay
    back_at: str
    onward: str = "/"
    invitation: str | None = None
    account: str | None = None


def bond_of(secret: SecretStr) -> SealedCookie[Begun]:
    return SealedCookie(secret, b"sign-on", "glucoflow_sign_on", "/login/sign-on", LASTS, Begun)


@router.post("/login/sign-on", dependencies=[OPEN, OurForm])
def sign_on(
    request: Request,
    services: InServices,
    next: Text = "/",  # noqa: A002 - the form's word
    invitation: Annotated[str, Form(max_length=100)] = "",
) -> Response:
    """To the provider's own page. With an `invitation`, which then needs no password."""
    if invitation and services.store.invites.open(invitation, services.clock()) is None:
        raise HTTPException(410, f"This invitation {USED_UP}.")
    return _leave(request, services, onward=local_path(next), invitation=invitation or None)


@router.post("/account/sign-on", dependencies=[SIGNED_IN, OurForm])
def bind(request: Request, services: InServices, current: Annotated[SecretStr, Form()] = SecretStr("")) -> Response:
    """From when they are back on, the account logs in by that sign-on too."""
    own = own_account(request)
    if wrong := not_proven(request, services, own, current, "sign-on"):
        return wrong
    return _leave(request, services, account=own.id)


@router.post("/account/sign-on/remove", dependencies=[SIGNED_IN, OurForm])
def unbind(request: Request, services: InServices, current: Annotated[SecretStr, Form()] = SecretStr("")) -> Response:
    """The account no longer logs in by the sign-on; it needs a password for that."""
    own = own_account(request)
    try:
        if not own.has_password:
            raise Rejected("current", said("choose a password first; there would be no way in any more"))
        proven(request, services, own, current)
    except Rejected as error:
        return account_page(request, services, tried("sign-on", {}, error, {}))
    services.store.login_accounts.set_subject(own.id, None)
    return RedirectResponse("/account?changed=nosignon", 303)


@router.get(BACK, dependencies=[OPEN])
def back(
    request: Request, services: InServices, state: str = "", code: str = "", error: str = "", iss: str = ""
) -> Response:
    """Back from the provider. An answer that this browser did not ask for, or that comes twice, logs nobody in."""
    now, bond = services.clock(), services.sign_on_bond
    begun = bond.read(request, now)
    if begun is None or not state or state != begun.under_way.state:
        return _problem(request, services, NOT_BEGUN_HERE, BEGIN_AGAIN)
    if error:
        answer = _problem(request, services, _refused(services, error), BEGIN_AGAIN)
    elif not code or len(code) > LONGEST or not services.store.spent.spend(state, now + LASTS, now):
        answer = _problem(request, services, NOT_BEGUN_HERE, BEGIN_AGAIN)
    else:
        answer = _finished(request, services, begun, code, iss)
    bond.drop(answer)
    return answer


def _finished(request: Request, services: Services, begun: Begun, code: str, issuer: str) -> Response:
    try:
        who = _provider(services).finish(begun.under_way, code, begun.back_at, issuer, services.clock())
        if begun.account is not None:
            return _bound(request, services, begun.account, who)
        return _let_in(request, services, begun, who)
    except (Reauthorize, Retryable) as fault:
        status = 503 if isinstance(fault, Retryable) else 400
        return _problem(request, services, fault.message, fault.remedy or BEGIN_AGAIN, status)


def _let_in(request: Request, services: Services, begun: Begun, who: SignedOn) -> Response:
    now = services.clock()
    try:
        found = recognise(services.store, who, begun.invitation, services.options.open_to_all, now)
    except Rejected as refused:
        if refused.field == "invitation":
            raise HTTPException(410, f"This invitation {USED_UP}.") from None
        raise
    services.logging_in.by_proof(found.account, "sign-on", address_of(request), now)
    if found.account is None:
        log.warning("a sign-on of somebody who has no account here was refused")
        return _problem(
            request,
            services,
            said("%(provider)s knows you, and nobody here does.", provider=_provider(services).title),
            said("Ask whoever runs this for an invitation. If you have an account, log in and bind it on your page."),
            403,
        )
    if found.accepted is not None:
        note(request, joined(found.accepted))
    onward = begun.onward if found.accepted is None else first_page(services, found.accepted)
    return let_in(request, services, Holder(account_id=found.account.id), onward, way="sign-on")


def _bound(request: Request, services: Services, account_id: str, who: SignedOn) -> Response:
    """Only in the browser that is logged in with the account: who else came back binds nothing."""
    visitor = request.state.visitor
    if visitor is None or visitor.account is None or visitor.account.id != account_id:
        return _problem(request, services, NOT_BEGUN_HERE, BEGIN_AGAIN)
    try:
        services.store.login_accounts.set_subject(account_id, who.subject)
    except Rejected as taken:
        return account_page(request, services, tried("sign-on", {}, taken, {"account": "current"}))
    return RedirectResponse("/account?changed=signon", 303)


def _leave(request: Request, services: Services, **about: str | None) -> Response:
    provider = _provider(services)
    back_at = services.options.sign_on_back or f"{origin_of(request)}{BACK}"
    try:
        address, under_way = provider.begin(back_at)
    except Retryable as away:
        return _problem(request, services, away.message, away.remedy, 503)
    answer = services.pages.render(
        request,
        "leaving.html",
        services.clock(),
        person=None,
        title=provider.title,
        host=urlsplit(address).netloc,
        address=address,
        back_at=None,
    )
    begun = msgspec.structs.replace(Begun(under_way=under_way, back_at=back_at), **about)
    services.sign_on_bond.put(request, answer, begun, services.clock())
    return answer


def _provider(services: Services) -> OpenId:
    if services.sign_on is None:
        raise HTTPException(404, said("There is no single sign-on here."))
    return services.sign_on


def _refused(services: Services, error: str) -> str:
    title = _provider(services).title
    if error == "access_denied":
        return said("%(provider)s says that the sign-on was not allowed, so nobody was logged in.", provider=title)
    return said("%(provider)s answered with the error “%(error)s”.", provider=title, error=error[:60])


def _problem(request: Request, services: Services, message: str, remedy: str, status: int = 400) -> Response:
    values = {"title": said("Not logged in"), "message": message, "remedy": remedy}
    return services.pages.render(request, "problem.html", services.clock(), status, **values)
