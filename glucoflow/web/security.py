"""What keeps others out: signed tokens, CSRF, Host and Origin checks, the optional password, response headers."""

import hashlib
import hmac
import secrets
from collections.abc import Collection, Mapping

import itsdangerous
from pydantic import SecretStr

CSRF_COOKIE = "glucoflow_csrf"
SESSION_COOKIE = "glucoflow_session"

HEADERS = {
    # No inline script or style, no eval (Vega runs its expression interpreter), no other host, no framing.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


class Signer:
    """Makes and checks short signed texts. One secret for all purposes; the purpose is part of what is signed."""

    def __init__(self, secret: SecretStr) -> None:
        self._secret = secret

    def sign(self, purpose: str, value: str) -> str:
        """`value` with its signature, fit for a cookie."""
        return self._for(purpose).sign(value).decode()

    def verified(self, purpose: str, signed: str | None) -> str | None:
        """The value, if the signature is ours and for this purpose."""
        try:
            return self._for(purpose).unsign(signed or "").decode() or None
        except itsdangerous.BadSignature:
            return None

    def fingerprint(self, purpose: str, value: SecretStr) -> str:
        """The same for the same value; without our secret nobody can try values against it."""
        return self._for(purpose).get_signature(value.get_secret_value()).decode()

    def _for(self, purpose: str) -> itsdangerous.Signer:
        return itsdangerous.Signer(
            self._secret.get_secret_value(), salt=purpose, key_derivation="hmac", digest_method=hashlib.sha256
        )


def csrf_token(signer: Signer, cookie: str | None) -> str:
    """The token of this browser: the one in its cookie if that is ours, else a new one."""
    return cookie if cookie and signer.verified("csrf", cookie) else signer.sign("csrf", secrets.token_urlsafe(18))


def csrf_ok(signer: Signer, cookie: str | None, field: str | None) -> bool:
    """Signed double submit: the form carries what the cookie says, and we signed it."""
    return bool(cookie and field and hmac.compare_digest(cookie.encode(), field.encode())) and (
        signer.verified("csrf", cookie) is not None
    )


def same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a form was sent from our own pages, as far as the browser says (older ones say nothing)."""
    site = headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or origin.split("://", 1)[-1] == headers.get("host")


def host_ok(host: str | None, allowed: Collection[str]) -> bool:
    """Whether the Host header names one of ours (any port): a foreign name means DNS rebinding."""
    name = (host or "").lower()
    name = name[: name.find("]") + 1] if name.startswith("[") else name.split(":", 1)[0]
    return "*" in allowed or name in allowed
