"""Signing in at Share: user name → account id → session. A refused password is never sent a second time: how long an
account stays locked, and after how many tries, Dexcom does not say."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import requests
from pydantic import SecretStr

from connectors.dexcom_share import DexcomShareSettings
from glucoflow.bounded_http import bounded_session
from glucoflow.http import (
    SIGN_IN,
    Answer,
    Signature,
    ask,
    changed_interface,
    decoded,
    not_understood,
    refuse_plain_http,
    transient,
)
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import GlucoflowError, LoginRefused, Misconfigured, Retryable
from glucoflow.provider import Site

TITLE = "Dexcom Share"
HOSTS = {
    "us": "https://share2.dexcom.com",
    "ous": "https://shareous1.dexcom.com",
    "jp": "https://share.dexcom.jp",
}
APPLICATION, APPLICATION_JP = "d89443d2-327c-4a6f-89e5-496bbb0317db", "d8665ade-9673-4e27-9ff6-92db4ce13d13"
"""Public constants of the apps."""
LIFETIME = timedelta(hours=23)
"""Sessions live for about a day."""
SIGNED_OUT = ("SessionIdNotFound", "SessionNotValid")
ZERO = UUID(int=0)
CHECK = (
    "Check user name and password in the Dexcom app, and the region you chose; an account of another region is refused "
    "with the same words. Share must be on, and it is the owner's account, not a follower's."
)


class _Fault(msgspec.Struct, rename="pascal"):
    code: str
    message: str | None = None


def base_url(settings: DexcomShareSettings, site: Site) -> str:
    """Where the region's service is. Raises Misconfigured."""
    if site.double is not None:
        host = site.double.url
    elif settings.base_url is not None:
        host = str(settings.base_url).rstrip("/")
        refuse_plain_http(host, "DEXCOM_SHARE_BASE_URL")
    elif site.region in HOSTS:
        host = HOSTS[site.region]
    else:
        raise Misconfigured(f"{TITLE} has no region {site.region!r}.", remedy=f"Known: {', '.join(HOSTS)}.")
    return f"{host}/ShareWebServices/Services"


def signed(credentials: Credentials) -> Signature:
    """The session, in the query: Share knows no other place for it."""
    return Signature(query={"sessionId": credentials["session"].get_secret_value()})


def signed_out(answer: Answer) -> bool:
    """Whether an answer says that the session is over."""
    return code_of(answer) in SIGNED_OUT


def log_in(settings: DexcomShareSettings, site: Site, values: Mapping[str, SecretStr], now: datetime) -> Credentials:
    """`user` and `password`, the `account`'s id and a `session`. Raises LoginRefused, Retryable, Misconfigured."""
    base = base_url(settings, site)
    application = APPLICATION_JP if site.region == "jp" else APPLICATION
    said = {"password": values["password"].get_secret_value(), "applicationId": application}
    user = values["user"].get_secret_value()
    with bounded_session(SIGN_IN, TITLE) as session:
        account = _account_id(user)
        if account is None:
            named = {"accountName": user, **said}
            account = _id_from(session, f"{base}/General/AuthenticatePublisherAccount", named)
        by_id = {"accountId": str(account), **said}
        opened = _id_from(session, f"{base}/General/LoginPublisherAccountById", by_id)
    found = {"account": SecretStr(str(account)), "session": SecretStr(str(opened))}
    return Credentials(values={**values, **found}, expires_at=now + LIFETIME)


def refusal(answer: Answer) -> GlucoflowError:
    """What a 4xx to a read means."""
    return changed_interface(TITLE, answer)


def code_of(answer: Answer) -> str:
    """The service's own word for what went wrong; empty where it says none."""
    fault = _fault(answer)
    return fault.code if fault else ""


def _fault(answer: Answer) -> _Fault | None:
    return None if answer.status == 200 else decoded(answer.body, _Fault)


def _id_from(session: requests.Session, url: str, sent: Mapping[str, str]) -> UUID:
    answer = ask(session, TITLE, "POST", url, json=sent)
    fault = _fault(answer)
    if fault is not None:
        raise _refused(fault, answer)
    if answer.status != 200:
        raise transient(TITLE, answer) or refusal(answer)
    try:
        found = UUID(msgspec.json.decode(answer.body, type=str))
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
        raise not_understood(TITLE, answer.body, "a sign-in that is no id") from None
    if found == ZERO:
        raise LoginRefused(f"{TITLE} does not accept this user name and password.", remedy=CHECK)
    return found


def _refused(fault: _Fault, answer: Answer) -> GlucoflowError:
    match fault.code:
        case "AccountPasswordInvalid":
            return LoginRefused(f"{TITLE} does not accept this user name and password.", remedy=CHECK)
        case "SSO_AuthenticateMaxAttemptsExceeded" | "SSO_AuthenticateMaxAttemptsExceeed":
            return LoginRefused(
                f"{TITLE} has locked this account after too many wrong passwords.",
                remedy="Leave it alone for a while, sign in with the Dexcom app, then connect again. glucoflow sends a "
                "refused password once only.",
            )
        case "SSO_InternalError" if re.search("AccountName|AccountId|Password", fault.message or "", re.IGNORECASE):
            return LoginRefused(f"{TITLE} does not know this account.", remedy=CHECK)
        case "InvalidArgument":
            return LoginRefused(f"{TITLE} cannot read this user name or password.", remedy=CHECK)
    return Retryable(f"{TITLE}'s sign-in failed ({fault.code[:60]}, {answer.status}).", remedy="This usually passes.")


def _account_id(user: str) -> UUID | None:
    try:
        return UUID(user)
    except ValueError:
        return None
