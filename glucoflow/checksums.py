"""A checksum over many things in any order: their hashes, added. Backups keep it, so it stays as it is."""

import hashlib

_MODULUS = 2**128


class Sum:
    """How many there are, and their checksum."""

    def __init__(self) -> None:
        self.n, self._sum = 0, 0

    def add(self, data: bytes) -> None:
        digest = hashlib.blake2b(data, digest_size=16).digest()
        self.n += 1
        self._sum = (self._sum + int.from_bytes(digest, "big")) % _MODULUS

    def text(self) -> str:
        return f"{self._sum:032x}"
