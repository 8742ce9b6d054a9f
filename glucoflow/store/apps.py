"""Apps that give or take a person's data by Nightscout's ways: each has a secret of its own, which names the person.

The secret is 96 random bits behind a name: plain hashes of it are as good as slow ones. Apps send it as it is, or its
SHA-1 or SHA-512 in hex; of the latter two only hashes are stored, so that a copy of the database opens nothing.
"""

import hashlib
import re
import secrets
import uuid
from datetime import datetime, timedelta
from typing import Literal

import msgspec
from sqlalchemy import or_, select, update

from glucoflow.model.errors import Rejected
from glucoflow.model.said import said
from glucoflow.model.same_names import made_of
from glucoflow.store.database import Database
from glucoflow.store.people import add_of_person
from glucoflow.store.program_tables import AppRow
from glucoflow.store.tables import ConnectionRow

AppRights = Literal["read", "upload", "both"]
RIGHTS: tuple[AppRights, ...] = ("read", "upload", "both")

UPLOADS = "apps"
"""The provider of what apps upload: in documents and as the person's connection for it."""

USED_AT_MOST_EVERY = timedelta(minutes=1)
_NOT_A_SLUG = re.compile(r"[^a-z0-9]+")


class App(msgspec.Struct, frozen=True, kw_only=True):
    """One app's credential, without its secret."""

    id: str
    user_id: str
    name: str
    rights: AppRights
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    @property
    def may_read(self) -> bool:
        return self.rights != "upload"

    @property
    def may_upload(self) -> bool:
        return self.rights != "read"


class NewApp(msgspec.Struct, frozen=True, kw_only=True):
    """A credential just made. `secret` is shown once and stored nowhere."""

    app: App
    secret: str

    def __repr__(self) -> str:
        return f"NewApp({self.app!r})"


class Apps:
    """Everybody's apps."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, user_id: str, name: str, rights: AppRights, now: datetime) -> NewApp:
        """A new credential. Raises Rejected for an unknown person, an empty or overlong name, unknown rights."""
        name = name.strip()
        if not 1 <= len(name) <= 60:
            raise Rejected("name", said("of an app has 1 to 60 characters"))
        if rights not in RIGHTS:
            raise Rejected("rights", f"are one of {', '.join(RIGHTS)}")
        slug = _NOT_A_SLUG.sub("", name.lower())[:10] or "app"
        secret = f"{slug}-{secrets.token_hex(12)}"
        row = AppRow(
            id=uuid.uuid4().hex,
            user_id=user_id,
            name=name,
            rights=rights,
            sha1_hash=_hash(hashlib.sha1(secret.encode(), usedforsecurity=False).hexdigest()),
            sha512_hash=_hash(hashlib.sha512(secret.encode()).hexdigest()),
            created_at=now,
        )
        with self._database.write() as session:
            add_of_person(session, row, user_id)
            return NewApp(app=_app(row), secret=secret)

    def by_secret(self, given: str) -> App | None:
        """Whose secret this is: as it was shown, or its SHA-1 or SHA-512 in hex of either case. Else None."""
        given = given.strip()
        if len(given) in (40, 128) and re.fullmatch(r"[0-9a-fA-F]+", given):
            hashed = _hash(given.lower())
        else:
            hashed = _hash(hashlib.sha1(given.encode("utf-8", "replace"), usedforsecurity=False).hexdigest())
        query = select(AppRow).where(or_(AppRow.sha1_hash == hashed, AppRow.sha512_hash == hashed))
        with self._database.read() as session:
            row = session.scalar(query.where(AppRow.revoked_at.is_(None)))
            return None if row is None else _app(row)

    def find(self, app_id: str) -> App | None:
        """The app, revoked or not."""
        with self._database.read() as session:
            row = session.get(AppRow, app_id)
            return None if row is None else _app(row)

    def list(self, user_id: str | None = None) -> tuple[App, ...]:
        """Those of a person, or everybody's, the newest first."""
        query = select(AppRow).order_by(AppRow.user_id, AppRow.created_at.desc(), AppRow.id)
        with self._database.read() as session:
            rows = session.scalars(query if user_id is None else query.where(AppRow.user_id == user_id))
            return tuple(_app(row) for row in rows)

    def used(self, app: App, now: datetime) -> None:
        """Note that it was used, at most once a minute."""
        if app.last_used_at is not None and now - app.last_used_at < USED_AT_MOST_EVERY:
            return
        with self._database.write() as session:
            session.execute(update(AppRow).where(AppRow.id == app.id).values(last_used_at=now))

    def revoke(self, app_id: str, now: datetime) -> App:
        """From now on its secret and every token made of it are worth nothing. Raises Rejected if there is none."""
        with self._database.write() as session:
            row = session.get(AppRow, app_id)
            if row is None:
                raise Rejected("app", f"there is none with the id {app_id!r}; `glucoflow apps list` shows them")
            row.revoked_at = row.revoked_at or now
            return _app(row)

    def uploads(self, user_id: str, now: datetime) -> str:
        """The id of the connection that a person's uploads come by; made when there is none. It is never polled."""
        key = f"{UPLOADS}-{user_id}"
        with self._database.read() as session:
            if session.get(ConnectionRow, key) is not None:
                return key
        made = self._database.insert(ConnectionRow).values(
            id=key,
            user_id=user_id,
            provider=UPLOADS,
            region="",
            state="paused",
            credentials_version=0,
            failures=0,
            refusals=0,
            account_shared=False,
            created_at=now,
        )
        with self._database.write() as session:
            session.execute(made.on_conflict_do_nothing(index_elements=["id"]))
        return key


def _hash(digest: str) -> str:
    return hashlib.sha256(digest.encode()).hexdigest()


def _app(row: AppRow) -> App:
    return made_of(row, App)
