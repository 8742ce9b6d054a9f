"""Who logs in, and what each may with whose data."""

import unicodedata
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Literal

import msgspec
from pydantic import SecretStr
from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from glucoflow.model.errors import Rejected
from glucoflow.model.said import said
from glucoflow.model.same_names import made_of
from glucoflow.store.access_tables import GrantRow, LoginAccountRow, LoginSessionRow
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database
from glucoflow.store.people import refuse_unknown

Level = Literal["own", "read"]
LEVELS: tuple[Level, ...] = ("own", "read")
LONGEST_NAME = 60


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What an account may with one person's data. `own`: see and change it; without `until` for good."""

    user_id: str
    level: Level
    until: datetime | None


class LoginAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who logs in, without a secret. `grants` by person, those that hold at the moment asked for."""

    id: str
    name: str
    operator: bool
    has_password: bool
    has_totp: bool
    subject: str | None
    created_at: datetime
    last_login_at: datetime | None
    grants: Mapping[str, Grant]


class LoginAccounts:
    """Everybody who logs in by a name of their own."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def add(
        self,
        name: str,
        password_hash: str | None,
        now: datetime,
        *,
        operator: bool = False,
        grant: Grant | None = None,
        subject: str | None = None,
    ) -> LoginAccount:
        """A new account. Raises Rejected for a name that is taken or cannot be, and for an unknown person."""
        name = checked_name(name)
        with self._database.write() as session:
            if session.scalar(select(LoginAccountRow.id).where(LoginAccountRow.key == name_key(name))) is not None:
                raise Rejected("name", "is taken; choose another")
            _refuse_taken(session, subject, None)
            row = LoginAccountRow(
                id=uuid.uuid4().hex, name=name, key=name_key(name), password_hash=password_hash, operator=operator,
                subject=subject, created_at=now,
            )  # fmt: skip
            session.add(row)
            session.flush()
            if grant is not None:
                _put_grant(session, row.id, grant, now)
            return _account(session, row, now)

    def any(self) -> bool:
        """Whether anybody has an account: then nothing is open to whoever has none."""
        with self._database.read() as session:
            return session.scalar(select(LoginAccountRow.id).limit(1)) is not None

    def named(self, name: str, now: datetime) -> LoginAccount | None:
        """The account of that name, in any case."""
        with self._database.read() as session:
            row = session.scalar(select(LoginAccountRow).where(LoginAccountRow.key == name_key(name)))
            return None if row is None else _account(session, row, now)

    def of_subject(self, subject: str, now: datetime) -> LoginAccount | None:
        """The account that signs on elsewhere as `subject`."""
        with self._database.read() as session:
            row = session.scalar(select(LoginAccountRow).where(LoginAccountRow.subject == subject))
            return None if row is None else _account(session, row, now)

    def find(self, account_id: str, now: datetime) -> LoginAccount | None:
        with self._database.read() as session:
            row = session.get(LoginAccountRow, account_id)
            return None if row is None else _account(session, row, now)

    def list(self, now: datetime) -> tuple[LoginAccount, ...]:
        """Everybody, operators first, then by name."""
        query = select(LoginAccountRow).order_by(LoginAccountRow.operator.desc(), LoginAccountRow.key)
        with self._database.read() as session:
            return tuple(_account(session, row, now) for row in session.scalars(query).all())

    def with_grant(self, user_id: str, now: datetime) -> tuple[LoginAccount, ...]:
        """Who was granted to see a person, operators first, then by name."""
        row = LoginAccountRow
        query = (
            select(row).join(GrantRow, GrantRow.account_id == row.id).where(GrantRow.user_id == user_id, _holds(now))
        )
        with self._database.read() as session:
            found = session.scalars(query.order_by(row.operator.desc(), row.key)).all()
            return tuple(_account(session, one, now) for one in found)

    def password_hash(self, account_id: str) -> str | None:
        """What its password is proven against; None for an account that signs on elsewhere, or is gone."""
        with self._database.read() as session:
            return session.scalar(select(LoginAccountRow.password_hash).where(LoginAccountRow.id == account_id))

    def set_password(self, account_id: str, password_hash: str) -> None:
        """A new password. Every session of the account ends."""
        with self._database.write() as session:
            _row(session, account_id).password_hash = password_hash
            session.execute(delete(LoginSessionRow).where(LoginSessionRow.account_id == account_id))

    def rehash(self, account_id: str, password_hash: str) -> None:
        """The same password, hashed with today's parameters: sessions go on."""
        with self._database.write() as session:
            _row(session, account_id).password_hash = password_hash

    def set_subject(self, account_id: str, subject: str | None) -> None:
        """Whom it is elsewhere. Raises Rejected where another account is already."""
        with self._database.write() as session:
            _refuse_taken(session, subject, account_id)
            _row(session, account_id).subject = subject

    def totp(self, account_id: str) -> SecretStr | None:
        """The secret that its authenticator shares with us, if it has one. Raises WrongKey."""
        with self._database.read() as session:
            sealed = session.scalar(select(LoginAccountRow.totp_secret).where(LoginAccountRow.id == account_id))
        if sealed is None:
            return None
        return SecretStr(self._cipher.open(sealed, f"The second factor of account {account_id}").decode())

    def set_totp(self, account_id: str, secret: SecretStr | None) -> None:
        """Ask for a second factor from now on, or no longer. Every session of the account ends."""
        sealed = None if secret is None else self._cipher.seal(secret.get_secret_value().encode())
        with self._database.write() as session:
            row = _row(session, account_id)
            row.totp_secret, row.totp_used = sealed, None
            session.execute(delete(LoginSessionRow).where(LoginSessionRow.account_id == account_id))

    def use_totp(self, account_id: str, step: int) -> bool:
        """Note that the code of a time step was used; False if it, or a later one, was used before."""
        row = LoginAccountRow
        unused = (row.totp_used.is_(None)) | (row.totp_used < step)
        with self._database.write() as session:
            done = session.execute(
                update(row).where(row.id == account_id, unused).values(totp_used=step).returning(row.id)
            )
            return done.first() is not None

    def logged_in(self, account_id: str, now: datetime) -> None:
        with self._database.write() as session:
            _row(session, account_id).last_login_at = now

    def grant(self, account_id: str, grant: Grant, now: datetime) -> None:
        """Let an account see a person, or change what it may. Raises Rejected for an unknown one of either."""
        with self._database.write() as session:
            _row(session, account_id)
            _put_grant(session, account_id, grant, now)

    def withdraw(self, account_id: str, user_id: str) -> bool:
        """The account sees the person no more, from its next request on. False if it did not."""
        where = (GrantRow.account_id == account_id, GrantRow.user_id == user_id)
        with self._database.write() as session:
            return session.execute(delete(GrantRow).where(*where).returning(GrantRow.user_id)).first() is not None

    def remove(self, account_id: str) -> None:
        """Forget an account and end its sessions. Raises Rejected for the last operator while others have accounts."""
        with self._database.write() as session:
            row = _row(session, account_id)
            if row.operator:
                operators, everybody = _counts(session)
                if operators == 1 and everybody > 1:
                    raise Rejected("account", "is the last operator's; make another, or remove the others first")
            session.delete(row)

    def free_name(self, wanted: str) -> str:
        """`wanted`, or where that is taken or cannot be the nearest that is free: `Anna 2`."""
        shown = "".join(letter for letter in wanted if letter.isprintable()).strip()[: LONGEST_NAME - 4].strip()
        name = unicodedata.normalize("NFC", shown) or "somebody"
        with self._database.read() as session:
            taken = set(session.scalars(select(LoginAccountRow.key)).all())
        if name_key(name) not in taken:
            return name
        return next(one for n in range(2, len(taken) + 3) if name_key(one := f"{name} {n}") not in taken)


