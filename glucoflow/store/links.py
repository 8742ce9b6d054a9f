"""Secrets that travel through a browser: the `state` of an OAuth flow and the token of an invitation.

Only their hashes are stored; each works once and expires.
"""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from glucoflow.store.database import Database
from glucoflow.store.people import unknown_person
from glucoflow.store.tables import InviteRow, OAuthStateRow, PersonRow
from glucoflow.store.values import Invite, OAuthState

STATE_FOR = timedelta(minutes=15)
INVITE_FOR = timedelta(days=7)


class OAuthStates:
    """Authorizations that are under way."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        user_id: str,
        provider: str,
        region: str,
        now: datetime,
        *,
        invite_id: int | None = None,
        valid_for: timedelta = STATE_FOR,
    ) -> str:
        """A `state` to send along. Raises Rejected for an unknown person."""
        state = secrets.token_urlsafe(32)
        with self._database.write() as session:
            if session.get(PersonRow, user_id) is None:
                raise unknown_person(user_id)
            session.execute(delete(OAuthStateRow).where(OAuthStateRow.expires_at <= now))
            session.add(
                OAuthStateRow(
                    hash=_hash(state), user_id=user_id, provider=provider, region=region, invite_id=invite_id,
                    expires_at=now + valid_for,
                )
            )  # fmt: skip
        return state

    def consume(self, state: str, now: datetime) -> OAuthState | None:
        """What it was made for, once; None if it is unknown, used or expired."""
        row = OAuthStateRow
        taken = delete(row).where(row.hash == _hash(state), row.expires_at > now)
        with self._database.write() as session:
            found = session.execute(taken.returning(row.user_id, row.provider, row.region, row.invite_id)).first()
        if found is None:
            return None
        return OAuthState(user_id=found[0], provider=found[1], region=found[2], invite_id=found[3])


class Invites:
    """Invitations, with which people connect their own accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, user_id: str, now: datetime, valid_for: timedelta = INVITE_FOR) -> str:
        """A token for a link. Raises Rejected for an unknown person."""
        token = secrets.token_urlsafe(32)
        with self._database.write() as session:
            if session.get(PersonRow, user_id) is None:
                raise unknown_person(user_id)
            session.add(InviteRow(hash=_hash(token), user_id=user_id, created_at=now, expires_at=now + valid_for))
        return token

    def look(self, token: str, now: datetime) -> Invite | None:
        """The invitation, not used up by looking; None if it is unknown, used or expired."""
        with self._database.read() as session:
            row = session.scalar(select(InviteRow).filter_by(hash=_hash(token)))
            return _invite(row) if row is not None and row.used_at is None and row.expires_at > now else None

    def consume(self, invite_id: int, now: datetime) -> bool:
        """Use it up, when the account is connected. False if that happened before, or it expired."""
        row = InviteRow
        open_ = (row.id == invite_id, row.used_at.is_(None), row.expires_at > now)
        with self._database.write() as session:
            return session.execute(update(row).where(*open_).values(used_at=now).returning(row.id)).first() is not None

    def list(self, user_id: str) -> tuple[Invite, ...]:
        """A person's invitations, the latest first."""
        query = select(InviteRow).filter_by(user_id=user_id).order_by(InviteRow.created_at.desc(), InviteRow.id.desc())
        with self._database.read() as session:
            return tuple(_invite(row) for row in session.scalars(query))

    def revoke(self, invite_id: int) -> bool:
        """Withdraw it. False if there is none."""
        with self._database.write() as session:
            done = session.execute(delete(InviteRow).where(InviteRow.id == invite_id).returning(InviteRow.id))
            return done.first() is not None


def _hash(token: str) -> str:
    """The tokens are 256 random bits: a plain hash is as good as a slow one."""
    return hashlib.sha256(token.encode()).hexdigest()


def _invite(row: InviteRow) -> Invite:
    return Invite(
        id=row.id, user_id=row.user_id, created_at=row.created_at, expires_at=row.expires_at, used_at=row.used_at
    )
