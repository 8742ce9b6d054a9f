"""Signing in at a site: its address as people type it, and whether what they typed opens it.

A credential that is refused costs the caller's address five seconds a time (delaylist.js): it is tried once.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import msgspec
import requests
from pydantic import SecretStr

from connectors.nightscout import NightscoutSettings
from glucoflow.bounded_http import bounded_session
from glucoflow.http import Answer, Signature, SignedHeaders, ask, decoded, refuse_plain_http, transient
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import LoginRefused, Misconfigured
from glucoflow.provider import Limits, Site

TITLE = "Nightscout"
LIMITS = Limits(read_s=20.0, answer_s=40.0, max_bytes=4 * 2**20)
TOKEN = re.compile(r"[^\s/]+-[0-9a-f]{16,}")
LIFETIME = timedelta(hours=8)
NOT_ONE = "That is no address of a site."


class _Jwt(msgspec.Struct):
    token: str
    exp: float | None = None


def signed(credentials: Credentials) -> Signature:
    """The JWT for v3; else the token or the hash of the secret, in a header that no log of addresses holds."""
    values = credentials.values
    if "jwt" in values:
        return Signature(headers={"Authorization": f"Bearer {values['jwt'].get_secret_value()}"})
    if "token" not in values:
        return Signature()
    said = values["token"].get_secret_value()
    if not TOKEN.fullmatch(said):
        said = hashlib.sha1(said.encode()).hexdigest()  # noqa: S324 – what the header wants
    return Signature(headers={"api-secret": said})


def log_in(settings: NightscoutSettings, site: Site, values: Mapping[str, SecretStr], now: datetime) -> Credentials:
    """`address`, `token`, and with a token at a site that has API v3 its `jwt`, which lasts eight hours.

    Raises LoginRefused for a token that the site does not accept, Misconfigured for what is no site, Retryable.
    """
    typed, within = _address(values["address"].get_secret_value())
    base = typed if site.double is None else site.double.url
    if site.double is None and not settings.allow_http:
        _refuse_plain(base)
    given = values["token"].get_secret_value().strip() if "token" in values else within
    kept = {"address": SecretStr(base)} | ({"token": SecretStr(given)} if given else {})
    plain = Credentials(values=kept)
    with bounded_session(LIMITS, TITLE) as session:
        _try(session, base, plain)
        if given and TOKEN.fullmatch(given):
            return _with_jwt(session, base, plain, given, now)
    return plain


def _address(typed: str) -> tuple[str, str]:
    """Scheme, host and path of what was typed, and the token in it if there is one. Raises Misconfigured."""
    text = typed.strip()
    if "://" not in text:
        text = f"https://{text}"
    try:
        split = urlsplit(text)
        host, port = split.hostname, split.port
    except ValueError:
        raise Misconfigured(NOT_ONE, remedy="Type it as your browser shows it.") from None
    if split.scheme not in ("http", "https") or not host or " " in split.netloc:
        raise Misconfigured(NOT_ONE, remedy="Type it as your browser shows it, such as https://my-site.example.")
    path = re.sub(r"/(api(/v[123])?(/.*)?)?$", "", split.path)
    within = parse_qs(split.query).get("token", [split.username or ""])[0]
    return f"{split.scheme}://{host}{f':{port}' if port else ''}{path}", within


def _refuse_plain(base: str) -> None:
    try:
        refuse_plain_http(base, "The site's address")
    except Misconfigured as error:
        raise Misconfigured(
            error.message,
            remedy="Use its https:// address. For a site at home without TLS set NIGHTSCOUT_ALLOW_HTTP=true.",
        ) from None


def _try(session: requests.Session, base: str, credentials: Credentials) -> None:
    """Ask for one entry, with the credential: status.json answers everybody, and proves nothing."""
    headers = signed(credentials).headers
    answer = ask(
        session, TITLE, "GET", f"{base}/api/v1/entries.json", params={"count": "1"}, auth=SignedHeaders(headers)
    )
    if answer.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        if "token" in credentials.values:
            raise LoginRefused(
                "The site does not accept this token or secret.",
                remedy="Copy the token from Admin Tools on the site once more; its subject needs the role “readable”.",
            )
        raise LoginRefused(
            "The site wants a token.", remedy="Make one under Admin Tools on the site, with the role “readable”."
        )
    if answer.status != HTTPStatus.OK:
        raise transient_or_elsewhere(answer)
    if decoded(answer.body, list[msgspec.Raw]) is None:
        raise Misconfigured(
            "The address answers with something that is no Nightscout: perhaps a login page that stands before it.",
            remedy="Open the address in a private window: it must show Nightscout itself. Let its /api through.",
        )


def transient_or_elsewhere(answer: Answer) -> Exception:
    """The error of an answer that is neither data nor a refusal."""
    if 300 <= answer.status < 400:
        return Misconfigured(
            "The address sends its callers elsewhere.", remedy="Type the address that your browser shows in the end."
        )
    return transient(TITLE, answer) or Misconfigured(
        f"There is no Nightscout at this address ({answer.status}).", remedy="Compare it with the one in your browser."
    )


def _with_jwt(session: requests.Session, base: str, plain: Credentials, token: str, now: datetime) -> Credentials:
    """With a JWT where the site has API v3; without one it is read by v1."""
    answer = ask(session, TITLE, "GET", f"{base}/api/v2/authorization/request/{token}")
    jwt = decoded(answer.body, _Jwt) if answer.status == HTTPStatus.OK else None
    if jwt is None:
        return plain
    version = ask(session, TITLE, "GET", f"{base}/api/v3/version")
    if version.status != HTTPStatus.OK or b"<" in version.body[:20]:
        return plain
    expires = now + LIFETIME
    if jwt.exp is not None and now.timestamp() < jwt.exp < expires.timestamp():
        expires = datetime.fromtimestamp(jwt.exp, UTC)
    return Credentials(values={**plain.values, "jwt": SecretStr(jwt.token)}, expires_at=expires)
