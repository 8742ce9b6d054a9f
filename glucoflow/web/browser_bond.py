"""What binds a sign-in at a provider to the browser that began it: a sealed cookie of ten minutes.

Without it, an attacker could begin a sign-in, consent with their own account, and lead somebody else's browser to the
callback. The code that comes back waits in the cookie too, so that it stays in no address and can be tried again after
a fault of the network. Fernet seals and dates at once, and takes the time as an argument.
"""

import base64
import hashlib
from datetime import datetime, timedelta

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

BOND_LASTS = timedelta(minutes=10)
LONGEST_CODE = 2000
"""Characters; a cookie holds about 4,000 bytes."""
_PATH = "/oauth"
_PREFIX = "glucoflow_oauth_"


class SignIn(msgspec.Struct, frozen=True):
    """A sign-in under way in this browser; `code` once the provider has sent it."""

    state: str
    code: str | None = None


class BrowserBond:
    """Makes, reads and ends the cookies. `secret` is the one that signs all cookies."""

    def __init__(self, secret: SecretStr) -> None:
        digest = hashlib.blake2b(secret.get_secret_value().encode(), digest_size=32, person=b"sign-in").digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(digest))

    def tie(self, request: Request, response: Response, sign_in: SignIn, now: datetime) -> None:
        """Keep the sign-in in the browser that gets `response`."""
        response.set_cookie(
            _PREFIX + tag_of(sign_in.state),
            self._fernet.encrypt_at_time(msgspec.json.encode(sign_in), int(now.timestamp())).decode(),
            max_age=int(BOND_LASTS.total_seconds()),
            path=_PATH,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )

    def read(self, request: Request, tag: str, now: datetime) -> SignIn | None:
        """The sign-in of this name that this browser began within the last ten minutes."""
        sealed = request.cookies.get(_PREFIX + tag, "")
        try:
            text = self._fernet.decrypt_at_time(sealed, int(BOND_LASTS.total_seconds()), int(now.timestamp()))
        except (InvalidToken, ValueError):  # ValueError: not ASCII
            return None
        return msgspec.json.decode(text, type=SignIn)

    def untie(self, response: Response, tag: str) -> None:
        """The sign-in is over."""
        response.delete_cookie(_PREFIX + tag, path=_PATH)


def tag_of(state: str) -> str:
    """A name for a state that tells nothing of it."""
    return hashlib.sha256(state.encode()).hexdigest()[:16]
