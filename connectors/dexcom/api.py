"""Where Dexcom's API is, and what its refusals mean."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TypeVar

import msgspec

from connectors.dexcom import DexcomSettings
from glucoflow import http
from glucoflow.http import Answer, SignedHttp, decoded, refuse_plain_http
from glucoflow.model.errors import GlucoflowError, Misconfigured, Retryable, Unreadable
from glucoflow.provider import CredentialSource, Site, Terms

T = TypeVar("T")

TITLE = "Dexcom"

BASE_URLS = {
    "us": "https://api.dexcom.com",
    "ous": "https://api.dexcom.eu",
    "jp": "https://api.dexcom.jp",
    "sandbox": "https://sandbox-api.dexcom.com",
}
"""An account lives in exactly one region, with client credentials of that region."""


class Hosts(msgspec.Struct, frozen=True, kw_only=True):
    """The addresses of one region. Prefixes are settings, since Dexcom's own pages name both v2 and v3 for OAuth."""

    base_url: str
    oauth_prefix: str = "v3"
    api_prefix: str = "v3"

    @property
    def login(self) -> str:
        return f"{self.base_url}/{self.oauth_prefix}/oauth2/login"

    @property
    def token(self) -> str:
        return f"{self.base_url}/{self.oauth_prefix}/oauth2/token"

    def data(self, endpoint: str) -> str:
        """The URL of one of `egvs`, `events`, `calibrations`, `alerts`, `devices`, `dataRange`."""
        return f"{self.base_url}/{self.api_prefix}/users/self/{endpoint}"


def hosts(settings: DexcomSettings, site: Site) -> Hosts:
    """The addresses of a site. Raises Misconfigured for an unknown region, and for a host without encryption."""
    if site.double is not None:
        base = site.double.url
    elif settings.base_url is not None:
        base = str(settings.base_url).rstrip("/")
        refuse_plain_http(base, "DEXCOM_BASE_URL")
    elif site.region in BASE_URLS:
        base = BASE_URLS[site.region]
    else:
        raise Misconfigured(f"Dexcom has no region {site.region!r}.", remedy=f"Known: {', '.join(BASE_URLS)}.")
    return Hosts(base_url=base, oauth_prefix=settings.oauth_prefix, api_prefix=settings.api_prefix)


class Api:
    """GET for one account."""

    def __init__(self, hosts: Hosts, source: CredentialSource, terms: Terms) -> None:
        self._hosts = hosts
        self._http = SignedHttp(TITLE, source, terms, refusal)

    def get(self, endpoint: str, query: Mapping[str, str], read: Callable[[bytes], T]) -> T:
        """What `read` makes of an endpoint's answer; raises as `SignedHttp.get`, and what `refusal` makes."""
        return self._http.get(self._hosts.data(endpoint), query, read)

    def close(self) -> None:
        self._http.close()


def not_understood(body: bytes, what: str) -> Retryable:
    """An answer that is no page."""
    return http.not_understood(TITLE, body, what)


def refusal(answer: Answer) -> GlucoflowError:
    """What a 4xx means: this part of the data is refused. Consent that is gone shows as 401 or at the token."""
    text = _said(answer.body)
    if answer.status == HTTPStatus.FORBIDDEN:
        if any(word in text.lower() for word in ("sandbox", "client", "app ", "application", "tier", "scope")):
            return Unreadable(
                f"Dexcom says that your app has no right to this data (403: {text}).",
                remedy="New apps have sandbox rights only: use DEXCOM_REGION=sandbox, or ask for limited access in "
                "the Dexcom developer portal.",
            )
        return Unreadable(
            "Dexcom does not let this connection read it (403).",
            remedy="If it stays so, connect to Dexcom again on the person's page, or look at your app's access in the "
            "developer portal.",
        )
    if answer.status == HTTPStatus.NOT_FOUND:
        return Unreadable(
            "Dexcom does not have it for this connection (404).",
            remedy="If nobody's data can be read, look at the settings of where Dexcom's API is.",
        )
    return Unreadable(
        f"Dexcom calls the request wrong ({answer.status}: {text or 'no reason given'}).",
        remedy="Please report it if it stays so.",
        narrower=True,
    )


class _Fault(msgspec.Struct):
    faultstring: str | None = None


class _ErrorBody(msgspec.Struct):
    """The forms seen: an API gateway's `fault`, the API's own `errors`, OAuth's `error`."""

    fault: _Fault | None = None
    errors: msgspec.Raw = msgspec.Raw()
    error: str | None = None
    message: str | None = None


def _said(body: bytes) -> str:
    """What an error answer says, one short line; empty where it is not one of the known forms."""
    answer = decoded(body, _ErrorBody)
    if answer is None:
        return ""
    said = (answer.fault and answer.fault.faultstring) or answer.message or answer.error
    if not said:
        said = bytes(answer.errors).decode("utf-8", "replace")
    return " ".join((said or "").split())[:200]
