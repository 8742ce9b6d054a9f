"""HTTP for connectors: one whole answer, in time and not too large, or the reason why not.

Everything that can go wrong on the way ends as one of our errors: an answer that is cut short, too large, late or not
JSON is never mistaken for "no data". Nothing logged here holds a credential, a reading or a query.
"""

import hashlib
import ipaddress
import logging
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from random import Random
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import requests
from requests.auth import AuthBase

from glucoflow.bounded_http import TooMuch, bounded_session
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import GlucoflowError, Misconfigured, Reauthorize, Retryable, Unreadable
from glucoflow.provider import CredentialSource, Limits, Terms
from glucoflow.retry import may_pass, retrying

log = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_RETRY_AFTER = timedelta(hours=6)
"""A longer `Retry-After` is taken as this, which is also the longest wait after failures."""
SIGN_IN = Limits(read_s=20.0, answer_s=30.0, max_bytes=2**20)
"""How patient somebody who waits before a form can be."""
LOOK = "Check the address, if one was given, and that this machine reaches the internet."


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    """Names in any case."""
    body: bytes


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """What opens a request: headers, and parts of the query."""

    headers: Mapping[str, str] = {}
    query: Mapping[str, str] = {}


def bearer(credentials: Credentials) -> Signature:
    """The `access` token as a bearer."""
    return Signature(headers={"Authorization": f"Bearer {credentials['access'].get_secret_value()}"})


def is_unauthorized(answer: Answer) -> bool:
    """401: the credentials are not, or no longer, accepted."""
    return answer.status == HTTPStatus.UNAUTHORIZED


