"""Encryption of credentials and payloads: MultiFernet, so that keys can be rotated, and the key file of a first start.

The first key encrypts, any of them decrypts. To rotate: put a new key in front of the old one, restart, run the
rotation (`Store.rotate`), then drop the old one. Each row keeps the id of its key, so that a missing key can be named.
"""

import base64
import hashlib
import logging
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from glucoflow.model.errors import Misconfigured, Unavailable

log = logging.getLogger(__name__)

KEY_FILE = "token.key"
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


def load_keys(setting: SecretStr | None, folder: Path, *, create: bool) -> list[SecretStr]:
    """The keys from the setting (by comma, newest first), else from the key file in `folder`.

    Where neither is, a key file is made (mode 0600) if `create`, that is, if nothing has been encrypted yet. Raises
    Misconfigured if there is no key, Unavailable if the file cannot be read or written.
    """
    if setting is not None and setting.get_secret_value().strip():
        return _split(setting.get_secret_value().replace("\n", ","))
    path = folder / KEY_FILE
    try:
        if not path.exists():
            if not create:
                raise Misconfigured(
                    f"What is stored is encrypted, but {KEY_SETTING} is not set and the key file {path} is gone.",
                    remedy="Restore the key from your backup. Without it nothing can be read: then move the database "
                    "away and connect each person again.",
                )
            _create(path)
        if path.stat().st_mode & 0o077:
            log.warning("the key file %s can be read by others: chmod 600 it", path)
        return _split(path.read_text(encoding="ascii").replace("\n", ","))
    except (OSError, UnicodeDecodeError) as error:
        raise Unavailable(
            f"The key file {path} cannot be used ({_why(error)}).",
            remedy="Make it readable for the account that runs glucoflow, or set " + KEY_SETTING + ".",
        ) from None


def _create(path: Path) -> None:
    """A new key at `path`, whole or not at all, and never over another one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(Fernet.generate_key() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was first: its key is the key
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    log.info("made a new encryption key; back it up together with the database")


def _split(text: str) -> list[SecretStr]:
    return [SecretStr(part.strip()) for part in text.split(",") if part.strip()]


def _key_id(key: str) -> str:
    return hashlib.sha256(base64.urlsafe_b64decode(key)).hexdigest()[:12]


def _why(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "I/O error") if isinstance(error, OSError) else "not text"


def _wrong_key(what: str, key_id: str | None, key_ids: Sequence[str]) -> WrongKey:
    made_with = f"with the key {key_id}" if key_id else "with another key"
    return WrongKey(
        f"{what} was encrypted {made_with}; the keys in use are {', '.join(key_ids)}.",
        remedy=f"Put the missing key back: add it to {KEY_SETTING} (or the key file) after the newest one, by comma. "
        "Nothing was changed, and nobody needs to connect again.",
    )
