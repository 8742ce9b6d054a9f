"""Signing on by an OpenID Connect provider: discovery, a code with PKCE, and an ID token held against all of it.

What a token has to prove is in OpenID Connect Core 1.0, 3.1.3.7; a provider that mixes itself up with another one is
told by RFC 9207. The access token is not used and not kept: who somebody is stands in the ID token.
"""

import logging
import secrets
import threading
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import Key, KeySet, import_key
from pydantic import SecretStr

from glucoflow.bounded_http import bound, bounded_session
from glucoflow.http import SignedHeaders, ask, decoded, refuse_plain_http
from glucoflow.model.errors import Misconfigured, Reauthorize, Retryable, Unavailable
from glucoflow.model.said import said
from glucoflow.provider import Limits

log = logging.getLogger(__name__)

LIMITS = Limits(connect_s=5, read_s=10, answer_s=15, max_bytes=2**20)
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]
"""Signatures by a key of the provider's own; never `none`, and never a secret that both sides know."""
KNOWN_FOR_S = 3600.0
"""How long a provider's own description and keys are taken as they were read."""
LEEWAY_S = 60
"""By how much two clocks may differ."""
SCOPE = "openid profile"
LONGEST_SUBJECT = 255
NOT_PROVEN = said("What came back does not prove who signed on, so nobody was logged in.")


