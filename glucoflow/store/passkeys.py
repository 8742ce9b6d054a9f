"""Passkeys: public keys of authenticators, with which an account logs in. Nothing of them is secret."""

from datetime import datetime

import msgspec
from sqlalchemy import delete, select, update

from glucoflow.model.errors import Rejected
from glucoflow.model.same_names import made_of
from glucoflow.store.access_tables import LoginAccountRow, PasskeyRow
from glucoflow.store.database import Database
from glucoflow.store.login_accounts import checked_name

MOST = 20
"""Of one account."""


class Passkey(msgspec.Struct, frozen=True, kw_only=True):
    """One key. `id` is the authenticator's, in URL-safe base64; it works where the pages are called `host`."""

    id: str
    account_id: str
    name: str
    host: str
    public_key: bytes
    uses: int
    created_at: datetime
    last_used_at: datetime | None = None


class Passkeys:
    """Those of all accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, passkey: Passkey) -> None:
        """Keep one. Raises Rejected for a bad name, one that is here already, and for too many."""
        row = PasskeyRow(**msgspec.structs.asdict(passkey) | {"name": checked_name(passkey.name)})
        with self._database.write() as session:
            if session.get(LoginAccountRow, passkey.account_id, with_for_update=True) is None:
                raise Rejected("account", "is not there any more")
            if session.get(PasskeyRow, passkey.id) is not None:
                raise Rejected("passkey", "is here already")
            held = select(PasskeyRow.id).where(PasskeyRow.account_id == passkey.account_id)
            if len(session.scalars(held).all()) >= MOST:
                raise Rejected("passkey", f"there are {MOST} already; remove one that you do not use")
            session.add(row)

    def find(self, passkey_id: str) -> Passkey | None:
        with self._database.read() as session:
            row = session.get(PasskeyRow, passkey_id)
            return None if row is None else _passkey(row)

    def list(self, account_id: str) -> tuple[Passkey, ...]:
        """Those of an account, the oldest first."""
        query = select(PasskeyRow).where(PasskeyRow.account_id == account_id)
        with self._database.read() as session:
            found = session.scalars(query.order_by(PasskeyRow.created_at, PasskeyRow.id)).all()
            return tuple(_passkey(row) for row in found)

    def any(self, host: str) -> bool:
        """Whether anybody can log in with one where the pages are called so."""
        with self._database.read() as session:
            return session.scalar(select(PasskeyRow.id).where(PasskeyRow.host == host).limit(1)) is not None

    def used(self, passkey_id: str, uses: int, now: datetime) -> None:
        """Note a log-in, and what its authenticator counts now."""
        with self._database.write() as session:
            session.execute(update(PasskeyRow).where(PasskeyRow.id == passkey_id).values(uses=uses, last_used_at=now))

    def rename(self, account_id: str, passkey_id: str, name: str) -> bool:
        """Call it something else; False if the account has none of this id. Raises Rejected for a bad name."""
        where = (PasskeyRow.id == passkey_id, PasskeyRow.account_id == account_id)
        named = update(PasskeyRow).where(*where).values(name=checked_name(name)).returning(PasskeyRow.id)
        with self._database.write() as session:
            return session.execute(named).first() is not None

    def remove(self, account_id: str, passkey_id: str | None = None) -> int:
        """One of an account, or all; how many. Whoever is logged in by it stays so."""
        where = [PasskeyRow.account_id == account_id]
        if passkey_id is not None:
            where.append(PasskeyRow.id == passkey_id)
        with self._database.write() as session:
            return len(session.execute(delete(PasskeyRow).where(*where).returning(PasskeyRow.id)).all())


def _passkey(row: PasskeyRow) -> Passkey:
    return made_of(row, Passkey)