class SignedHttp:
    """A provider's API for one connection: requests that are signed, counted, tried again, and signed anew after a 401.

    `refusal` makes the error of a status that no repetition mends (4xx). `signed_out` tells answers that mean "log in
    again": new credentials are asked for once, and the request is repeated once.
    """

    def __init__(
        self,
        title: str,
        source: CredentialSource,
        terms: Terms,
        refusal: Callable[[Answer], GlucoflowError],
        *,
        sign: Callable[[Credentials], Signature] = bearer,
        signed_out: Callable[[Answer], bool] = is_unauthorized,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._title = title
        self._source = source
        self._terms = terms
        self._refusal = refusal
        self._sign = sign
        self._signed_out = signed_out
        self._sleep = sleep
        self._random = Random(terms.seed)  # noqa: S311 – jitter
        self._session = bounded_session(terms.limits, title)

    def close(self) -> None:
        self._session.close()

    def get(self, url: str, query: Mapping[str, str], read: Callable[[bytes], T]) -> T:
        """What `read` makes of the body of a 200 answer that is JSON; where it raises Retryable, it is asked again.

        Raises TooMuch (a Retryable) where less may succeed, Retryable, Reauthorize, or what `refusal` makes.
        """
        return self.send("GET", url, read, query=query)

    def send(
        self,
        method: str,
        url: str,
        read: Callable[[bytes], T],
        *,
        query: Mapping[str, str] | None = None,
        json: object = None,
    ) -> T:
        """As `get`, for any method. `json` is sent as the body."""
        renewed: Credentials | None = None

        def attempt() -> T:
            nonlocal renewed
            answer = self._once(method, url, query, json, renewed or self._source(False))
            if self._signed_out(answer) and renewed is None:
                renewed = self._source(True)
                answer = self._once(method, url, query, json, renewed)
            if self._signed_out(answer):
                raise Reauthorize(
                    f"{self._title} does not accept this connection, not even after a fresh sign-in.",
                    remedy=f"Connect to {self._title} again on the person's page.",
                )
            return read(self._json(answer))

        def tell(error: BaseException, seconds: float) -> None:
            log.warning("%s: %s Trying again in %.1f s.", urlsplit(url).path.rpartition("/")[2], error, seconds)

        return retrying(
            self._terms.limits.retry,
            attempt,
            random=self._random,
            again=lambda error: may_pass(error) and not isinstance(error, TooMuch),
            sleep=self._sleep,
            on_wait=tell,
        )

    def _once(
        self, method: str, url: str, query: Mapping[str, str] | None, json: object, credentials: Credentials
    ) -> Answer:
        self._terms.on_call()
        signature = self._sign(credentials)
        answer = ask(
            self._session,
            self._title,
            method,
            url,
            params={**(query or {}), **signature.query},
            json=json,
            auth=SignedHeaders(signature.headers),
        )
        said = _date(answer.headers.get("Date", ""))
        if said is not None:
            self._terms.on_date(said)
        return answer

    def _json(self, answer: Answer) -> bytes:
        """The body of a 200 (or 201) answer that calls itself JSON (or says nothing of itself)."""
        if answer.status in (HTTPStatus.OK, HTTPStatus.CREATED):
            kind = answer.headers.get("Content-Type", "")
            if not answer.body or (kind and "json" not in kind.lower()):
                raise not_understood(
                    self._title, answer.body, f"{kind.split(';')[0] or 'an empty answer'} instead of JSON"
                )
            return answer.body
        raise transient(self._title, answer) or self._refusal(answer)


class SignedHeaders(AuthBase):
    """Sets headers as `auth`, since requests would else let a .netrc entry replace `Authorization`."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


def ask(session: requests.Session, title: str, method: str, url: str, **parts: Any) -> Answer:
    """One request of a `bounded_session`, and its whole answer, whatever its status.

    Raises TooMuch for an answer that is too large or late, Retryable where the provider cannot be reached.
    """
    try:
        response = session.request(method, url, headers={"Accept": "application/json"}, **parts)
    except requests.ConnectTimeout:
        raise Retryable(f"{title} could not be reached in time.", remedy=LOOK) from None
    except requests.Timeout:
        raise TooMuch(f"{title} did not answer in time.") from None
    except requests.exceptions.SSLError:
        raise untrusted(title) from None
    except requests.RequestException as error:
        raise Retryable(f"The connection to {title} failed ({type(error).__name__}).", remedy=LOOK) from None
    return Answer(status=response.status_code, headers=response.headers, body=response.content)


def untrusted(title: str) -> Retryable:
    """Whoever answered has no certificate that this machine trusts: it is not spoken to, whatever the reason."""
    return Retryable(
        f"The certificate of {title} was not accepted, so nothing was sent.",
        remedy="Look at this machine's clock, and update its certificates of authorities. Behind a proxy that opens "
        "encrypted connections, point REQUESTS_CA_BUNDLE to that proxy's own.",
    )


def transient(title: str, answer: Answer) -> Retryable | None:
    """The error of a status that may pass by itself: overload, outage, a redirect, an answer without content."""
    status = answer.status
    if status == HTTPStatus.GATEWAY_TIMEOUT:
        return TooMuch(f"{title}'s gateway gave up waiting for the answer (504).")
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.REQUEST_TIMEOUT) or status >= 500 or 200 <= status < 400:
        return Retryable(f"{title} answered {status}.", retry_after=retry_after_seconds(answer.headers))
    return None


def decoded(body: bytes, form: type[T]) -> T | None:
    """JSON of that form; None where it is none, or nested without end."""
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def understood(title: str, body: bytes, form: type[T], what: str) -> T:
    """JSON of that form. Raises Retryable where it is `what` instead."""
    found = decoded(body, form)
    if found is None:
        raise not_understood(title, body, what)
    return found


def changed_interface(title: str, answer: Answer, *, narrower: bool = False) -> Unreadable:
    """A request that a provider, whose interface is not official, calls wrong."""
    return Unreadable(
        f"{title} refuses the request ({answer.status}).",
        remedy="Its interface may have changed: look for a newer glucoflow, or report it.",
        narrower=narrower,
    )


def not_understood(title: str, body: bytes, what: str) -> Retryable:
    """An answer that is not what was asked for. Logged by size and hash, since its text may hold readings."""
    digest = hashlib.sha256(body).hexdigest()[:12]
    log.warning("%s: answer not understood: %s (%d bytes, sha256 %s)", title, what, len(body), digest)
    return Retryable(f"{title} sent {what}.", remedy="This usually passes; nothing was skipped.")


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` (RFC 9110, 10.2.3) in seconds, a date by the server's own clock; None if it cannot be used."""
    said = headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return min(float(said[:9]), LONGEST_RETRY_AFTER.total_seconds())
    until, sent = _date(said), _date(headers.get("Date", ""))
    if until is None or sent is None:
        return None
    wait = until - sent
    return min(max(wait, timedelta()), LONGEST_RETRY_AFTER).total_seconds() if wait < timedelta(days=1) else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None
    return date if date.tzinfo else None


def refuse_plain_http(url: str, setting: str) -> None:
    """Raises Misconfigured for an http:// address that is not on this machine: secrets would travel in the open."""
    split = urlsplit(url)
    if split.scheme == "http" and not is_loopback(split.hostname or ""):
        raise Misconfigured(
            f"{setting} is an http:// address: secrets would be sent to {split.hostname} unencrypted.",
            remedy=f"Use its https:// address in {setting}.",
        )


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
