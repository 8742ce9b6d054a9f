"""A connection's row within somebody's transaction: its value, its lock, its credentials, and what befell it."""

from collections.abc import Mapping
from datetime import datetime

import msgspec
from pydantic import SecretStr
from sqlalchemy.orm import Session

from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import GlucoflowError, Reauthorize, Rejected
from glucoflow.model.same_names import made_of
from glucoflow.store.crypto import Cipher
from glucoflow.store.tables import ConnectionRow
from glucoflow.store.values import Connection


def connection_of(row: ConnectionRow) -> Connection:
    """The value of a row."""
    return made_of(
        row,
        Connection,
        has_credentials=row.credentials is not None,
        known=_known(row),
        asks_account=row.account_found is not None,
    )


def learn(row: ConnectionRow, learned: Mapping[str, datetime]) -> None:
    """Keep what a page taught beside what is known; of each the earliest moment."""
    known = _known(row)
    found = {name: min(since, known.get(name, since)) for name, since in learned.items()}
    if found.items() - known.items():
        row.known = msgspec.json.encode(known | found, order="sorted").decode()


def _known(row: ConnectionRow) -> dict[str, datetime]:
    return msgspec.json.decode(row.known, type=dict[str, datetime]) if row.known else {}


def locked(session: Session, connection_id: str) -> ConnectionRow:
    """The row, locked to the end of the transaction. Raises Rejected if there is none."""
    row = session.get(ConnectionRow, connection_id, with_for_update={"key_share": True})
    if row is None:
        raise unknown_connection()
    return row


def still(session: Session, connection_id: str, owner: str | None) -> ConnectionRow | None:
    row = session.get(ConnectionRow, connection_id, with_for_update={"key_share": True})
    return row if row is not None and owner in (None, row.lease_owner) else None


def unknown_connection() -> Rejected:
    """The error for a connection that is not there (any more)."""
    return Rejected("connection", "is not there; its person may have been deleted")


def seal_credentials(credentials: Credentials, cipher: Cipher) -> bytes:
    """What is stored of them: a JSON object of their values, encrypted. `expires_at` has a column of its own."""
    plain = {name: value.get_secret_value() for name, value in credentials.values.items()}
    return cipher.seal(msgspec.json.encode(plain, order="sorted"))


def open_credentials(row: ConnectionRow, sealed: bytes, cipher: Cipher) -> Credentials:
    """The credentials that `sealed` holds. Raises WrongKey naming whose they are."""
    plain = cipher.open(sealed, whose(row), row.key_id)
    values = msgspec.json.decode(plain, type=dict[str, str])
    return Credentials(values={name: SecretStr(value) for name, value in values.items()}, expires_at=row.expires_at)


def whose(row: ConnectionRow) -> str:
    """How an error names a connection's credentials."""
    return f"What opens the account of {row.user_id} at {row.provider}"


def put_credentials(row: ConnectionRow, credentials: Credentials, cipher: Cipher, now: datetime) -> None:
    """A fresh consent: the connection is well and due."""
    row.credentials, row.key_id = seal_credentials(credentials, cipher), cipher.key_id
    row.expires_at, row.refresh_intent_at = credentials.expires_at, None
    row.credentials_version += 1
    row.state, row.next_poll_at, row.failures = "connected", now, 0
    row.refusals, row.refused_at, row.account_found = 0, None, None
    row.last_error = row.last_remedy = row.last_error_at = None


def disconnected(row: ConnectionRow) -> None:
    """Without credentials, and nobody's."""
    row.state = "disconnected"
    row.credentials = row.key_id = None
    row.expires_at = row.refresh_intent_at = row.next_poll_at = None
    row.lease_owner = row.lease_until = row.account_found = None
    row.credentials_version += 1


def put_error(row: ConnectionRow, error: GlucoflowError, now: datetime) -> None:
    """What went wrong; consent that is gone changes the state, and counts once however often it is noticed."""
    row.last_error, row.last_remedy, row.last_error_at = error.message, error.remedy, now
    if row.state == "connected":
        row.failures += 1
    if isinstance(error, Reauthorize) and row.state == "connected":
        row.state = "needs_reauthorization"
