"""Guests in Kibana: logins that read one person until a moment, asked for here and made by whoever may make logins."""

import secrets
from datetime import datetime

import msgspec
from pydantic import SecretStr
from sqlalchemy import or_, select, update

from glucoflow.model.same_names import made_of
from glucoflow.store.access_tables import KibanaGuestRow
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database
from glucoflow.store.login_accounts import checked_name, refuse_past
from glucoflow.store.people import add_of_person


class KibanaGuest(msgspec.Struct, frozen=True, kw_only=True):
    """One login, without its password. `id` is its name in Kibana; `made_at` None: it is not there yet."""

    id: str
    user_id: str
    name: str
    until: datetime
    created_by: str
    created_at: datetime
    made_at: datetime | None
    withdrawn_at: datetime | None
    gone_at: datetime | None

    def holds(self, now: datetime) -> bool:
        return self.withdrawn_at is None and now < self.until


class NewKibanaGuest(msgspec.Struct, frozen=True, kw_only=True):
    """A login just asked for. `password` is shown once, and forgotten here when the login is made."""

    guest: KibanaGuest
    password: SecretStr


class KibanaGuests:
    """Everybody's."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def ask(self, user_id: str, name: str, until: datetime, created_by: str, now: datetime) -> NewKibanaGuest:
        """A login to be made. Raises Rejected for an unknown person, a bad name, or an end that has passed."""
        refuse_past(until, now)
        password = secrets.token_urlsafe(15)
        row = KibanaGuestRow(
            id=f"guest-{secrets.token_hex(5)}", user_id=user_id, name=checked_name(name), until=until,
            password=self._cipher.seal(password.encode()), created_by=created_by, created_at=now,
        )  # fmt: skip
        with self._database.write() as session:
            add_of_person(session, row, user_id)
            return NewKibanaGuest(guest=_guest(row), password=SecretStr(password))

    def list(self, user_id: str) -> tuple[KibanaGuest, ...]:
        """A person's, the newest first."""
        query = select(KibanaGuestRow).where(KibanaGuestRow.user_id == user_id)
        with self._database.read() as session:
            found = session.scalars(query.order_by(KibanaGuestRow.created_at.desc(), KibanaGuestRow.id))
            return tuple(_guest(row) for row in found)

    def to_make(self, now: datetime) -> tuple[NewKibanaGuest, ...]:
        """Those that hold and are not there yet, with their passwords. Raises WrongKey."""
        row = KibanaGuestRow
        asked = (row.made_at.is_(None), row.withdrawn_at.is_(None), row.until > now, row.password.is_not(None))
        with self._database.read() as session:
            return tuple(self._opened(one) for one in session.scalars(select(row).where(*asked).order_by(row.id)))

    def to_end(self, now: datetime) -> tuple[KibanaGuest, ...]:
        """Those that hold no more and are there still."""
        row = KibanaGuestRow
        over = (row.gone_at.is_(None), or_(row.withdrawn_at.is_not(None), row.until <= now))
        with self._database.read() as session:
            return tuple(_guest(one) for one in session.scalars(select(row).where(*over).order_by(row.id)))

    def made(self, guest_id: str, now: datetime) -> None:
        """The login is there: its password is forgotten here."""
        with self._database.write() as session:
            session.execute(update(KibanaGuestRow).filter_by(id=guest_id).values(made_at=now, password=None))

    def gone(self, guest_id: str, now: datetime) -> None:
        """The login is not there any more."""
        with self._database.write() as session:
            session.execute(update(KibanaGuestRow).filter_by(id=guest_id).values(gone_at=now, password=None))

    def withdraw(self, user_id: str, guest_id: str, now: datetime) -> bool:
        """It is to see nothing any more. False if the person has none of this name."""
        with self._database.write() as session:
            row = session.get(KibanaGuestRow, guest_id)
            if row is None or row.user_id != user_id:
                return False
            row.withdrawn_at, row.password = row.withdrawn_at or now, None
            return True

    def _opened(self, row: KibanaGuestRow) -> NewKibanaGuest:
        sealed = row.password or b""
        password = self._cipher.open(sealed, f"The password of the guest {row.id} in Kibana")
        return NewKibanaGuest(guest=_guest(row), password=SecretStr(password.decode()))


def _guest(row: KibanaGuestRow) -> KibanaGuest:
    return made_of(row, KibanaGuest)
