"""Signing in at Tidepool: HTTP Basic for a session, and whose data are read with it."""

from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus

import msgspec
import requests
from pydantic import SecretStr

from connectors.people import names, one_named
from connectors.tidepool import TidepoolSettings
from glucoflow.bounded_http import bounded_session
from glucoflow.http import (
    SIGN_IN,
    Answer,
    Signature,
    SignedHeaders,
    ask,
    changed_interface,
    refuse_plain_http,
    transient,
    understood,
)
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import GlucoflowError, LoginRefused, Misconfigured, Reauthorize, Retryable
from glucoflow.provider import Site

TITLE = "Tidepool"
HOSTS = {"us": "https://api.tidepool.org", "integration": "https://external.integration.tidepool.org"}
CLIENT = "org.glucoflow"
"""What glucoflow calls itself in the data that it uploads: those are never read back."""
SESSION = "X-Tidepool-Session-Token"


class _User(msgspec.Struct):
    userid: str


class _Profile(msgspec.Struct, rename={"full_name": "fullName"}):
    full_name: str | None = None


class _Sharer(msgspec.Struct, rename={"trustor": "trustorPermissions"}):
    userid: str
    profile: _Profile | None = None
    trustor: dict[str, object] | None = None

    @property
    def name(self) -> str:
        return (self.profile and self.profile.full_name) or self.userid


def base_url(settings: TidepoolSettings, site: Site) -> str:
    """Where the API is. Raises Misconfigured."""
    if site.double is not None:
        return site.double.url
    if settings.base_url is not None:
        base = str(settings.base_url).rstrip("/")
        refuse_plain_http(base, "TIDEPOOL_BASE_URL")
        return base
    if site.region in HOSTS:
        return HOSTS[site.region]
    raise Misconfigured(f"{TITLE} has no region {site.region!r}.", remedy=f"Known: {', '.join(HOSTS)}.")


def signed(credentials: Credentials) -> Signature:
    """The session's header."""
    return Signature(headers={SESSION: credentials["session"].get_secret_value()})


def signed_out(answer: Answer) -> bool:
    """401, and 403: that is what a session that ended gets from the data's door."""
    return answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


def log_in(settings: TidepoolSettings, site: Site, values: Mapping[str, SecretStr], now: datetime) -> Credentials:
    """`email` and `password`, a `session`, and the `user` whose data are read. How long a session lives is not said.

    Raises LoginRefused, Reauthorize where nobody of that name shares with the account, Retryable, Misconfigured.
    """
    del now
    base = base_url(settings, site)
    basic = (values["email"].get_secret_value().encode(), values["password"].get_secret_value().encode())
    with bounded_session(SIGN_IN, TITLE) as session:
        answer = ask(session, TITLE, "POST", f"{base}/auth/login", auth=basic)
        if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.BAD_REQUEST):
            raise LoginRefused(
                f"{TITLE} does not accept this e-mail and password.",
                remedy="Check them by signing in at app.tidepool.org.",
            )
        if answer.status != HTTPStatus.OK:
            raise transient(TITLE, answer) or refusal(answer)
        token = answer.headers.get(SESSION, "")
        user = understood(TITLE, answer.body, _User, "a sign-in without a user").userid
        if not token:
            raise Retryable(f"{TITLE} signed in without a session.", remedy="Try again in a few minutes.")
        if "person" in values:
            user = _sharer(session, base, user, token, values["person"].get_secret_value())
    return Credentials(values={**values, "session": SecretStr(token), "user": SecretStr(user)})


def refusal(answer: Answer) -> GlucoflowError:
    """What a 4xx to a request for data means."""
    return changed_interface(TITLE, answer, narrower=answer.status == HTTPStatus.BAD_REQUEST)


def _sharer(session: requests.Session, base: str, user: str, token: str, wanted: str) -> str:
    auth = SignedHeaders({SESSION: token})
    answer = ask(session, TITLE, "GET", f"{base}/metadata/users/{user}/users", auth=auth)
    if answer.status != HTTPStatus.OK:
        raise transient(TITLE, answer) or refusal(answer)
    people = understood(TITLE, answer.body, list[_Sharer], "a list of people that cannot be read")
    sharing = [one for one in people if one.trustor and "view" in one.trustor]
    found = one_named(sharing, wanted, lambda one: (one.name, one.userid))
    if found is None:
        raise Reauthorize(
            f"No one person of that name shares their data with this account; those who do: {names(sharing)}.",
            remedy="Leave the name empty for the account's own data, or have them share it at app.tidepool.org.",
        )
    return found.userid
