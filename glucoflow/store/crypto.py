"""Encryption of credentials and payloads: MultiFernet, so that keys can be rotated.

The first key encrypts, any of them decrypts. To rotate: put a new key in front of the old one, restart, run the
rotation (`Store.rotate`), then drop the old one. Each row keeps the id of its key, so that a missing key can be named.
"""

import base64
import hashlib
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from glucoflow.model.errors import Misconfigured

KEY_SETTING = "GLUCOFLOW_TOKEN_KEY"
_CANARY = b"glucoflow key canary"


class WrongKey(Misconfigured):
    """A stored secret cannot be decrypted with any of the keys at hand. Never a reason to ask for new consent."""


class Cipher:
    """Encrypts with the newest key, decrypts with any."""

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        """`keys`: Fernet keys, newest first. Raises Misconfigured if one is malformed."""
        texts = [key.get_secret_value() for key in keys]
        try:
            self._fernet = MultiFernet([Fernet(text) for text in texts])
        except ValueError:
            raise Misconfigured(
                "An encryption key is not a Fernet key (32 bytes in URL-safe base64).",
                remedy=f"Check {KEY_SETTING} or the key file. A new key: python -c "
                '"from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())"',
            ) from None
        self.key_ids = tuple(_key_id(text) for text in texts)

    def __repr__(self) -> str:
        return f"Cipher(key_ids={self.key_ids!r})"

    @property
    def key_id(self) -> str:
        """Id of the key that encrypts: a part of its hash, which says nothing about it."""
        return self.key_ids[0]

    def seal(self, value: bytes) -> bytes:
        """`value`, encrypted with the newest key."""
        return self._fernet.encrypt(value)

    def open(self, sealed: bytes, what: str, key_id: str | None = None) -> bytes:
        """The value behind `sealed`. Raises WrongKey naming `what`, and the key it was encrypted with if known."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise _wrong_key(what, key_id, self.key_ids) from None

    def renew(self, sealed: bytes, what: str) -> bytes:
        """`sealed`, encrypted anew with the newest key. Raises WrongKey."""
        try:
            return self._fernet.rotate(sealed)
        except InvalidToken:
            raise _wrong_key(what, None, self.key_ids) from None

    def canary(self) -> bytes:
        """A known text, encrypted: stored once, it tells at every start whether the keys are the right ones."""
        return self.seal(_CANARY)

    def check(self, canary: bytes) -> None:
        """Raises WrongKey if `canary` was made with none of the keys."""
        self.open(canary, "What is stored here")


def _key_id(key: str) -> str:
    return hashlib.sha256(base64.urlsafe_b64decode(key)).hexdigest()[:12]


def _wrong_key(what: str, key_id: str | None, key_ids: Sequence[str]) -> WrongKey:
    made_with = f"with the key {key_id}" if key_id else "with another key"
    return WrongKey(
        f"{what} was encrypted {made_with}; the keys in use are {', '.join(key_ids)}.",
        remedy=f"Put the missing key back: add it to {KEY_SETTING} (or the key file) after the newest one, by comma. "
        "Nothing was changed, and nobody needs to connect again.",
    )
