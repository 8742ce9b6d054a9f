"""Dexcom's OAuth code flow, on requests-oauthlib.

Each refresh token is accepted once, so nothing here is ever repeated: a refresh that timed out may have been carried
out, and sending the consumed token again can cost the person's consent. The caller stores the new pair before use.
"""

import logging
from datetime import datetime, timedelta
from typing import Any

import requests
from oauthlib.oauth2 import OAuth2Error
from pydantic import SecretStr
from requests_oauthlib import OAuth2Session
from urllib3.exceptions import NewConnectionError

from connectors.dexcom import DexcomSettings
from connectors.dexcom.api import TITLE, Hosts, hosts
from glucoflow.bounded_http import BoundedAdapter, bound
from glucoflow.http import retry_after_seconds, untrusted
from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import AnswerLost, GlucoflowError, Misconfigured, Reauthorize, Retryable
from glucoflow.provider import Limits, Site

log = logging.getLogger(__name__)

SCOPE = "offline_access"
TOKEN_LIMITS = Limits(read_s=20.0, answer_s=30.0, max_bytes=2**20)
"""Within half a minute in all: a connection's lease must outlive a renewal, however slowly its answer drips."""

LIFETIME_S = 7200
"""What Dexcom gives; taken where `expires_in` is missing or absurd (its specification once said milliseconds)."""


def authorizer(settings: DexcomSettings, site: Site) -> "DexcomAuthorizer":
    """The code flow of the configured app, or of the double's. Raises Misconfigured naming what is missing."""
    where = hosts(settings, site)
    if site.double is not None:
        app = site.double
        return DexcomAuthorizer(where, app.client_id, app.client_secret, app.redirect_uri)
    back = settings.redirect_uri or site.callback
    if settings.client_id is None or settings.client_secret is None:
        missing = [name for name in ("client_id", "client_secret") if getattr(settings, name) is None]
        names = " and ".join(f"DEXCOM_{name.upper()}" for name in missing)
        raise Misconfigured(
            f"Dexcom cannot be asked: {names} not set.",
            remedy="Register an app at developer.dexcom.com (My Apps → Add), set its redirect URI to "
            f"{back}, and put its id and secret into .env.",
        )
    return DexcomAuthorizer(where, settings.client_id, settings.client_secret, back)


class DexcomAuthorizer:
    """`glucoflow.provider.Authorizer` for one developer app in one region."""

    def __init__(
        self, hosts: Hosts, client_id: str, client_secret: SecretStr, redirect_uri: str, limits: Limits = TOKEN_LIMITS
    ) -> None:
        self._hosts = hosts
        self._limits = limits
        self._client_id = client_id
        self._client_secret = client_secret
        self._redirect_uri = redirect_uri

    def authorize_url(self, state: str) -> str:
        """The page on which the person signs in at Dexcom and consents; it comes back with `code` and `state`."""
        session = self._session(scope=[SCOPE])
        url, _ = session.authorization_url(_https(self._hosts.login), state=state)
        return self._hosts.base_url + str(url)[len(_https(self._hosts.base_url)) :]

    def exchange(self, code: str, now: datetime) -> Credentials:
        """The first pair. Raises Reauthorize for a bad or old code, Misconfigured for bad keys, else Retryable."""
        with self._session() as session:
            return self._token(
                lambda url, secret: session.fetch_token(url, code=code, include_client_id=True, client_secret=secret),
                now,
            )

    def refresh(self, credentials: Credentials, now: datetime) -> Credentials:
        """The next pair. Raises Reauthorize for `invalid_grant` only, Misconfigured for bad keys, else Retryable."""
        with self._session() as session:
            return self._token(
                lambda url, secret: session.refresh_token(
                    url,
                    refresh_token=credentials["refresh"].get_secret_value(),
                    client_id=self._client_id,
                    client_secret=secret,
                    redirect_uri=self._redirect_uri,
                ),
                now,
            )

    def _session(self, scope: list[str] | None = None) -> OAuth2Session:
        # At DEBUG requests-oauthlib logs request and answer bodies, tokens and client secret included.
        logging.getLogger("requests_oauthlib").setLevel(logging.INFO)
        session = OAuth2Session(self._client_id, redirect_uri=self._redirect_uri, scope=scope)
        bound(session, self._limits, TITLE)
        if self._hosts.base_url.startswith("http://"):
            session.mount(_https(self._hosts.base_url), _PlainHttp(self._limits, TITLE))
        for name in ("access_token_response", "refresh_token_response"):
            session.register_compliance_hook(name, _check_answer)
        return session

    def _token(self, call: Any, now: datetime) -> Credentials:
        try:
            answer = call(_https(self._hosts.token), self._client_secret.get_secret_value())
            return _token_from(answer, now)
        except OAuth2Error as error:
            raise self._fate(error.error) from None
        except requests.ConnectTimeout:
            raise Retryable("Dexcom's sign-in could not be reached in time.") from None
        except requests.Timeout:
            raise AnswerLost("Dexcom's sign-in did not answer in time.") from None
        except requests.exceptions.SSLError:
            raise untrusted("Dexcom's sign-in") from None
        except requests.RequestException as error:
            kind = type(error).__name__
            if _never_sent(error):
                raise Retryable(f"Dexcom's sign-in could not be reached ({kind}).") from None
            raise AnswerLost(f"The answer of Dexcom's sign-in was lost on its way ({kind}).") from None
        except (ValueError, KeyError, TypeError):
            raise AnswerLost("Dexcom's sign-in gave an answer that is not a token.") from None

    def _fate(self, code: str | None) -> GlucoflowError:
        match code:
            case "invalid_grant":
                return Reauthorize(
                    "Dexcom no longer accepts this connection: it was revoked, used elsewhere or left idle too long.",
                    remedy="Connect to Dexcom again on the person's page.",
                )
            case "invalid_client" | "unauthorized_client":
                return Misconfigured(
                    "Dexcom does not accept the client id and secret of your app.",
                    remedy="Compare DEXCOM_CLIENT_ID, DEXCOM_CLIENT_SECRET and DEXCOM_REGION with the app in the "
                    "Dexcom developer portal; a changed secret replaces the old one at once.",
                )
        return Retryable(
            f"Dexcom's sign-in refused the request ({code or 'no reason given'}).",
            remedy="If it stays so, compare DEXCOM_REDIRECT_URI with the redirect URI registered for your app.",
        )


