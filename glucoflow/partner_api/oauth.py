"""The OAuth 2 server, by authlib: code with PKCE (S256) for registered clients, refresh tokens that work once."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.errors import InvalidRequestError
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from fastapi.responses import JSONResponse, Response

from glucoflow.partner_api.scopes import SCOPES
from glucoflow.store import Partner, PartnerGrant
from glucoflow.store.partners import ACCESS_LASTS, Partners, TakenCode
from glucoflow.store.tokens import new_token

AUTH_METHODS = ("client_secret_basic", "client_secret_post")


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A request as the server reads it."""

    method: str
    url: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    form: Mapping[str, str]


class _Request(OAuth2Request):  # type: ignore[misc]
    def __init__(self, said: Said) -> None:
        # TLS ends at a proxy, so the scheme seen here says nothing.
        super().__init__(said.method, said.url.replace("http://", "https://", 1), headers=dict(said.headers))
        self.payload = BasicOAuth2Payload({**said.query, **said.form})
        self._said = said

    @property
    def args(self) -> Mapping[str, str]:
        return self._said.query

    @property
    def form(self) -> Mapping[str, str]:
        return self._said.form


class _Client(ClientMixin):  # type: ignore[misc]
    """A registered partner, in the words of authlib."""

    def __init__(self, partner: Partner) -> None:
        self.partner = partner

    def get_client_id(self) -> str:
        return self.partner.id

    def get_default_redirect_uri(self) -> None:
        """None: a request names it."""

    def get_allowed_scope(self, scope: str | None) -> str:
        asked = set((scope or " ".join(SCOPES)).split())
        return " ".join(name for name in SCOPES if name in asked)

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri in self.partner.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        return self.partner.knows(client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:  # noqa: ARG002
        return method in AUTH_METHODS

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in ("authorization_code", "refresh_token")


class _Held:
    """A code or refresh token that was just used up."""

    def __init__(self, grant: PartnerGrant, code: TakenCode | None = None) -> None:
        self.grant = grant
        self.code_challenge = code.challenge if code else None
        self.code_challenge_method = "S256"
        self._redirect_uri = code.redirect_uri if code else None

    def get_redirect_uri(self) -> str | None:
        return self._redirect_uri

    def get_scope(self) -> str:
        return self.grant.scope

    def check_client(self, client: _Client) -> bool:
        return self.grant.partner_id == client.partner.id


class _Challenge(CodeChallenge):  # type: ignore[misc]
    """PKCE for everybody, and only S256: a code that leaks on its way is worth nothing."""

    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("A code_challenge by the method S256 is needed.")
        super().validate_code_challenge(grant, redirect_uri)


class _Code(AuthorizationCodeGrant):  # type: ignore[misc]
    server: "OAuthServer"

    def save_authorization_code(self, code: str, request: Any) -> None:
        """The store makes the code itself: see `generate_authorization_code`."""

    def generate_authorization_code(self) -> str:
        request = self.request
        return self.server.partners.consent(
            request.client.partner.id,
            request.user,
            request.scope,
            request.payload.redirect_uri,
            request.payload.data["code_challenge"],
            self.server.clock(),
        )

    def query_authorization_code(self, code: str, client: _Client) -> _Held | None:
        taken = self.server.partners.take_code(code, client.partner.id, self.server.clock())
        return None if taken is None else _Held(taken.grant, taken)

    def delete_authorization_code(self, authorization_code: _Held) -> None:
        """It is used up since it was looked up."""

    def authenticate_user(self, authorization_code: _Held) -> PartnerGrant:
        return authorization_code.grant


class _Refresh(RefreshTokenGrant):  # type: ignore[misc]
    server: "OAuthServer"
    INCLUDE_NEW_REFRESH_TOKEN = True
    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> _Held | None:
        client: _Client = self.request.client
        grant = self.server.partners.take_refresh(refresh_token, client.partner.id, self.server.clock())
        return None if grant is None else _Held(grant)

    def authenticate_user(self, refresh_token: _Held) -> PartnerGrant:
        return refresh_token.grant

    def revoke_old_credential(self, refresh_token: _Held) -> None:
        """It is used up since it was looked up."""


class _Revocation(RevocationEndpoint):  # type: ignore[misc]
    server: "OAuthServer"
    CLIENT_AUTH_METHODS = AUTH_METHODS

    def authenticate_token(self, request: Any, client: _Client) -> _Held | None:
        self.check_params(request, client)
        grant = self.server.partners.of_token(request.form["token"], client.partner.id)
        return None if grant is None else _Held(grant)

    def revoke_token(self, token: _Held, request: Any) -> None:  # noqa: ARG002
        self.server.partners.end(token.grant.id, self.server.clock())


class OAuthServer(AuthorizationServer):  # type: ignore[misc]
    """authlib's server over the store."""

    def __init__(self, partners: Partners, clock: Callable[[], datetime]) -> None:
        super().__init__(scopes_supported=list(SCOPES))
        self.partners = partners
        self.clock = clock
        self.register_token_generator("default", _pair)
        self.register_grant(_Code, [_Challenge()])
        self.register_grant(_Refresh)
        self.register_endpoint(_Revocation)

    def query_client(self, client_id: str) -> _Client | None:
        partner = self.partners.find(client_id)
        return None if partner is None else _Client(partner)

    def save_token(self, token: dict[str, Any], request: Any) -> None:
        """Its hashes are kept; the answer also says under which id the person is known to this partner."""
        grant: PartnerGrant = request.user
        self.partners.issue(grant.id, token["access_token"], token["refresh_token"], self.clock())
        token["user_id"] = subject_of(grant)

    def create_oauth2_request(self, request: Said | _Request) -> _Request:
        return request if isinstance(request, _Request) else _Request(request)

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Response:
        if isinstance(body, str):
            return Response(body, status, dict(headers))
        return JSONResponse(body, status, {**dict(headers), "Cache-Control": "no-store"})


def subject_of(grant: PartnerGrant) -> str:
    """The id by which one partner knows a person: the same at each consent, another for every partner."""
    return hashlib.blake2b(f"{grant.partner_id}/{grant.user_id}".encode(), digest_size=10).hexdigest()


def _pair(**asked: Any) -> dict[str, Any]:
    return {
        "token_type": "Bearer",
        "access_token": new_token(),
        "refresh_token": new_token(),
        "expires_in": int(ACCESS_LASTS.total_seconds()),
        "scope": asked["scope"],
    }
