"""Signing in as a follower. Most outcomes are HTTP 200: the body says which. A log-in is tried once, since three failed
ones within a minute lock the account for five."""

import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import msgspec
import requests
from pydantic import SecretStr

from connectors.librelinkup import LibreLinkUpSettings
from connectors.people import names, one_named
from glucoflow.bounded_http import bounded_session
from glucoflow.http import (
    SIGN_IN,
    Answer,
    Signature,
    SignedHeaders,
    ask,
    changed_interface,
    decoded,
    not_understood,
    refuse_plain_http,
    transient,
    understood,
)
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import GlucoflowError, LoginRefused, Misconfigured, Reauthorize, Retryable
from glucoflow.provider import Site

TITLE = "LibreLinkUp"
OTHER_HOSTS = {"ru": "https://api.libreview.ru", "cn": "https://api-cn.myfreestyle.cn"}
ODD_LIFETIME = timedelta(hours=24)
STEPS = {
    "tou": "new terms of use must be accepted",
    "pp": "a new privacy policy must be accepted",
    "verifyEmail": "the e-mail address must be confirmed",
}
IN_THE_APP = "Sign in once with the LibreLinkUp app, do what it asks there, then connect again here."


class _Error(msgspec.Struct):
    message: str | None = None


class _Ticket(msgspec.Struct):
    token: str
    expires: float | None = None


class _User(msgspec.Struct):
    id: str


class _Step(msgspec.Struct):
    type: str | None = None


class _Data(msgspec.Struct, rename={"ticket": "authTicket", "least_version": "minimumVersion"}):
    redirect: bool = False
    region: str | None = None
    ticket: _Ticket | None = None
    user: _User | None = None
    step: _Step | None = None
    message: str | None = None
    lockout: float | None = None
    least_version: str | None = None


class _Body(msgspec.Struct):
    status: int = 0
    data: _Data | None = None
    error: _Error | None = None


class _Followed(msgspec.Struct, rename={"patient": "patientId", "first": "firstName", "last": "lastName"}):
    patient: str
    first: str | None = None
    last: str | None = None

    @property
    def name(self) -> str:
        return " ".join(part for part in (self.first, self.last) if part)


class _Following(msgspec.Struct):
    data: list[_Followed]


def signed(version: str) -> Callable[[Credentials], Signature]:
    """The headers of the app: without the account's hash each request is refused."""

    def sign(credentials: Credentials) -> Signature:
        account = hashlib.sha256(credentials["account"].get_secret_value().encode()).hexdigest()
        token = credentials["ticket"].get_secret_value()
        return Signature(headers={**_app(version), "Authorization": f"Bearer {token}", "account-id": account})

    return sign


def log_in(settings: LibreLinkUpSettings, site: Site, values: Mapping[str, SecretStr], now: datetime) -> Credentials:
    """`email`, `password`, `person`; the session's `ticket` with the `account` it is for, and the `patient` followed at
    the `host` where the account lives.

    Raises LoginRefused for a wrong password and for what must be done in the app first; Reauthorize where nobody, or
    several are followed; Retryable while the account is locked.
    """
    first = site.double.url if site.double else settings.base_url.rstrip("/")
    refuse_plain_http(first, "LIBRELINKUP_BASE_URL")
    with bounded_session(SIGN_IN, TITLE) as session:
        host, data = _sign_in(session, settings, site, first, values)
        if data.ticket is None or data.user is None:
            raise Retryable(f"{TITLE} signed in without a session.", remedy="Try again in a few minutes.")
        opened = {
            **values,
            "ticket": SecretStr(data.ticket.token),
            "account": SecretStr(data.user.id),
            "host": SecretStr(host),
        }
        expires = now + ODD_LIFETIME
        if data.ticket.expires and now.timestamp() < data.ticket.expires < now.timestamp() + 366 * 86_400:
            expires = datetime.fromtimestamp(data.ticket.expires, UTC)
        credentials = Credentials(values=opened, expires_at=expires)
        followed = _chosen(_following(session, settings, host, credentials), values)
    return Credentials(values={**opened, "patient": SecretStr(followed.patient)}, expires_at=expires)


def refusal(answer: Answer) -> GlucoflowError:
    """What a 4xx to a request for data means."""
    body = decoded(answer.body, _Body)
    least = body.data.least_version if body and body.data else None
    if (body and body.status == 920) or least:
        said = f"at least {least}" if least else "a newer one"
        return Misconfigured(
            f"{TITLE} no longer takes calls of this version of its app: it wants {said}.",
            remedy=f"Set LIBRELINKUP_VERSION={least or 'to that of the newest app'} and start glucoflow again.",
        )
    if body is None and answer.status == 403:
        return Retryable(
            f"{TITLE}'s gateway blocks this address or account for a while (403).",
            remedy="It is asked again later by itself. Nothing else should poll the same account.",
            retry_after=3600.0,
        )
    return changed_interface(TITLE, answer)


