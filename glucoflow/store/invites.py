"""Invitations: links that work once, with which somebody makes an account of their own."""

import uuid
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from glucoflow.model.errors import Rejected
from glucoflow.model.same_names import made_of
from glucoflow.model.units import Unit
from glucoflow.store.access_tables import InviteRow
from glucoflow.store.database import Database
from glucoflow.store.login_accounts import LEVELS, Level, checked_name, refuse_past
from glucoflow.store.tables import ConnectionRow
from glucoflow.store.tokens import hash_of, new_token

INVITE_LASTS = timedelta(days=7)
InviteState = Literal["pending", "opened", "accepted", "connected", "expired", "withdrawn"]


class Invite(msgspec.Struct, frozen=True, kw_only=True):
    """One invitation, without its token.

    `user_id` None: whoever accepts becomes a new person; else they may see (`read`) or also change (`own`) that one.
    """

    id: str
    name: str
    email: str
    unit: Unit
    zone: str
    level: Level
    until: datetime | None
    user_id: str | None
    account_id: str | None
    created_by: str
    created_at: datetime
    expires_at: datetime
    state: InviteState


class NewInvite(msgspec.Struct, frozen=True, kw_only=True):
    """An invitation just made. `token` is part of its link, shown once and stored nowhere."""

    invite: Invite
    token: str

    def __repr__(self) -> str:
        return f"NewInvite({self.invite!r})"


class Invited(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to invite, and to what."""

    name: str
    unit: Unit
    zone: str
    email: str = ""
    level: Level = "own"
    until: datetime | None = None
    user_id: str | None = None


class Invites:
    """All invitations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, asked: Invited, created_by: str, now: datetime) -> NewInvite:
        """A new invitation. Raises Rejected for a name, address or level that cannot be."""
        if asked.level not in LEVELS:
            raise Rejected("level", f"is one of {', '.join(LEVELS)}")
        if asked.until is not None:
            refuse_past(asked.until, now)
        token = new_token()
        row = InviteRow(
            id=uuid.uuid4().hex, hash=hash_of(token), name=checked_name(asked.name), email=_checked_email(asked.email),
            unit=asked.unit, zone=asked.zone, level=asked.level, until=asked.until, user_id=asked.user_id,
            created_by=created_by, created_at=now, expires_at=now + INVITE_LASTS,
        )  # fmt: skip
        with self._database.write() as session:
            session.add(row)
            session.flush()
            return NewInvite(invite=_invite(row, False, now), token=token)

    def list(self, now: datetime) -> tuple[Invite, ...]:
        """All, the newest first."""
        return self._list(now)

    def of_person(self, user_id: str, now: datetime) -> tuple[Invite, ...]:
        """Those to one person's data, the newest first."""
        return self._list(now, user_id)

    def open(self, token: str, now: datetime) -> Invite | None:
        """The invitation of a link that still works; that it was opened is noted. None for any other link."""
        with self._database.write() as session:
            row = _working(session, token, now)
            if row is None:
                return None
            row.opened_at = row.opened_at or now
            return _invite(row, False, now)

    def take(self, token: str, now: datetime) -> Invite | None:
        """Use the link up, once; None if it does not work any more."""
        with self._database.write() as session:
            row = _working(session, token, now)
            if row is None:
                return None
            row.accepted_at = now
            return _invite(row, False, now)

    def give_back(self, invite_id: str) -> None:
        """What was to come of it did not: the link works again."""
        with self._database.write() as session:
            row = session.get(InviteRow, invite_id)
            if row is not None and row.account_id is None:
                row.accepted_at = None

    def meant(self, invite_id: str, user_id: str) -> None:
        """The person that was made for it."""
        with self._database.write() as session:
            session.execute(update(InviteRow).where(InviteRow.id == invite_id).values(user_id=user_id))

    def accepted(self, invite_id: str, account_id: str) -> None:
        """Note whose account came of it."""
        with self._database.write() as session:
            session.execute(update(InviteRow).where(InviteRow.id == invite_id).values(account_id=account_id))

    def withdraw(self, invite_id: str, now: datetime) -> None:
        """The link is worth nothing any more. An accepted one stays what it is."""
        with self._database.write() as session:
            row = session.get(InviteRow, invite_id)
            if row is None:
                raise Rejected("invitation", "is not there any more")
            if row.accepted_at is None:
                row.withdrawn_at = row.withdrawn_at or now

    def _list(self, now: datetime, user_id: str | None = None) -> tuple[Invite, ...]:
        connected = select(ConnectionRow.id).where(
            ConnectionRow.user_id == InviteRow.user_id, ConnectionRow.state == "connected"
        )
        query = select(InviteRow, connected.exists()).order_by(InviteRow.created_at.desc(), InviteRow.id)
        if user_id is not None:
            query = query.where(InviteRow.user_id == user_id)
        with self._database.read() as session:
            return tuple(_invite(row, has_connection, now) for row, has_connection in session.execute(query).all())


def _works(row: InviteRow, now: datetime) -> bool:
    return row.accepted_at is None and row.withdrawn_at is None and now < row.expires_at


def _working(session: Session, token: str, now: datetime) -> InviteRow | None:
    row = session.scalar(select(InviteRow).where(InviteRow.hash == hash_of(token)).with_for_update())
    return row if row is not None and _works(row, now) else None


def _checked_email(email: str) -> str:
    email = email.strip()
    if email and (email.count("@") != 1 or len(email) > 254 or any(one.isspace() or one in "<>,;" for one in email)):
        raise Rejected("email", "is an address such as anna@example.org, or empty")
    return email


def _state(row: InviteRow, connected: bool, now: datetime) -> InviteState:
    if row.withdrawn_at is not None:
        return "withdrawn"
    if row.accepted_at is not None:
        return "connected" if connected else "accepted"
    if now >= row.expires_at:
        return "expired"
    return "pending" if row.opened_at is None else "opened"


def _invite(row: InviteRow, connected: bool, now: datetime) -> Invite:
    return made_of(row, Invite, state=_state(row, connected, now))
