"""Passwords and second factors: made, judged and proven."""

import threading
from datetime import datetime

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import SecretStr

from glucoflow.model.errors import Rejected

SHORTEST, LONGEST = 10, 200
"""Characters. Long ones are welcome; beyond 200 it is no password any more."""
LEAST_SCORE = 2
"""Of zxcvbn's 0 to 4: 2 withstands about 10⁸ guesses, and we let nobody guess faster than one in 30 seconds."""
STEP = 30
"""Seconds for which an authenticator shows one code (RFC 6238)."""


class Passwords:
    """Hashed with Argon2id by the parameters of RFC 9106 for little memory (64 MiB), two at a time at most."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._turns = threading.BoundedSemaphore(2)
        self._nobodys: str | None = None

    def hash(self, password: SecretStr, *others: str) -> str:
        """Its hash, to be stored. `others`: the person's own words, which make a bad password.

        Raises Rejected for one that is too short, too long, or would be guessed.
        """
        text = password.get_secret_value()
        if not SHORTEST <= len(text) <= LONGEST:
            raise Rejected("password", f"has {SHORTEST} to {LONGEST} characters; a sentence of your own is a good one")
        from zxcvbn import zxcvbn  # its lists of words take a moment and some memory, and are needed rarely

        judged = zxcvbn(text[:72], user_inputs=[one for one in others if one])
        if judged["score"] < LEAST_SCORE:
            why = judged["feedback"]["warning"] or "It would be guessed soon."
            raise Rejected("password", f"is too easy to guess. {why} A sentence of your own is a good one.")
        return self.hash_again(password)

    def hash_again(self, password: SecretStr) -> str:
        """The hash of a password that was accepted before, with today's parameters."""
        with self._turns:
            return self._hasher.hash(password.get_secret_value())

    def fits(self, hashed: str | None, password: SecretStr) -> bool:
        """Whether this is the password. Without a hash it takes as long, so that nobody learns who has an account."""
        with self._turns:
            if self._nobodys is None:
                self._nobodys = self._hasher.hash("nobody's password")
            try:
                return self._hasher.verify(hashed or self._nobodys, password.get_secret_value()) and hashed is not None
            except (VerificationError, InvalidHashError):
                return False

    def outdated(self, hashed: str) -> bool:
        """Whether it was made with parameters of before."""
        return self._hasher.check_needs_rehash(hashed)


def new_totp() -> SecretStr:
    """A secret to share with an authenticator app."""
    return SecretStr(pyotp.random_base32())


def totp_address(secret: SecretStr, name: str) -> str:
    """What its QR code says."""
    return pyotp.TOTP(secret.get_secret_value()).provisioning_uri(name=name, issuer_name="glucoflow")


def totp_step(secret: SecretStr, code: str, now: datetime) -> int | None:
    """The time step whose code this is: the present one, or one before or after it. None for a wrong code."""
    digits = "".join(one for one in code if one.isdigit())
    totp, present = pyotp.TOTP(secret.get_secret_value()), int(now.timestamp()) // STEP
    for step in (present, present - 1, present + 1):
        if pyotp.utils.strings_equal(totp.at(step * STEP), digits):
            return step
    return None
