"""Which account at its provider stands behind a connection: bound at the first page, and never changed unasked.

What is kept is a hash of the account's id, beside hashes of its region and of the app that the id was given to: where
the app is another one, the same account has another id, and nothing can be compared.
"""

import hashlib
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from glucoflow.model.errors import OtherAccount, Rejected
from glucoflow.provider import Account
from glucoflow.store.tables import CheckpointRow, ConnectionRow, UnreadRow


def mark_of(row: ConnectionRow, account: Account) -> str:
    """How an account of this connection's provider is remembered: nobody learns its id from it."""
    return ".".join(_hash(row.provider, part) for part in (row.region, account.app, account.id))


def is_bound(row: ConnectionRow, account: Account) -> bool:
    """Whether this is the connection's own account."""
    return row.account == mark_of(row, account)


def bind(session: Session, row: ConnectionRow, account: Account) -> OtherAccount | None:
    """Make it the account of the locked `row`, or say why it must not be: then the row keeps it as a question.

    Every connection to the provider is to be locked, so that two people cannot both be the first.
    """
    mark = mark_of(row, account)
    others = "" if row.account_shared else _held_by_somebody_else(session, row, mark)
    if row.account is not None and _differs(row.account, mark):
        said = f"This is another {row.provider.capitalize()} account than before{others and ', and it ' + others}"
    elif others:
        said = f"This {row.provider.capitalize()} account {others}"
    else:
        row.account, row.account_found = mark, None
        return None
    row.account_found = mark
    return OtherAccount(
        f"{said}; nothing of it was read.",
        remedy="Signed in with the wrong account? Connect again with the right one on the person's page, "
        f"or, where this is meant, say so there or with `glucoflow connection confirm {row.user_id}`.",
    )


def confirm(session: Session, row: ConnectionRow, now: datetime) -> None:
    """The account that came is meant: it is bound, and read from its beginning. Raises Rejected without a question."""
    if row.account_found is None:
        raise Rejected("connection", "nothing is asked about its account")
    if row.account is not None and _differs(row.account, row.account_found):
        forget_progress(session, [row.id])
        row.known = None
    row.account_shared = row.account_shared or bool(_held_by_somebody_else(session, row, row.account_found))
    row.account, row.account_found = row.account_found, None
    row.state, row.next_poll_at, row.failures = "connected", now, 0
    row.last_error = row.last_remedy = row.last_error_at = None


def forget_progress(session: Session, connection_ids: list[str]) -> None:
    """Nothing counts as read any more: the next sync begins where the provider's records begin."""
    for table in (CheckpointRow, UnreadRow):
        session.execute(delete(table).where(table.connection_id.in_(connection_ids)))
    rows = session.scalars(select(ConnectionRow).where(ConnectionRow.id.in_(connection_ids)))
    for row in rows:
        row.last_success_at = row.last_deep_at = None


def _differs(bound: str, found: str) -> bool:
    """An account lives in one region. What another app calls it cannot be compared."""
    (region, app, account), (other_region, other_app, other) = bound.split("."), found.split(".")
    return region != other_region or (app == other_app and account != other)


def _held_by_somebody_else(session: Session, row: ConnectionRow, mark: str) -> str:
    query = select(ConnectionRow.id).where(ConnectionRow.account == mark, ConnectionRow.user_id != row.user_id)
    return "belongs to another person here" if session.scalars(query.limit(1)).first() else ""


def _hash(provider: str, part: str) -> str:
    return hashlib.blake2b(f"{provider}\x1f{part}".encode(), digest_size=16).hexdigest()