class OpenIdProvider(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask, and as whom we do. `title` is what people call it."""

    issuer: str
    client_id: str
    client_secret: SecretStr | None
    title: str


class UnderWay(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-on that was begun: what only the browser that began it may know."""

    state: str
    nonce: str
    verifier: str


class SignedOn(msgspec.Struct, frozen=True, kw_only=True):
    """Who came back. `subject` names them for good; `name` and `zone` are what the provider says of them, if at all."""

    subject: str
    name: str
    zone: str | None


class _Description(msgspec.Struct, frozen=True, kw_only=True):
    """A provider's own (OpenID Connect Discovery 1.0, 3), as far as we use it."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class OpenId:
    """One provider. Asked for its description when it is first needed; safe to use from many threads."""

    def __init__(self, provider: OpenIdProvider) -> None:
        """Raises Misconfigured for a provider that would be asked unencrypted over a network."""
        refuse_plain_http(provider.issuer, "OIDC_ISSUER")
        self.title = provider.title
        self._provider = provider
        self._lock = threading.Lock()
        self._known: tuple[float, _Description] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def begin(self, back_at: str) -> tuple[str, UnderWay]:
        """Where to send the browser, and what it keeps. Raises Unavailable, Misconfigured, Retryable."""
        begun = UnderWay(
            state=secrets.token_urlsafe(24), nonce=secrets.token_urlsafe(24), verifier=secrets.token_urlsafe(48)
        )
        with self._session(back_at) as session:
            address, _ = session.create_authorization_url(
                self._description().authorization_endpoint,
                state=begun.state,
                nonce=begun.nonce,
                code_verifier=begun.verifier,
            )
        return str(address), begun

    def finish(self, begun: UnderWay, code: str, back_at: str, issuer: str, now: datetime) -> SignedOn:
        """Exchange the code, and read who it is. `issuer`: as the answer named it, if it did.

        Raises Reauthorize where it proves nothing, and what `begin` raises.
        """
        if issuer and issuer != self._provider.issuer:
            raise Reauthorize(NOT_PROVEN, remedy=said("Begin again. If it stays, check OIDC_ISSUER."))
        with self._session(back_at) as session:
            try:
                answer: Mapping[str, Any] = session.fetch_token(
                    self._description().token_endpoint, code=code, code_verifier=begun.verifier
                )
            except OAuthError as refused:
                log.warning("the sign-on's token endpoint refused: %s", str(refused.error)[:60])
                raise Reauthorize(
                    said("%(provider)s does not take back what it just gave.", provider=self.title),
                    remedy=said("Begin again. If it stays, check OIDC_CLIENT_ID and OIDC_CLIENT_SECRET."),
                ) from None
            except requests.RequestException as error:
                raise self._away(error) from None
            except ValueError:
                raise self._not_understood() from None
        return self._proven(answer, begun, now)

    def end_address(self, back_at: str) -> str | None:
        """Where a browser is logged out at the provider too (RP-Initiated Logout 1.0), if that can be done now."""
        try:
            address = self._description().end_session_endpoint
        except (Retryable, Unavailable, Misconfigured):
            return None
        if address is None:
            return None
        asked = {"client_id": self._provider.client_id, "post_logout_redirect_uri": back_at}
        return requests.Request("GET", address, params=asked).prepare().url

    def _proven(self, answer: Mapping[str, Any], begun: UnderWay, now: datetime) -> SignedOn:
        token, access = answer.get("id_token"), answer.get("access_token")
        try:
            if not isinstance(token, str):
                raise ValueError("no ID token")
            read = self._opened(token)
            claims = CodeIDToken(
                read.claims,
                read.header,
                {
                    "iss": {"essential": True, "value": self._provider.issuer},
                    "aud": {"essential": True, "value": self._provider.client_id},
                    "sub": {"essential": True},
                },
                {"nonce": begun.nonce, "client_id": self._provider.client_id, "access_token": access},
            )
            claims.validate(now=int(now.timestamp()), leeway=LEEWAY_S)
            subject = claims["sub"]
            if not isinstance(subject, str) or not 1 <= len(subject) <= LONGEST_SUBJECT:
                raise ValueError("a subject that cannot be")
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            log.warning("an ID token proves nothing: %s", type(error).__name__)
            raise Reauthorize(
                NOT_PROVEN, remedy=said("Begin again. If it stays, look at the clocks of both machines.")
            ) from None
        names = (claims.get("name"), claims.get("preferred_username"))
        zone = claims.get("zoneinfo")
        return SignedOn(
            subject=f"{self._provider.issuer} {subject}",
            name=next((one for one in names if isinstance(one, str) and one.strip()), ""),
            zone=zone if isinstance(zone, str) else None,
        )

    def _opened(self, token: str) -> jwt.Token:
        """The token, signed by one of the provider's keys; they are read anew once, as it may have made new ones."""
        try:
            return jwt.decode(token, self._key_set(), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            return jwt.decode(token, self._key_set(anew=True), algorithms=ALGORITHMS)

    def _description(self) -> _Description:
        with self._lock:
            if self._known is not None and time.monotonic() - self._known[0] < KNOWN_FOR_S:
                return self._known[1]
        address = self._provider.issuer.rstrip("/") + "/.well-known/openid-configuration"
        found = decoded(self._get(address), _Description)
        if found is None:
            raise self._not_understood()
        if found.issuer != self._provider.issuer:
            raise Misconfigured(
                f"{self.title} calls itself {found.issuer[:100]}, and OIDC_ISSUER says otherwise.",
                remedy="Set OIDC_ISSUER to just that, if it is the one you mean: to the last slash.",
            )
        for one in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
            refuse_plain_http(one, "OIDC_ISSUER")
        with self._lock:
            self._known = (time.monotonic(), found)
        return found

    def _key_set(self, *, anew: bool = False) -> KeySet:
        with self._lock:
            held = self._keys
        if held is not None and not anew and time.monotonic() - held[0] < KNOWN_FOR_S:
            return held[1]
        found = decoded(self._get(self._description().jwks_uri), dict[str, Any])
        if found is None:
            raise self._not_understood()
        keys = KeySet([key for one in found.get("keys", ()) if (key := _key(one)) is not None])
        with self._lock:
            self._keys = (time.monotonic(), keys)
        return keys

    def _get(self, address: str) -> bytes:
        with bounded_session(LIMITS, self.title) as session:
            answer = ask(session, self.title, "GET", address, auth=SignedHeaders({}))
        if answer.status != 200:
            raise Retryable(
                said("%(provider)s answers %(status)s.", provider=self.title, status=answer.status),
                remedy=said("Log in with a password, or try again later."),
            )
        return answer.body

    def _session(self, back_at: str) -> OAuth2Session:
        secret = self._provider.client_secret
        methods = self._description().token_endpoint_auth_methods_supported
        usual = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        session = OAuth2Session(
            self._provider.client_id,
            secret.get_secret_value() if secret else None,
            token_endpoint_auth_method=usual if secret else "none",
            scope=SCOPE,
            redirect_uri=back_at,
            code_challenge_method="S256",
        )
        bound(session, LIMITS, self.title)
        return session

    def _away(self, error: Exception) -> Retryable:
        log.warning("the sign-on's provider cannot be reached: %s", type(error).__name__)
        return Retryable(
            said("%(provider)s cannot be reached.", provider=self.title),
            remedy=said("Log in with a password, or try again later."),
        )

    def _not_understood(self) -> Retryable:
        return Retryable(
            said("What %(provider)s answers is not what OpenID Connect says.", provider=self.title),
            remedy=said("Log in with a password; check OIDC_ISSUER."),
        )


def _key(described: object) -> Key | None:
    """A key for signatures; None for another, or one of a kind that is not known here."""
    if not isinstance(described, dict) or described.get("use", "sig") != "sig":
        return None
    try:
        return import_key(described)
    except (JoseError, ValueError, TypeError):
        return None
