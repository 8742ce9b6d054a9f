"""Where the encryption keys are: in a setting, or in a file beside the database that the first start makes.

A first start that is killed leaves neither a database without its key nor a key without its database: the key lies in
a draft until the database holds something that it opens, and only then gets its name.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.fernet import Fernet
from pydantic import SecretStr

from glucoflow.files import private, private_folder
from glucoflow.model.errors import Misconfigured, Unavailable
from glucoflow.store.crypto import KEY_SETTING, Cipher

log = logging.getLogger(__name__)

KEY_FILE = "token.key"


class Keys:
    """The keys of one data folder. `setting` (keys by comma, newest first) wins over the file."""

    def __init__(self, setting: SecretStr | None, folder: Path) -> None:
        given = setting is not None and setting.get_secret_value().strip()
        self._setting = setting if given else None
        self._folder = folder
        self._path = folder / KEY_FILE
        self._draft = folder / f".{KEY_FILE}.draft"

    def for_new_store(self) -> Cipher:
        """Keys for a database in which nothing is encrypted yet; `settle` once it holds something that they opened.

        To be called by one process at a time. Raises Misconfigured where there is a key of an earlier database.
        """
        if self._setting is not None:
            return _cipher(self._setting.get_secret_value())
        self.refuse_old()
        key = Fernet.generate_key()
        self._lay(key)
        return _cipher(key.decode())

    @property
    def is_set(self) -> bool:
        """Whether a setting gives them."""
        return self._setting is not None

    def secret(self) -> SecretStr:
        """The keys in use, newest first, by comma. Raises Misconfigured where there are none, Unavailable."""
        return SecretStr(",".join(part.strip() for part in self._text().replace("\n", ",").split(",") if part.strip()))

    def cipher(self) -> Cipher:
        """The same, to open and to encrypt."""
        return _cipher(self._text())

    def adopt(self, keys: SecretStr) -> None:
        """Have these keys ready for a store that is about to be filled; `settle` once it is. Raises as `refuse_old`."""
        self.refuse_old()
        self._lay(keys.get_secret_value().replace(",", "\n").encode())

    def refuse_old(self) -> None:
        """Raises Misconfigured if there is a key file: its database was deleted, or this is another one."""
        if self._setting is None and self._path.exists():
            raise Misconfigured(
                f"The database is new and empty, but {self._path} is the key of an earlier one.",
                remedy="If the earlier database was deleted or lost, restore it from your backup. If it is somewhere "
                "else, correct GLUCOFLOW_DATABASE_URL or GLUCOFLOW_DATA_DIR. To begin anew, move the key away first, "
                "and keep it for as long as you keep a copy of that database.",
            )

    def of_store(self, canary: bytes) -> Cipher:
        """The keys of a database that holds `canary`. Raises WrongKey, Misconfigured without a key, Unavailable."""
        if self._setting is None:
            self.settle(canary)
        cipher = _cipher(self._text())
        cipher.check(canary)
        return cipher

    def settle(self, canary: bytes) -> None:
        """Give a first start's draft its name, if it opens `canary`. Never over another key."""
        if self._setting is not None or self._path.exists():
            return
        with _explained(self._path), suppress(FileNotFoundError, Misconfigured):
            _cipher(self._draft.read_text(encoding="ascii")).check(canary)
            with suppress(FileExistsError):
                os.link(self._draft, self._path)
            self._draft.unlink(missing_ok=True)
            log.info("made a new encryption key; back it up together with the database")

    def _lay(self, key: bytes) -> None:
        with _explained(self._path):
            private_folder(self._folder)
            with open(self._draft, "wb", opener=private) as file:
                file.write(key + b"\n")
                file.flush()
                os.fsync(file.fileno())

    def _text(self) -> str:
        if self._setting is not None:
            return self._setting.get_secret_value()
        if not self._path.exists():
            raise Misconfigured(
                f"What is stored is encrypted, but {KEY_SETTING} is not set and the key file {self._path} is gone.",
                remedy="Restore the key from your backup. Without it nothing can be read: then move the database "
                "away and connect each person again.",
            )
        with _explained(self._path):
            _close_to_others(self._path)
            return self._path.read_text(encoding="ascii")


def _close_to_others(path: Path) -> None:
    """A key file that others could read is closed to them, where it is ours; where not, its owner has to."""
    mode = path.stat().st_mode
    if mode & 0o077:
        with suppress(PermissionError):
            path.chmod(0o600)
        log.warning("the key file %s could be read by others", path)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        why = (error.strerror or "I/O error") if isinstance(error, OSError) else "not text"
        raise Unavailable(
            f"The key file {path} cannot be used ({why}).",
            remedy="Make it readable for the account that runs glucoflow, or set " + KEY_SETTING + ".",
        ) from None


def _cipher(text: str) -> Cipher:
    parts = (part.strip() for part in text.replace("\n", ",").split(","))
    return Cipher([SecretStr(part) for part in parts if part])
