"""Receipts of deletions: what was removed, for whoever asked for it, without naming whose it was. Kept for 30 days."""

from datetime import datetime, timedelta

import msgspec
from sqlalchemy import delete, select, update

from glucoflow.store.access_tables import ReceiptRow
from glucoflow.store.database import Database
from glucoflow.store.tokens import hash_of, new_token

KEPT = timedelta(days=30)


class DeletionReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is None as long as the deletion is under way; `so_far` says how far it got where it stopped halfway."""

    asked_at: datetime
    text: str | None
    so_far: str | None = None


class Receipts:
    """One a deletion that was asked for on a page."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, user_id: str, now: datetime) -> str:
        """A receipt to come; the token that shows it."""
        token = new_token()
        with self._database.write() as session:
            session.execute(delete(ReceiptRow).where(ReceiptRow.created_at <= now - KEPT))
            session.add(ReceiptRow(hash=hash_of(token), user_key=hash_of(user_id), text=None, created_at=now))
        return token

    def fill(self, user_id: str, text: str) -> None:
        """The deletion is done: what was removed, in words. Its receipt no longer tells whose it was."""
        self._tell(user_id, text=text, user_key="", so_far=None)

    def stopped(self, user_id: str, so_far: str) -> None:
        """It stopped halfway, and can be repeated: what is done, and what stopped the rest."""
        self._tell(user_id, so_far=so_far)

    def _tell(self, user_id: str, **values: str | None) -> None:
        asked = (ReceiptRow.user_key == hash_of(user_id), ReceiptRow.text.is_(None))
        with self._database.write() as session:
            session.execute(update(ReceiptRow).where(*asked).values(**values))

    def find(self, token: str) -> DeletionReceipt | None:
        with self._database.read() as session:
            row = session.scalar(select(ReceiptRow).where(ReceiptRow.hash == hash_of(token)))
            return None if row is None else DeletionReceipt(asked_at=row.created_at, text=row.text, so_far=row.so_far)
