"""Files encrypted by a passphrase, in the format of age (age-encryption.org/v1), so that `age -d` opens them too.

The format is specified at c2sp.org/age. The passphrase becomes a key by scrypt; that key wraps the file's own; the
content goes in chunks of 64 KiB, each sealed by ChaCha20-Poly1305 with its number and whether it is the last: a file
that was cut short, or whose chunks were exchanged, is told from a whole one.
"""

import base64
import hashlib
import hmac
import io
import os
import re
from typing import TYPE_CHECKING, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from pydantic import SecretStr

from glucoflow.model.errors import Misconfigured, UnreadableFile

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

WORK = 17
"""log₂ of scrypt's N: 128 MiB and half a second, as OWASP asks. A reader takes up to `MOST_WORK`."""
MOST_WORK = 20

_VERSION = b"age-encryption.org/v1"
_CHUNK, _TAG = 65_536, 16
_LONGEST_HEADER = 4_096
_STANZA = re.compile(rb"-> scrypt ([A-Za-z0-9+/]{22}) ([1-9][0-9]?)\n([A-Za-z0-9+/]{43})\n--- ([A-Za-z0-9+/]{43})\n")


class Sealing(io.RawIOBase):
    """Encrypts what is written to it into `out`. `finish` makes it whole; without, what is there is no file of age."""

    def __init__(self, out: BinaryIO, passphrase: SecretStr, work: int = WORK) -> None:
        """Writes the header at once; takes scrypt's half second."""
        file_key, salt, nonce = os.urandom(16), os.urandom(16), os.urandom(16)
        wrapped = ChaCha20Poly1305(_wrapping(passphrase, salt, work)).encrypt(bytes(12), file_key, None)
        head = b"%b\n-> scrypt %b %d\n%b\n---" % (_VERSION, _text(salt), work, _text(wrapped))
        out.write(b"%b %b\n%b" % (head, _text(_mac(file_key, head)), nonce))
        self._out = out
        self._cipher = ChaCha20Poly1305(_derived(file_key, b"payload", nonce))
        self._number = 0
        self._pending = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: "ReadableBuffer") -> int:
        view = memoryview(data)
        self._pending += view
        while len(self._pending) > _CHUNK:  # a full last one is known as such at the end only
            self._seal(bytes(self._pending[:_CHUNK]), last=False)
            del self._pending[:_CHUNK]
        return view.nbytes

    def finish(self) -> None:
        """Write the last chunk."""
        self._seal(bytes(self._pending), last=True)
        self._pending.clear()

    def _seal(self, chunk: bytes, *, last: bool) -> None:
        self._out.write(self._cipher.encrypt(_nonce(self._number, last), chunk, None))
        self._number += 1


class Opening(io.RawIOBase):
    """The content of a file of age, decrypted as it is read. Nothing of a chunk is given out before it is proven."""

    def __init__(self, file: BinaryIO, passphrase: SecretStr) -> None:
        """Raises UnreadableFile for what is none of ours, Misconfigured for a wrong passphrase."""
        head = b"".join(file.readline(_LONGEST_HEADER) for _ in range(4))
        found = _STANZA.fullmatch(head.removeprefix(_VERSION + b"\n"))
        if found is None or not head.startswith(_VERSION + b"\n"):
            raise UnreadableFile(
                "This is no file that is encrypted by a passphrase in the format of age, version 1.",
                remedy="Name a file that `glucoflow backup` wrote; one that was changed on its way is of no use.",
            )
        salt, wrapped, mac = (_bytes(found[place]) for place in (1, 3, 4))
        work = int(found[2])
        if work > MOST_WORK:
            raise UnreadableFile(f"This file asks for more work (2^{work}) than is done for one passphrase.")
        try:
            file_key = ChaCha20Poly1305(_wrapping(passphrase, salt, work)).decrypt(bytes(12), wrapped, None)
        except InvalidTag:
            raise Misconfigured(
                "The passphrase is not the one that this file was encrypted with.",
                remedy="Try the passphrase that was in use when it was made. Without it nobody can read the file.",
            ) from None
        if not hmac.compare_digest(mac, _mac(file_key, head[: head.rindex(b"--- ") + 3])):
            raise damaged()
        nonce = file.read(16)
        self._file = file
        self._cipher = ChaCha20Poly1305(_derived(file_key, b"payload", nonce))
        self._number = 0
        self._ready = memoryview(b"")
        self._next = file.read(_CHUNK + _TAG)
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Raises UnreadableFile where the file was cut short or changed."""
        view = memoryview(buffer).cast("B")
        if not self._ready and not self._ended:
            self._ready = memoryview(self._opened())
        given = self._ready[: len(view)]
        view[: len(given)] = given
        self._ready = self._ready[len(given) :]
        return len(given)

    def _opened(self) -> bytes:
        chunk, self._next = self._next, self._file.read(_CHUNK + _TAG)
        self._ended = not self._next
        try:
            content = self._cipher.decrypt(_nonce(self._number, self._ended), chunk, None)
        except (InvalidTag, ValueError):
            raise damaged() from None
        self._number += 1
        return content


def damaged() -> UnreadableFile:
    """The error for a file that is not as it was written."""
    return UnreadableFile(
        "The file was cut short or changed after it was written.",
        remedy="Copy it again from where it was made, or take an earlier backup. Nothing was changed here.",
    )


def _wrapping(passphrase: SecretStr, salt: bytes, work: int) -> bytes:
    kdf = Scrypt(salt=b"age-encryption.org/v1/scrypt" + salt, length=32, n=2**work, r=8, p=1)
    return kdf.derive(passphrase.get_secret_value().encode())


def _derived(file_key: bytes, purpose: bytes, salt: bytes | None = None) -> bytes:
    return HKDF(SHA256(), length=32, salt=salt, info=purpose).derive(file_key)


def _mac(file_key: bytes, head: bytes) -> bytes:
    return hmac.new(_derived(file_key, b"header"), head, hashlib.sha256).digest()


def _nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def _text(value: bytes) -> bytes:
    return base64.b64encode(value).rstrip(b"=")


def _bytes(text: bytes) -> bytes:
    return base64.b64decode(text + b"=" * (-len(text) % 4))
