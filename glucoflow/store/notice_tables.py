"""The tables of notices: receivers with their sealed addresses, terms, what stands, and what is on its way."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from glucoflow.store.tables import Base


def _of_somebody() -> Mapped[str | None]:
    """Whose row it is, with whom it goes; the operator's where there is none."""
    return mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)


class ReceiverRow(Base):
    """`address` is encrypted: who has it can write to its owner, or read along. `causes` are separated by commas."""

    __tablename__ = "notice_receivers"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str | None] = _of_somebody()
    name: Mapped[str]
    channel: Mapped[str]
    address: Mapped[bytes]
    shown: Mapped[str]
    causes: Mapped[str]
    created_at: Mapped[datetime]
    last_sent_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    last_error_at: Mapped[datetime | None]


class TermsRow(Base):
    """`terms` is JSON of `model.notices.Terms`: what a later version adds takes its default."""

    __tablename__ = "notice_terms"

    user_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True)
    terms: Mapped[str]


class NoticeRow(Base):
    """What is remembered of one cause of one person; `key` is `person/cause`, with nobody before the operator's."""

    __tablename__ = "notices"

    key: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str | None] = _of_somebody()
    cause: Mapped[str]
    since: Mapped[datetime | None]
    said_at: Mapped[datetime | None]
    times: Mapped[int]
    acknowledged_at: Mapped[datetime | None]


class NoticeMessageRow(Base):
    """A message to one receiver. `text` is encrypted, and emptied once it is sent or given up.

    `link_hash` is of the token in its link, which acknowledges the notice as it stood then (`since`).
    """

    __tablename__ = "notice_messages"
    __table_args__ = (Index(None, "link_hash", unique=True), Index(None, "done_at", "next_try_at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    notice_key: Mapped[str] = mapped_column(ForeignKey("notices.key", ondelete="CASCADE"), index=True)
    receiver_id: Mapped[str] = mapped_column(ForeignKey("notice_receivers.id", ondelete="CASCADE"), index=True)
    link_hash: Mapped[str]
    since: Mapped[datetime]
    text: Mapped[bytes]
    made_at: Mapped[datetime]
    until: Mapped[datetime]
    next_try_at: Mapped[datetime]
    tries: Mapped[int]
    owner: Mapped[str | None]
    owner_until: Mapped[datetime | None]
    done_at: Mapped[datetime | None]
    error: Mapped[str | None]
