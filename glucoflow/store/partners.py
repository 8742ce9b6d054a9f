"""Programs of others that fetch a person's data by OAuth 2: who they are, who let them, and with which tokens.

Secrets, codes and tokens are 256 random bits and stored as hashes only. A code and a refresh token work once: what is
used again was stolen, so all that came of that consent ends.
"""

import hmac
import json
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from glucoflow.model.errors import Rejected
from glucoflow.model.same_names import made_of
from glucoflow.store.database import Database
from glucoflow.store.people import refuse_unknown
from glucoflow.store.program_tables import PartnerCodeRow, PartnerGrantRow, PartnerRow, PartnerTokenRow
from glucoflow.store.tokens import hash_of, new_token

CODE_LASTS = timedelta(minutes=5)
ACCESS_LASTS = timedelta(hours=1)
REFRESH_LASTS = timedelta(days=180)
USED_AT_MOST_EVERY = timedelta(minutes=1)
TokenKind = Literal["access", "refresh"]


class Partner(msgspec.Struct, frozen=True, kw_only=True):
    """A program that the operator registered, and where its people may be sent back to."""

    id: str
    name: str
    redirect_uris: tuple[str, ...]
    created_at: datetime
    revoked_at: datetime | None
    secret_hash: str

    def __repr__(self) -> str:
        return f"Partner({self.id!r}, {self.name!r})"

    def knows(self, secret: str) -> bool:
        """Whether it is the partner's secret."""
        return hmac.compare_digest(self.secret_hash, hash_of(secret))


class NewPartner(msgspec.Struct, frozen=True, kw_only=True):
    """A partner just registered. `secret` is shown once and stored nowhere."""

    partner: Partner
    secret: str

    def __repr__(self) -> str:
        return f"NewPartner({self.partner!r})"


class PartnerGrant(msgspec.Struct, frozen=True, kw_only=True):
    """One person's consent to one partner. `scope` names what is shared, by spaces."""

    id: str
    partner_id: str
    partner_name: str
    user_id: str
    scope: str
    granted_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class TakenCode(msgspec.Struct, frozen=True, kw_only=True):
    """What a code was made for; it is used up."""

    grant: PartnerGrant
    redirect_uri: str
    challenge: str


