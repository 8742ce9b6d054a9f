"""The page of one's own account, and what has to be proven before something of it is changed."""

from datetime import timedelta

from fastapi import HTTPException, Request
from fastapi.responses import Response
from pydantic import SecretStr

from glucoflow.model.errors import Rejected
from glucoflow.model.said import said
from glucoflow.service.passwords import totp_address
from glucoflow.store.login_accounts import LoginAccount
from glucoflow.store.login_sessions import LoginSession
from glucoflow.web.access import Services, passkey_host
from glucoflow.web.app_routes import qr_svg
from glucoflow.web.forms import Tried, tried
from glucoflow.web.rights import visitor

NO_ACCOUNT = said("Whoever uses the site's own password, or none, has no account here.")
NEW_FACTOR = "new second factor"
JUST_NOW = timedelta(minutes=10)


def own_account(request: Request) -> LoginAccount:
    own = visitor(request).account
    if own is None:
        raise HTTPException(403, NO_ACCOUNT)
    return own


def proven(request: Request, services: Services, own: LoginAccount, current: SecretStr) -> None:
    """Raises Rejected where the present password was not given: an unlocked phone is not its owner.

    Who has none logged in by a passkey or a sign-on, and has to have done that just now.
    """
    if not own.has_password:
        session = visitor(request).session
        if session is None or services.clock() - session.created_at > JUST_NOW:
            raise Rejected("current", said("log out and in again first: then, for ten minutes, this can be changed"))
        return
    if not services.passwords.fits(services.store.login_accounts.password_hash(own.id), current):
        raise Rejected("current", "is not your present password")


def not_proven(
    request: Request, services: Services, own: LoginAccount, current: SecretStr, form: str
) -> Response | None:
    """The page that says so beside the form, where the present password was not given."""
    try:
        proven(request, services, own, current)
    except Rejected as error:
        return account_page(request, services, tried(form, {}, error, {}))
    return None


def sessions_of(request: Request, services: Services) -> tuple[LoginSession, ...]:
    who = visitor(request)
    if who.share is not None or who.session is None:
        return ()
    return services.store.login_sessions.list(services.clock(), who.account.id if who.account else None)


def account_page(
    request: Request, services: Services, wrong: Tried | None = None, secret: SecretStr | None = None
) -> Response:
    who = visitor(request)
    own = who.account
    shown = None
    if secret is not None and own is not None:
        signed = services.signer.sign(NEW_FACTOR, f"{own.id}|{secret.get_secret_value()}")
        address = totp_address(secret, own.name)
        shown = {"signed": signed, "qr": qr_svg(address), "plain": secret.get_secret_value()}
    return services.pages.render(
        request,
        "account.html",
        services.clock(),
        422 if wrong else 200,
        own=own,
        sessions=sessions_of(request, services),
        this=who.session.id if who.session else None,
        secret=shown,
        passkeys=services.store.passkeys.list(own.id) if own else (),
        passkeys_here=passkey_host(request) is not None,
        sign_on=services.sign_on.title if services.sign_on else None,
        changed=request.query_params.get("changed", ""),
        tried=wrong,
    )
