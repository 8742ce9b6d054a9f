"""One answer of Dexcom's API, or the reason why not.

Everything that can go wrong on the way ends as one of our errors: an answer that is cut short, too large, late or not
JSON is never mistaken for "no data". Nothing logged here holds a token, a reading or a query.
"""

import hashlib
import logging
import random
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TypeVar

import msgspec
import requests
from pydantic import SecretStr
from requests.auth import AuthBase
from urllib3.exceptions import HTTPError, ReadTimeoutError

from connectors.dexcom.hosts import DexcomHosts
from connectors.dexcom.waiting import retry_after_seconds
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import Fatal, GlucoflowError, Misconfigured, Reauthorize, Retryable

log = logging.getLogger(__name__)

T = TypeVar("T")

CHUNK = 256 * 1024

CredentialSource = Callable[[bool], Credentials]
"""Gives good credentials; True asks for others even though the last ones have not expired."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How patient a client is. Times in seconds."""

    connect_s: float = 5.0
    read_s: float = 30.0
    answer_s: float = 120.0
    """For a whole answer: a server that sends a byte now and then never trips the read time-out."""
    max_bytes: int = 64 * 2**20
    tries: int = 4
    first_wait_s: float = 1.0
    longest_wait_s: float = 30.0
    """Asked to wait longer than this, we give the connection back and come again later."""


class TooMuch(Retryable):
    """The answer was too large or took too long: a shorter window may fit."""


class _Bearer(AuthBase):
    """Sets the header as `auth`, since requests would else let a .netrc entry replace it."""

    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        return request


class DexcomHttp:
    """GET with one session, a token that is renewed once on 401, and retries with back-off, cap and jitter."""

    def __init__(
        self,
        hosts: DexcomHosts,
        credentials: CredentialSource,
        limits: Limits,
        seed: int,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._hosts = hosts
        self._credentials = credentials
        self._limits = limits
        self._random = random.Random(seed)  # noqa: S311 – jitter
        self._sleep = sleep
        self._session = requests.Session()

    def close(self) -> None:
        self._session.close()

    def get(self, endpoint: str, query: dict[str, str], read: Callable[[bytes], T]) -> T:
        """What `read` makes of the body of a 200 answer; where it raises Retryable, the request is tried again.

        Raises TooMuch (a Retryable) where less may succeed, Retryable, Reauthorize, Misconfigured, or Fatal for a
        request that Dexcom calls wrong.
        """
        renewed: Credentials | None = None
        tried = 0
        while True:
            try:
                return read(self._once(endpoint, query, renewed or self._credentials(False)))
            except _Unauthorized:
                if renewed is not None:
                    raise _signed_out() from None
                renewed = self._credentials(True)
            except TooMuch:
                raise
            except Retryable as error:
                tried += 1
                if tried >= self._limits.tries or (error.retry_after or 0) > self._limits.longest_wait_s:
                    raise
                wait = self._wait(tried, error.retry_after)
                log.warning("%s: %s Trying again in %.1f s.", endpoint, error.message, wait)
                self._sleep(wait)

    def _wait(self, tried: int, asked: float | None) -> float:
        longest = min(self._limits.first_wait_s * 2.0 ** (tried - 1), self._limits.longest_wait_s)
        return (asked or 0.0) + self._random.uniform(0.5, 1.0) * longest

    def _once(self, endpoint: str, query: dict[str, str], credentials: Credentials) -> bytes:
        limits = self._limits
        deadline = time.monotonic() + limits.answer_s
        try:
            with self._session.get(
                self._hosts.data(endpoint),
                params=query,
                auth=_Bearer(credentials["access"]),
                headers={"Accept": "application/json"},
                timeout=(limits.connect_s, limits.read_s),
                allow_redirects=False,  # the token stays with the host it was given for
                stream=True,
            ) as response:
                body = self._body(response, deadline)
        except requests.ConnectTimeout:
            raise Retryable("Dexcom could not be reached in time.") from None
        except (requests.Timeout, ReadTimeoutError):
            raise TooMuch("Dexcom did not answer in time.") from None
        except (requests.RequestException, HTTPError) as error:
            raise Retryable(f"The connection to Dexcom failed ({type(error).__name__}).") from None
        _raise_for(response, body)
        return body

    def _body(self, response: requests.Response, deadline: float) -> bytes:
        chunks: list[bytes] = []
        size = 0
        while chunk := response.raw.read1(CHUNK, decode_content=True):  # what is there: never waits for a full chunk
            size += len(chunk)
            if size > self._limits.max_bytes:
                raise TooMuch(f"Dexcom's answer is larger than {self._limits.max_bytes // 2**20} MiB.")
            if time.monotonic() > deadline:
                raise TooMuch("Dexcom's answer took too long to arrive.")
            chunks.append(chunk)
        return b"".join(chunks)


class _Unauthorized(Exception):
    pass


def _signed_out() -> Reauthorize:
    return Reauthorize(
        "Dexcom does not accept this connection's token, not even a fresh one.",
        remedy="Connect to Dexcom again on the person's page.",
    )


def _raise_for(response: requests.Response, body: bytes) -> None:
    """Pass a 200 answer that calls itself JSON (or nothing), raise for everything else."""
    status = response.status_code
    if status == HTTPStatus.OK:
        kind = response.headers.get("Content-Type", "")
        if not body or (kind and "json" not in kind.lower()):
            raise not_understood(body, f"{kind.split(';')[0] or 'an empty answer'} instead of JSON")
        return
    if status == HTTPStatus.UNAUTHORIZED:
        raise _Unauthorized
    if status == HTTPStatus.GATEWAY_TIMEOUT:
        raise TooMuch("Dexcom's gateway gave up waiting for the answer (504).")
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= 500 or 200 <= status < 400 or status == 408:
        raise Retryable(f"Dexcom answered {status}.", retry_after=retry_after_seconds(response))
    raise _refusal(status, body)


def not_understood(body: bytes, what: str) -> Retryable:
    """An answer that is no page. Logged by size and hash, since its text may hold readings."""
    digest = hashlib.sha256(body).hexdigest()[:12]
    log.warning("answer not understood: %s (%d bytes, sha256 %s)", what, len(body), digest)
    return Retryable(f"Dexcom sent {what}.", remedy="This usually passes; nothing was skipped.")


def _refusal(status: int, body: bytes) -> GlucoflowError:
    text = _said(body)
    if status == HTTPStatus.FORBIDDEN:
        if any(word in text.lower() for word in ("sandbox", "client", "app ", "application", "tier", "scope")):
            return Misconfigured(
                f"Dexcom says that your app has no right to this data (403: {text}).",
                remedy="New apps have sandbox rights only: use DEXCOM_REGION=sandbox, or ask for limited access in "
                "the Dexcom developer portal.",
            )
        return Reauthorize(
            "Dexcom does not let this connection read its data (403).",
            remedy="Connect to Dexcom again on the person's page; if that does not help, look at your app's access "
            "in the developer portal.",
        )
    if status == HTTPStatus.NOT_FOUND:
        return Misconfigured(
            "There is no Dexcom API at this address (404).",
            remedy="Look at DEXCOM_REGION, DEXCOM_BASE_URL and DEXCOM_API_PREFIX.",
        )
    return Fatal(
        f"Dexcom calls the request wrong ({status}: {text or 'no reason given'}).",
        remedy="Please report this; the records of this window were not read.",
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
    try:
        answer = msgspec.json.decode(body, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    said = (answer.fault and answer.fault.faultstring) or answer.message or answer.error
    if not said:
        said = bytes(answer.errors).decode("utf-8", "replace")
    return " ".join((said or "").split())[:200]