def _sign_in(
    session: requests.Session,
    settings: LibreLinkUpSettings,
    site: Site,
    first: str,
    values: Mapping[str, SecretStr],
) -> tuple[str, _Data]:
    """The host where the account lives, and what it said; one that is sent on is followed once."""
    host = first
    for _ in range(2):
        data = _logged_in(session, settings, host, values)
        if not (data.redirect and data.region):
            return host, data
        host = _host(settings, site, data.region)
    raise Retryable(f"{TITLE} sends this account from region to region.", remedy="Try again in a few minutes.")


def _logged_in(
    session: requests.Session, settings: LibreLinkUpSettings, host: str, values: Mapping[str, SecretStr]
) -> _Data:
    sent = {name: values[name].get_secret_value() for name in ("email", "password")}
    headers = SignedHeaders(_app(settings.version))
    answer = ask(session, TITLE, "POST", f"{host}/llu/auth/login", json=sent, auth=headers)
    body = decoded(answer.body, _Body)
    if answer.status == 430:
        raise LoginRefused(f"{TITLE} wants new terms to be accepted, or a second factor.", remedy=IN_THE_APP)
    if (body is not None and body.data and body.data.message == "locked") or (body and body.status == 429):
        wait = (body.data and body.data.lockout) or 300.0
        raise Retryable(
            f"{TITLE} has locked this account for {wait / 60:.0f} minutes, after several wrong passwords.",
            remedy="Wait until it is over; then check the password in the LibreLinkUp app before you try again.",
            retry_after=wait,
        )
    if answer.status != 200:
        raise transient(TITLE, answer) or refusal(answer)
    if body is None:
        raise not_understood(TITLE, answer.body, "an answer to a sign-in that is not JSON")
    if body.status == 2 or (body.error and body.error.message == "notAuthenticated"):
        raise LoginRefused(
            f"{TITLE} does not accept this e-mail and password.",
            remedy="Check them in the LibreLinkUp app. It is the follower's account that is needed.",
        )
    if body.status == 4 or (body.data and body.data.step):
        step = body.data.step.type if body.data and body.data.step else None
        raise LoginRefused(
            f"{TITLE} says that {STEPS.get(step or '', 'something must be confirmed')}.", remedy=IN_THE_APP
        )
    if body.data is None or body.status != 0:
        raise not_understood(TITLE, answer.body, f"a sign-in that ended with {body.status}")
    return body.data


def _following(
    session: requests.Session, settings: LibreLinkUpSettings, host: str, credentials: Credentials
) -> list[_Followed]:
    headers = SignedHeaders(signed(settings.version)(credentials).headers)
    answer = ask(session, TITLE, "GET", f"{host}/llu/connections", auth=headers)
    if answer.status != 200:
        raise transient(TITLE, answer) or refusal(answer)
    return understood(TITLE, answer.body, _Following, "a list of people that cannot be read").data


def _chosen(people: list[_Followed], values: Mapping[str, SecretStr]) -> _Followed:
    if not people:
        raise Reauthorize(
            "This account follows nobody.",
            remedy="In the app of the sensor's owner, invite it under Connected Apps → LibreLinkUp, and accept the "
            "invitation in the LibreLinkUp app. The owner's own account does not work here.",
        )
    wanted = values["person"].get_secret_value().strip() if "person" in values else ""
    if not wanted:
        if len(people) == 1:
            return people[0]
        raise Reauthorize(f"This account follows several people: {names(people)}.", remedy="Fill in whom you mean.")
    found = one_named(people, wanted, lambda one: (one.name, one.first or "", one.patient))
    if found is None:
        raise Reauthorize(
            f"This account does not follow one person of that name; it follows {names(people)}.",
            remedy="Type the whole name.",
        )
    return found


def _host(settings: LibreLinkUpSettings, site: Site, region: str) -> str:
    if site.double is not None:
        return site.double.url
    if region in OTHER_HOSTS:
        return OTHER_HOSTS[region]
    if not re.fullmatch(r"[a-z0-9]{2,8}", region):
        raise Retryable(f"{TITLE} named a region that is none.", remedy="Try again in a few minutes.")
    return settings.region_url.replace("{region}", region).rstrip("/")


def _app(version: str) -> dict[str, str]:
    return {"product": "llu.android", "version": version}
