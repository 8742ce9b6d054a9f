"""What binds a sign-in at a provider to the browser that began it: a sealed cookie of ten minutes.

Without it, an attacker could begin a sign-in, consent with their own account, and lead somebody else's browser to the
callback. The code that comes back waits in the cookie too, so that it stays in no address and can be tried again after
a fault of the network.
"""

import hashlib
from datetime import datetime, timedelta

import msgspec
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

from glucoflow.web.sealed_cookie import SealedCookie

BOND_LASTS = timedelta(minutes=10)
LONGEST_CODE = 2000
"""Characters; a cookie holds about 4,000 bytes."""


class SignIn(msgspec.Struct, frozen=True):
    """A sign-in under way in this browser; `code` once the provider has sent it."""

    state: str
    code: str | None = None


class BrowserBond:
    """Makes, reads and ends the cookies. `secret` is the one that signs all cookies."""

    def __init__(self, secret: SecretStr) -> None:
        self._cookie = SealedCookie(secret, b"sign-in", "glucoflow_oauth_", "/oauth", BOND_LASTS, SignIn)

    def tie(self, request: Request, response: Response, sign_in: SignIn, now: datetime) -> None:
        """Keep the sign-in in the browser that gets `response`."""
        self._cookie.put(request, response, sign_in, now, tag_of(sign_in.state))

    def read(self, request: Request, tag: str, now: datetime) -> SignIn | None:
        """The sign-in of this name that this browser began within the last ten minutes."""
        return self._cookie.read(request, now, tag)

    def untie(self, response: Response, tag: str) -> None:
        """The sign-in is over."""
        self._cookie.drop(response, tag)


def tag_of(state: str) -> str:
    """A name for a state that tells nothing of it."""
    return hashlib.sha256(state.encode()).hexdigest()[:16]
