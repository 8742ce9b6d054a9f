"""Browsers that are logged in. Only the hash of what their cookie says is stored; a row that is gone is logged out."""

from datetime import datetime, timedelta
from typing import Literal

import msgspec
from sqlalchemy import ColumnElement, delete, select, update

from glucoflow.model.same_names import made_of
from glucoflow.store.access_tables import LoginSessionRow
from glucoflow.store.database import Database
from glucoflow.store.tokens import hash_of, new_token

SESSION_LASTS = timedelta(days=30)
SEEN_AT_MOST_EVERY = timedelta(minutes=5)
_LONGEST_TEXT = 200

Way = Literal["", "password", "passkey", "sign-on", "link", "invitation"]
"""How somebody logged in; "" in rows of before."""


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Whose session it is: an account's, a share link's, or that of whoever knew the site's password.

    `password` is then a keyed fingerprint of that password: the session ends when it changes.
    """

    account_id: str | None = None
    share_id: str | None = None
    password: str = ""


class LoginSession(msgspec.Struct, frozen=True, kw_only=True):
    """One browser. `id` says nothing of its token; `browser` and `place` are what it said and where it came from."""

    id: str
    holder: Holder
    way: Way
    browser: str
    place: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class LoginSessions:
    """All of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        holder: Holder,
        now: datetime,
        *,
        way: Way = "password",
        lasts: timedelta = SESSION_LASTS,
        browser: str = "",
        place: str = "",
    ) -> str:
        """A new session's token, for the cookie."""
        token = new_token()
        row = LoginSessionRow(
            hash=hash_of(token), password=holder.password, account_id=holder.account_id, share_id=holder.share_id,
            way=way, browser=browser[:_LONGEST_TEXT], place=place[:_LONGEST_TEXT], created_at=now, seen_at=now,
            expires_at=now + lasts,
        )  # fmt: skip
        with self._database.write() as session:
            session.execute(delete(LoginSessionRow).where(LoginSessionRow.expires_at <= now))
            session.add(row)
        return token

    def of_token(self, token: str, now: datetime) -> LoginSession | None:
        """The session, if nobody logged out since and its time is not over."""
        row = LoginSessionRow
        with self._database.read() as session:
            found = session.scalar(select(row).where(row.hash == hash_of(token), row.expires_at > now))
            held = None if found is None else _session(found)
        if held is not None and now - held.seen_at >= SEEN_AT_MOST_EVERY:
            with self._database.write() as session:
                session.execute(update(row).where(row.hash == held.id).values(seen_at=now))
        return held

    def list(self, now: datetime, account_id: str | None) -> tuple[LoginSession, ...]:
        """Those of an account, or with None those of the site's own password, the latest used first."""
        row = LoginSessionRow
        query = select(row).where(*_whose(account_id), row.expires_at > now).order_by(row.seen_at.desc())
        with self._database.read() as session:
            return tuple(_session(one) for one in session.scalars(query))

    def revoke(self, token: str) -> None:
        """Log out: a copy of the cookie is worth nothing from now on."""
        self.end(hash_of(token))

    def end(self, session_id: str) -> None:
        """The same, by id."""
        with self._database.write() as session:
            session.execute(delete(LoginSessionRow).where(LoginSessionRow.hash == session_id))

    def end_all(self, account_id: str | None, but: str | None = None) -> int:
        """End those of an account, or of the site's own password, except `but`; how many."""
        row = LoginSessionRow
        with self._database.write() as session:
            gone = session.execute(delete(row).where(*_whose(account_id), row.hash != (but or "")).returning(row.hash))
            return len(gone.all())


def _whose(account_id: str | None) -> tuple[ColumnElement[bool], ...]:
    row = LoginSessionRow
    if account_id is None:
        return row.account_id.is_(None), row.share_id.is_(None)
    return (row.account_id == account_id,)


def _session(row: LoginSessionRow) -> LoginSession:
    return made_of(row, LoginSession, id=row.hash, holder=made_of(row, Holder))