def _token_from(answer: dict[str, Any], now: datetime) -> Credentials:
    access, refresh = answer["access_token"], answer["refresh_token"]
    if not (isinstance(access, str) and access and isinstance(refresh, str) and refresh):
        raise ValueError("no tokens")
    lifetime = answer.get("expires_in")
    good = isinstance(lifetime, int | float) and not isinstance(lifetime, bool) and 0 < lifetime <= 86_400
    expires_at = now + timedelta(seconds=float(lifetime) if good and lifetime is not None else LIFETIME_S)
    return Credentials(values={"access": SecretStr(access), "refresh": SecretStr(refresh)}, expires_at=expires_at)


def _check_answer(response: requests.Response) -> requests.Response:
    """Before oauthlib reads the body: an overloaded or broken server must never look like a refused consent."""
    status = response.status_code
    if status == 404:
        raise Misconfigured(
            "Dexcom's sign-in is not at this address (404).",
            remedy="Set DEXCOM_OAUTH_PREFIX to v2 (or v3), and look at DEXCOM_REGION and DEXCOM_BASE_URL.",
        )
    if status in (500, 502, 504):  # whatever failed may have done so after the token was spent
        raise AnswerLost(f"Dexcom's sign-in answered {status}.", retry_after=retry_after_seconds(response.headers))
    if status == 429 or status >= 500 or 300 <= status < 400:
        raise Retryable(f"Dexcom's sign-in answered {status}.", retry_after=retry_after_seconds(response.headers))
    try:
        is_object = isinstance(response.json(), dict)
    except ValueError:
        is_object = False
    if not is_object:
        lost = AnswerLost if status < 300 else Retryable
        raise lost(f"Dexcom's sign-in answered {status} with something that is not JSON.")
    return response


def _never_sent(error: requests.RequestException) -> bool:
    """Whether the request cannot have reached anybody: no connection was made."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, requests.exceptions.ProxyError) or isinstance(reason, NewConnectionError)


def _https(url: str) -> str:
    return "https://" + url[len("http://") :] if url.startswith("http://") else url


class _PlainHttp(BoundedAdapter):
    """For a base URL that is http:// (this machine, or the double): oauthlib speaks of https:// URLs only, and its
    one way out is an environment variable for the whole process."""

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if request.url and request.url.startswith("https://"):
            request.url = "http://" + request.url[len("https://") :]
        return super().send(request, *args, **kwargs)
