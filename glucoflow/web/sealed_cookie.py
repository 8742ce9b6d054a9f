"""Cookies that only we can read and make, for minutes: what binds something that was begun to the browser it began in.

Fernet seals and dates at once, and takes the time as an argument.
"""

import base64
import hashlib
from datetime import datetime, timedelta
from typing import Generic, TypeVar

import msgspec
from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response

T = TypeVar("T", bound=msgspec.Struct)


class SealedCookie(Generic[T]):
    """A kind of cookie. `secret` is the one that signs all cookies, `person` keeps kinds apart (16 bytes at most)."""

    def __init__(
        self, secret: SecretStr, person: bytes, prefix: str, path: str, lasts: timedelta, form: type[T]
    ) -> None:
        digest = hashlib.blake2b(secret.get_secret_value().encode(), digest_size=32, person=person).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(digest))
        self._prefix = prefix
        self._path = path
        self._seconds = int(lasts.total_seconds())
        self._form = form

    def put(self, request: Request, response: Response, value: T, now: datetime, tag: str = "") -> None:
        """Keep the value in the browser that gets `response`."""
        response.set_cookie(
            self._prefix + tag,
            self._fernet.encrypt_at_time(msgspec.json.encode(value), int(now.timestamp())).decode(),
            max_age=self._seconds,
            path=self._path,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )

    def read(self, request: Request, now: datetime, tag: str = "") -> T | None:
        """The value that this browser got, if that is not too long ago."""
        sealed = request.cookies.get(self._prefix + tag, "")
        try:
            text = self._fernet.decrypt_at_time(sealed, self._seconds, int(now.timestamp()))
        except (InvalidToken, ValueError):  # ValueError: not ASCII
            return None
        return msgspec.json.decode(text, type=self._form)

    def drop(self, response: Response, tag: str = "") -> None:
        """It is over."""
        response.delete_cookie(self._prefix + tag, path=self._path)
