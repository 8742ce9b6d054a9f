"""Authorizations as the cloud keeps them: codes used once, refresh tokens used once, and what happens to who does not.

A *family* is everything that grew from one consent. Using a code or a refresh token twice revokes the whole family,
as RFC 9700 recommends: the honest client finds out, and so does the thief.
"""

import base64
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from glucoflow.simulators.scenario import Client

CODE_LIFE = timedelta(seconds=60)
ACCESS_LIFE = timedelta(seconds=7200)


class GrantError(Exception):
    """A token request that is not answered with tokens; `error` is the OAuth error word."""

    def __init__(self, error: str, why: str) -> None:
        super().__init__(f"{error}: {why}")
        self.error = error
        self.why = why


class Family(msgspec.Struct):
    """One consent of one person to one app (`client`), and whether it still holds."""

    person: str
    revoked: bool = False
    client: str = Client.id


class Code(msgspec.Struct):
    """An authorization code on its way through the browser."""

    family: str
    redirect_uri: str
    expires: datetime
    used: bool = False


class Access(msgspec.Struct):
    """An access token."""

    family: str
    expires: datetime


class Refresh(msgspec.Struct):
    """A refresh token, kept after use so that a second use is noticed."""

    family: str
    used: bool = False


class Book(msgspec.Struct):
    """All that is known, in a form that can be written to a file."""

    families: dict[str, Family] = {}
    codes: dict[str, Code] = {}
    access: dict[str, Access] = {}
    refresh: dict[str, Refresh] = {}


@dataclass(frozen=True)
class Pair:
    """A fresh access token and the refresh token that goes with it."""

    access: str
    refresh: str
    expires_in: int


class Grants:
    """Issues, checks, rotates and revokes. With `file`, authorizations outlive a restart of the simulator.

    Raises ValueError if the file is damaged.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._book = _read(file)

    def consent(self, person: str, redirect_uri: str, now: datetime, client: str = Client.id) -> str:
        """A code for a person who approved."""
        family, code = secrets.token_hex(8), secrets.token_urlsafe(24)
        self._book.families[family] = Family(person, client=client)
        self._book.codes[code] = Code(family, redirect_uri, now + CODE_LIFE)
        self._save()
        return code

    def exchange(self, code: str, redirect_uri: str, now: datetime, client: str = Client.id) -> Pair:
        """Tokens for a code. Raises GrantError (invalid_grant) if unknown, used, expired or sent from elsewhere."""
        known = self._book.codes.get(code)
        if known is None or self._book.families[known.family].client != client:
            raise GrantError("invalid_grant", "unknown code")
        if known.used:
            self._revoke(known.family)
            raise GrantError("invalid_grant", "code used before; the authorization is revoked")
        if now >= known.expires:
            raise GrantError("invalid_grant", "code expired")
        if redirect_uri != known.redirect_uri:
            raise GrantError("invalid_grant", "redirect_uri is not the one of the login")
        known.used = True
        return self._issue(known.family, now)

    def rotate(self, refresh_token: str, now: datetime, client: str = Client.id) -> Pair:
        """New tokens for a refresh token, which is spent by this. Raises GrantError (invalid_grant)."""
        known = self._book.refresh.get(refresh_token)
        if known is None or self._book.families[known.family].client != client:
            raise GrantError("invalid_grant", "unknown refresh token")
        if known.used:
            self._revoke(known.family)
            raise GrantError("invalid_grant", "refresh token used before; the authorization is revoked")
        if self._book.families[known.family].revoked:
            raise GrantError("invalid_grant", "authorization revoked")
        known.used = True
        return self._issue(known.family, now)

    def opened(self, access_token: str, now: datetime) -> Family:
        """The consent behind an access token. GrantError (invalid_token) says whether it is expired."""
        known = self._book.access.get(access_token)
        if known is None or self._book.families[known.family].revoked:
            raise GrantError("invalid_token", "invalid")
        if now >= known.expires:
            raise GrantError("invalid_token", "expired")
        return self._book.families[known.family]

    def bearer(self, access_token: str) -> str | None:
        """Whose an access token is or was; None for one that was never given out."""
        known = self._book.access.get(access_token)
        return self._book.families[known.family].person if known else None

    def owner(self, refresh_token: str) -> str | None:
        """Whose a refresh token is or was."""
        known = self._book.refresh.get(refresh_token)
        return self._book.families[known.family].person if known else None

    def revoke(self, person: str) -> int:
        """Takes back all authorizations of a person, as they can in their account; returns how many held until now."""
        held = [name for name, family in self._book.families.items() if family.person == person and not family.revoked]
        for name in held:
            self._revoke(name)
        return len(held)

    def _issue(self, family: str, now: datetime) -> Pair:
        header, body = (base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"RS256"}', b"{}"))
        access = f"{header}.{body}.{secrets.token_urlsafe(48)}"
        refresh = secrets.token_hex(32)
        for token in [token for token, held in self._book.access.items() if held.expires <= now - ACCESS_LIFE]:
            del self._book.access[token]
        self._book.access[access] = Access(family, now + ACCESS_LIFE)
        self._book.refresh[refresh] = Refresh(family)
        self._save()
        return Pair(access, refresh, int(ACCESS_LIFE.total_seconds()))

    def _revoke(self, family: str) -> None:
        self._book.families[family].revoked = True
        self._save()

    def _save(self) -> None:
        if self._file is not None:
            draft = self._file.with_suffix(".new")
            draft.write_bytes(msgspec.json.encode(self._book))
            draft.chmod(0o600)
            draft.replace(self._file)


def _read(file: Path | None) -> Book:
    if file is None or not file.exists():
        return Book()
    try:
        return msgspec.json.decode(file.read_bytes(), type=Book)
    except msgspec.DecodeError as error:
        raise ValueError(f"{file} is damaged ({error}). Delete it; the people must then be connected again.") from error
