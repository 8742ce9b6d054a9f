"""Browsers that are logged in. Only the hash of what their cookie says is stored; a row that is gone is logged out."""

import hashlib
import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete, select

from glucoflow.store.database import Database
from glucoflow.store.tables import LoginSessionRow

SESSION_LASTS = timedelta(days=30)


class LoginSessions:
    """`password` is always a keyed fingerprint of the password in use: a session ends when that changes."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, password: str, now: datetime, lasts: timedelta = SESSION_LASTS) -> str:
        """A new session's token, for the cookie."""
        token = secrets.token_urlsafe(32)
        with self._database.write() as session:
            session.execute(delete(LoginSessionRow).where(LoginSessionRow.expires_at <= now))
            session.add(LoginSessionRow(hash=_hash(token), password=password, created_at=now, expires_at=now + lasts))
        return token

    def valid(self, token: str, password: str, now: datetime) -> bool:
        """Whether somebody logged in with this token, this password still holds, and nobody logged out since."""
        row = LoginSessionRow
        query = select(row.hash).where(row.hash == _hash(token), row.password == password, row.expires_at > now)
        with self._database.read() as session:
            return session.scalar(query) is not None

    def revoke(self, token: str) -> None:
        """Log out: a copy of the cookie is worth nothing from now on."""
        with self._database.write() as session:
            session.execute(delete(LoginSessionRow).where(LoginSessionRow.hash == _hash(token)))


def _hash(token: str) -> str:
    """A token is 256 random bits: a plain hash is as good as a slow one."""
    return hashlib.sha256(token.encode()).hexdigest()
