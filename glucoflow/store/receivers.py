"""Receivers of notices, with addresses that are secrets; the terms on which a person is told; the key of web push."""

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec
from pydantic import SecretStr
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from glucoflow.model.errors import Rejected
from glucoflow.model.notices import Cause, Channel, Receiver, Terms
from glucoflow.model.said import said
from glucoflow.model.same_names import made_of
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database
from glucoflow.store.notice_tables import ReceiverRow, TermsRow
from glucoflow.store.people import refuse_unknown, unknown_person
from glucoflow.store.tables import MetaRow, PersonRow

PUSH_KEY = "push_key"
"""The row of `meta` that holds the private key of web push, sealed."""


class Receivers:
    """Everybody's, the operator's among them (without a person)."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def add(
        self,
        user_id: str | None,
        name: str,
        channel: Channel,
        address: SecretStr,
        shown: str,
        causes: Sequence[Cause],
        now: datetime,
    ) -> Receiver:
        """A new one. Raises Rejected for an unknown person or a name that is empty or too long."""
        name = name.strip()
        if not 1 <= len(name) <= 60:
            raise Rejected("name", said("has 1 to 60 characters"))
        row = ReceiverRow(
            id=uuid.uuid4().hex,
            user_id=user_id,
            name=name,
            channel=channel,
            address=self._cipher.seal(address.get_secret_value().encode()),
            shown=shown,
            causes=",".join(causes),
            created_at=now,
        )
        with self._database.write() as session:
            if user_id is not None and session.get(PersonRow, user_id) is None:
                raise unknown_person(user_id)
            session.add(row)
            session.flush()
            return receiver_of(row)

    def list(self, user_id: str | None) -> tuple[Receiver, ...]:
        """Those of a person, or with None the operator's, the oldest first."""
        whose = ReceiverRow.user_id.is_(None) if user_id is None else ReceiverRow.user_id == user_id
        return self._found(whose)

    def all(self) -> tuple[Receiver, ...]:
        """Everybody's."""
        return self._found()

    def get(self, receiver_id: str) -> Receiver:
        """Raises Rejected where there is none."""
        found = self._found(ReceiverRow.id == receiver_id)
        if not found:
            raise Rejected("receiver", said("is not there any more"))
        return found[0]

    def address(self, receiver_id: str) -> SecretStr:
        """Where it is, whole. Raises Rejected where there is none, WrongKey where it cannot be decrypted."""
        with self._database.read() as session:
            row = session.get(ReceiverRow, receiver_id)
            if row is None:
                raise Rejected("receiver", said("is not there any more"))
            return SecretStr(self._cipher.open(row.address, f"The receiver {row.name}").decode())

    def choose(self, receiver_id: str, causes: Sequence[Cause]) -> None:
        """What it gets from now on."""
        with self._database.write() as session:
            session.execute(update(ReceiverRow).where(ReceiverRow.id == receiver_id).values(causes=",".join(causes)))

    def remove(self, receiver_id: str) -> bool:
        """Forget it and what is on its way to it. False where there is none."""
        with self._database.write() as session:
            gone = session.execute(delete(ReceiverRow).where(ReceiverRow.id == receiver_id).returning(ReceiverRow.id))
            return gone.first() is not None

    def note(self, receiver_id: str, error: str | None, now: datetime) -> None:
        """How the last message to it went; None for well."""
        with self._database.write() as session:
            noted(session, receiver_id, error, now)

    def terms(self, user_id: str) -> Terms:
        """A person's, or the usual ones."""
        with self._database.read() as session:
            row = session.get(TermsRow, user_id)
            return Terms() if row is None else msgspec.json.decode(row.terms, type=Terms)

    def set_terms(self, user_id: str, terms: Terms) -> None:
        """Raises Rejected for an unknown person."""
        with self._database.write() as session:
            refuse_unknown(session, user_id)
            session.merge(TermsRow(user_id=user_id, terms=msgspec.json.encode(terms).decode()))

    def push_key(self, make: Callable[[], SecretStr]) -> SecretStr:
        """The private key of web push, made where there is none yet. Raises WrongKey."""
        with self._database.read() as session:
            row = session.get(MetaRow, PUSH_KEY)
        if row is None:
            new = self._cipher.seal(make().get_secret_value().encode())
            insert = self._database.insert(MetaRow).values(name=PUSH_KEY, value=new)
            with self._database.write() as session:
                session.execute(insert.on_conflict_do_nothing(index_elements=["name"]))
                row = session.get_one(MetaRow, PUSH_KEY)
        return SecretStr(self._cipher.open(row.value, "The key of web push").decode())

    def _found(self, *where: ColumnElement[bool]) -> tuple[Receiver, ...]:
        query = select(ReceiverRow).where(*where).order_by(ReceiverRow.created_at, ReceiverRow.id)
        with self._database.read() as session:
            return tuple(receiver_of(row) for row in session.scalars(query))


def noted(session: Session, receiver_id: str, error: str | None, now: datetime) -> None:
    """How the last message to a receiver went, within a transaction."""
    went = {"last_sent_at": now, "last_error": None, "last_error_at": None}
    values = went if error is None else {"last_error": error, "last_error_at": now}
    session.execute(update(ReceiverRow).where(ReceiverRow.id == receiver_id).values(**values))


def rotate_push_key(session: Session, cipher: Cipher) -> None:
    row = session.get(MetaRow, PUSH_KEY)
    if row is not None:
        row.value = cipher.renew(row.value, "The key of web push")


def receiver_of(row: ReceiverRow) -> Receiver:
    return made_of(row, Receiver, causes=tuple(one for one in row.causes.split(",") if one))