def name_key(name: str) -> str:
    """A name as it is compared: compatible forms and cases of letters are one."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


def refuse_past(until: datetime, now: datetime) -> None:
    """Raises Rejected for an end that has come already."""
    if until <= now:
        raise Rejected("until", said("lies in the past; choose a day to come"))


def checked_name(name: str) -> str:
    """The name without blanks around it. Raises Rejected for one that cannot be."""
    name = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(name) <= LONGEST_NAME:
        raise Rejected("name", f"has 1 to {LONGEST_NAME} characters")
    if any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in name):
        raise Rejected("name", "has characters that cannot be seen")
    return name


def _row(session: Session, account_id: str) -> LoginAccountRow:
    row = session.get(LoginAccountRow, account_id, with_for_update=True)
    if row is None:
        raise Rejected("account", "is not there any more")
    return row


def _refuse_taken(session: Session, subject: str | None, account_id: str | None) -> None:
    """Raises Rejected where somebody else signs on elsewhere as `subject`."""
    held = select(LoginAccountRow.id).where(LoginAccountRow.subject == subject)
    if subject is not None and session.scalar(held) not in (None, account_id):
        raise Rejected("account", "another account here signs on as that already")


def _put_grant(session: Session, account_id: str, grant: Grant, now: datetime) -> None:
    if grant.level not in LEVELS:
        raise Rejected("level", f"is one of {', '.join(LEVELS)}")
    refuse_unknown(session, grant.user_id)
    session.merge(
        GrantRow(account_id=account_id, user_id=grant.user_id, level=grant.level, until=grant.until, created_at=now)
    )


def _counts(session: Session) -> tuple[int, int]:
    everybody = session.scalar(select(func.count()).select_from(LoginAccountRow)) or 0
    operators = session.scalar(
        select(func.count()).select_from(LoginAccountRow).where(LoginAccountRow.operator.is_(True))
    )
    return operators or 0, everybody


def _holds(now: datetime) -> ColumnElement[bool]:
    return or_(GrantRow.until.is_(None), GrantRow.until > now)


def _account(session: Session, row: LoginAccountRow, now: datetime) -> LoginAccount:
    held = select(GrantRow).where(GrantRow.account_id == row.id, _holds(now))
    grants = session.scalars(held.order_by(GrantRow.user_id)).all()
    return made_of(
        row,
        LoginAccount,
        has_password=row.password_hash is not None,
        has_totp=row.totp_secret is not None,
        grants={one.user_id: made_of(one, Grant) for one in grants},
    )