class Partners:
    """Everybody's. Times are arguments."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, redirect_uris: Sequence[str], now: datetime) -> NewPartner:
        """Register a program. Raises Rejected for a name or address that cannot be used."""
        name = " ".join(name.split())
        if not 1 <= len(name) <= 60:
            raise Rejected("name", "has 1 to 60 characters")
        if not redirect_uris:
            raise Rejected("redirect", "at least one address is needed, where the partner's people come back to")
        for uri in redirect_uris:
            _check_redirect(uri)
        secret = new_token()
        row = PartnerRow(
            id=f"partner-{uuid.uuid4().hex[:16]}", name=name, redirect_uris=json.dumps(list(redirect_uris)),
            secret_hash=hash_of(secret), created_at=now,
        )  # fmt: skip
        with self._database.write() as session:
            session.add(row)
            session.flush()
            return NewPartner(partner=_partner(row), secret=secret)

    def find(self, partner_id: str) -> Partner | None:
        """The partner, unless it was removed."""
        with self._database.read() as session:
            row = session.get(PartnerRow, partner_id)
            return None if row is None or row.revoked_at is not None else _partner(row)

    def list(self) -> tuple[Partner, ...]:
        """All, removed ones too, by name."""
        with self._database.read() as session:
            return tuple(_partner(row) for row in session.scalars(select(PartnerRow).order_by(PartnerRow.name)))

    def remove(self, partner_id: str, now: datetime) -> Partner:
        """Nothing of it works any more. Raises Rejected if there is none."""
        with self._database.write() as session:
            row = session.get(PartnerRow, partner_id)
            if row is None:
                raise Rejected("partner", f"there is none with the id {partner_id!r}")
            row.revoked_at = row.revoked_at or now
            open_ones = PartnerGrantRow.partner_id == partner_id, PartnerGrantRow.revoked_at.is_(None)
            session.execute(update(PartnerGrantRow).where(*open_ones).values(revoked_at=now))
            return _partner(row)

    def consent(
        self, partner_id: str, user_id: str, scope: str, redirect_uri: str, challenge: str, now: datetime
    ) -> str:
        """A person's yes: a code for the partner. An earlier yes to the same partner ends with it."""
        code = new_token()
        grant = PartnerGrantRow(
            id=uuid.uuid4().hex, partner_id=partner_id, user_id=user_id, scope=scope, granted_at=now
        )
        with self._database.write() as session:
            refuse_unknown(session, user_id)
            before = (
                PartnerGrantRow.partner_id == partner_id,
                PartnerGrantRow.user_id == user_id,
                PartnerGrantRow.revoked_at.is_(None),
            )
            session.execute(update(PartnerGrantRow).where(*before).values(revoked_at=now))
            session.execute(delete(PartnerCodeRow).where(PartnerCodeRow.expires_at <= now - CODE_LASTS))
            session.execute(delete(PartnerTokenRow).where(PartnerTokenRow.expires_at <= now - REFRESH_LASTS))
            session.add(grant)
            session.flush()
            session.add(
                PartnerCodeRow(
                    hash=hash_of(code),
                    grant_id=grant.id,
                    redirect_uri=redirect_uri,
                    challenge=challenge,
                    expires_at=now + CODE_LASTS,
                )
            )
        return code

    def take_code(self, code: str, partner_id: str, now: datetime) -> TakenCode | None:
        """What a code was made for, once; a second time the consent ends."""
        with self._database.write() as session:
            found = session.get(PartnerCodeRow, hash_of(code))
            grant = None if found is None else session.get(PartnerGrantRow, found.grant_id)
            if found is None or grant is None or grant.partner_id != partner_id:
                return None
            if not _used_once(session, found, grant, now):
                return None
            partner = session.get_one(PartnerRow, partner_id)
            return TakenCode(
                grant=_grant(grant, partner.name), redirect_uri=found.redirect_uri, challenge=found.challenge
            )

    def issue(self, grant_id: str, access: str, refresh: str, now: datetime) -> None:
        """Keep the hashes of a pair of tokens."""
        lasts: tuple[tuple[str, TokenKind, timedelta], ...] = (
            (access, "access", ACCESS_LASTS),
            (refresh, "refresh", REFRESH_LASTS),
        )
        with self._database.write() as session:
            for token, kind, length in lasts:
                session.add(PartnerTokenRow(hash=hash_of(token), grant_id=grant_id, kind=kind, expires_at=now + length))

    def take_refresh(self, token: str, partner_id: str, now: datetime) -> PartnerGrant | None:
        """The consent of a refresh token, once; a second time the consent ends."""
        with self._database.write() as session:
            found = session.get(PartnerTokenRow, hash_of(token))
            if found is None or found.kind != "refresh":
                return None
            grant = session.get_one(PartnerGrantRow, found.grant_id)
            if grant.partner_id != partner_id:
                return None
            if not _used_once(session, found, grant, now):
                return None
            return _grant(grant, session.get_one(PartnerRow, partner_id).name)

    def by_access(self, token: str, now: datetime) -> PartnerGrant | None:
        """The consent that an access token stands for, while both are good."""
        with self._database.read() as session:
            found = session.get(PartnerTokenRow, hash_of(token))
            if found is None or found.kind != "access" or found.expires_at <= now:
                return None
            row = session.get_one(PartnerGrantRow, found.grant_id)
            if row.revoked_at is not None:
                return None
            grant = _grant(row, session.get_one(PartnerRow, row.partner_id).name)
        if grant.last_used_at is None or now - grant.last_used_at >= USED_AT_MOST_EVERY:
            with self._database.write() as session:
                session.execute(update(PartnerGrantRow).where(PartnerGrantRow.id == grant.id).values(last_used_at=now))
        return grant

    def of_token(self, token: str, partner_id: str) -> PartnerGrant | None:
        """The consent that any token of this partner belongs to."""
        with self._database.read() as session:
            found = session.get(PartnerTokenRow, hash_of(token))
            row = None if found is None else session.get(PartnerGrantRow, found.grant_id)
            if row is None or row.partner_id != partner_id:
                return None
            return _grant(row, session.get_one(PartnerRow, partner_id).name)

    def grants(self, user_id: str) -> tuple[PartnerGrant, ...]:
        """A person's consents, ended ones too, the newest first."""
        query = select(PartnerGrantRow, PartnerRow.name).join(PartnerRow, PartnerRow.id == PartnerGrantRow.partner_id)
        asked = query.where(PartnerGrantRow.user_id == user_id).order_by(PartnerGrantRow.granted_at.desc())
        with self._database.read() as session:
            return tuple(_grant(row, name) for row, name in session.execute(asked).all())

    def end(self, grant_id: str, now: datetime) -> None:
        """A consent is taken back: its code and tokens are worth nothing from now on."""
        open_one = PartnerGrantRow.id == grant_id, PartnerGrantRow.revoked_at.is_(None)
        with self._database.write() as session:
            session.execute(update(PartnerGrantRow).where(*open_one).values(revoked_at=now))


def _check_redirect(uri: str) -> None:
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise Rejected("redirect", f"{uri[:80]!r} is no address") from None
    local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1")
    if not parts.hostname or parts.fragment or not (parts.scheme == "https" or local):
        raise Rejected("redirect", "an address has https, a host and no fragment (http only for localhost)")


def _partner(row: PartnerRow) -> Partner:
    return made_of(row, Partner, redirect_uris=tuple(json.loads(row.redirect_uris)))


def _used_once(
    session: Session, found: PartnerCodeRow | PartnerTokenRow, grant: PartnerGrantRow, now: datetime
) -> bool:
    """Whether it was unused and is good; it is used up now. What comes a second time ends the consent."""
    row = type(found)
    taken = update(row).where(row.hash == found.hash, row.used_at.is_(None)).values(used_at=now)
    if session.execute(taken.returning(row.hash)).first() is None:
        grant.revoked_at = grant.revoked_at or now
        return False
    return found.expires_at > now and grant.revoked_at is None


def _grant(row: PartnerGrantRow, partner_name: str) -> PartnerGrant:
    return made_of(row, PartnerGrant, partner_name=partner_name)
