"""What is encrypted in the store besides connections' credentials: one list, to count it and to encrypt it anew."""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from glucoflow.store.access_tables import KibanaGuestRow, LoginAccountRow
from glucoflow.store.crypto import Cipher
from glucoflow.store.notice_tables import NoticeMessageRow, ReceiverRow
from glucoflow.store.tables import RejectedRecordRow


class Sealed(NamedTuple):
    """A column of encrypted values. `whose` is how an error names one; `where`: which rows have one."""

    row: Any
    column: str
    whose: Callable[[Any], str]
    where: tuple[ColumnElement[bool], ...] = ()


SECOND_FACTORS = Sealed(
    LoginAccountRow,
    "totp_secret",
    lambda row: f"The second factor of account {row.id}",
    (LoginAccountRow.totp_secret.is_not(None),),
)
REJECTED_RECORDS = Sealed(RejectedRecordRow, "payload", lambda row: f"The rejected record {row.id}")
OTHERS = (
    Sealed(ReceiverRow, "address", lambda row: f"The receiver {row.name}"),
    Sealed(NoticeMessageRow, "text", lambda row: f"The message {row.id}", (NoticeMessageRow.done_at.is_(None),)),
    Sealed(
        KibanaGuestRow,
        "password",
        lambda row: f"The password of the guest {row.id} in Kibana",
        (KibanaGuestRow.password.is_not(None),),
    ),
)
ALL = (SECOND_FACTORS, REJECTED_RECORDS, *OTHERS)


def count(one: Sealed) -> Select[tuple[int]]:
    """The question how many there are."""
    return select(func.count()).select_from(one.row).where(*one.where)


def renew(session: Session, one: Sealed, cipher: Cipher, after: Any, limit: int) -> tuple[int, Any]:
    """Some of them encrypted anew, behind the id `after` (None: from the first); how many, and the last one's id."""
    behind = () if after is None else (one.row.id > after,)
    query = select(one.row).where(*one.where, *behind).order_by(one.row.id).limit(limit)
    rows = session.scalars(query.with_for_update(key_share=True)).all()
    for row in rows:
        setattr(row, one.column, cipher.renew(getattr(row, one.column), one.whose(row)))
    return len(rows), rows[-1].id if rows else after
