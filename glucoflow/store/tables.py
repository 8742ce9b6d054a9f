"""The tables, as SQLAlchemy sees them. `migrations/` makes them; a test holds the two together.

Who may see what is in `access_tables`, other programs are in `program_tables`, notices in `notice_tables`.

States and kinds are plain text in the database; the values of `values.py` narrow them.
"""

from datetime import UTC, date, datetime
from typing import ClassVar

from sqlalchemy import (
    DateTime,
    Dialect,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    TypeDecorator,
    false,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(TypeDecorator[datetime]):
    """An aware instant, always UTC: SQLite has no time zones, and PostgreSQL answers in the session's."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar = {datetime: Instant(), bytes: LargeBinary(), str: String()}


def of_person(index: bool = True) -> Mapped[str]:
    """Whose row it is: it goes with them."""
    return mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=index)


class MetaRow(Base):
    """Facts about this database: `key_canary`."""

    __tablename__ = "meta"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[bytes]


class PersonRow(Base):
    __tablename__ = "people"

    id: Mapped[str] = mapped_column(primary_key=True)
    display_name: Mapped[str]
    unit: Mapped[str]
    zone: Mapped[str]
    profile: Mapped[str]
    target_low_mg_dl: Mapped[int | None]
    target_high_mg_dl: Mapped[int | None]
    born: Mapped[date | None]
    newer_sensor: Mapped[bool] = mapped_column(server_default=false())
    language: Mapped[str | None]
    created_at: Mapped[datetime]


class ConnectionRow(Base):
    """One person's way to one account at a provider; they may have several at one.

    `credentials` is JSON, encrypted: secret values by name. `credentials_version` grows with every change of them: a
    writer that saw an older one loses. `refusals` counts how often in a row the provider said no, `refused_at` is the
    last time that counted. `account` is a hash of the provider's own account id (`accounts.mark_of`), `account_found`
    of one that came instead and is asked about; `account_shared` if another person may have it as well.
    `uploads` if what the person has from elsewhere goes to the account as well, into its `data_set`.
    `known` is JSON: what the connector learned of the account, and since when.
    """

    __tablename__ = "connections"
    __table_args__ = (Index(None, "user_id", "provider"), Index(None, "state", "next_poll_at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = of_person(index=False)
    provider: Mapped[str]
    region: Mapped[str]
    state: Mapped[str]
    credentials: Mapped[bytes | None]
    key_id: Mapped[str | None]
    credentials_version: Mapped[int]
    expires_at: Mapped[datetime | None]
    refresh_intent_at: Mapped[datetime | None]
    refresh_owner: Mapped[str | None]
    refresh_until: Mapped[datetime | None]
    last_error: Mapped[str | None]
    last_remedy: Mapped[str | None]
    last_error_at: Mapped[datetime | None]
    failures: Mapped[int]
    last_success_at: Mapped[datetime | None]
    last_deep_at: Mapped[datetime | None]
    next_poll_at: Mapped[datetime | None]
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    clock_ahead_s: Mapped[int | None]
    refusals: Mapped[int] = mapped_column(server_default="0")
    refused_at: Mapped[datetime | None]
    account: Mapped[str | None]
    account_found: Mapped[str | None]
    account_shared: Mapped[bool] = mapped_column(server_default=false())
    records_until: Mapped[datetime | None]
    rank: Mapped[int | None]
    uploads: Mapped[bool] = mapped_column(server_default=false())
    data_set: Mapped[str | None]
    uploaded_until: Mapped[datetime | None]
    known: Mapped[str | None]
    created_at: Mapped[datetime]


class CheckpointRow(Base):
    """`scope` is `sync`, or names a backfill, which has a checkpoint of its own. `read_at`: see `values.Checkpoint`.

    `lineage` is of the index that it speaks of (`es.indices.Index.lineage`); null where an earlier version wrote it.
    """

    __tablename__ = "checkpoints"

    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[datetime]
    read_at: Mapped[datetime | None]
    updated_at: Mapped[datetime]
    lineage: Mapped[str | None]


class UnreadRow(Base):
    """What could not be read though its checkpoint is behind it. Without an `end`: the kind stopped at `start`."""

    __tablename__ = "unread_windows"
    __table_args__ = (Index(None, "connection_id", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    kind: Mapped[str]
    start: Mapped[datetime]
    end: Mapped[datetime | None]
    reason: Mapped[str]
    remedy: Mapped[str]
    tries: Mapped[int]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]
    next_try_at: Mapped[datetime]


class BackfillRow(Base):
    """A backfill that was asked for. `kinds` are separated by commas; none means all, no provider means every one."""

    __tablename__ = "backfills"
    __table_args__ = (Index(None, "state", "next_try_at"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = of_person()
    provider: Mapped[str | None]
    kinds: Mapped[str]
    first: Mapped[date]
    last: Mapped[date]
    state: Mapped[str]
    progress: Mapped[float] = mapped_column(Double)
    message: Mapped[str]
    remedy: Mapped[str]
    tries: Mapped[int]
    asked_at: Mapped[datetime]
    next_try_at: Mapped[datetime | None]
    owner: Mapped[str | None]
    owner_until: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class RunRow(Base):
    __tablename__ = "runs"
    __table_args__ = (Index(None, "state", "updated_at"), Index(None, "started_at"))

    id: Mapped[str] = mapped_column(primary_key=True)
    flow: Mapped[str]
    user_id: Mapped[str | None] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    connection_id: Mapped[str | None] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str | None]
    window_start: Mapped[datetime | None]
    window_end: Mapped[datetime | None]
    state: Mapped[str]
    pages: Mapped[int]
    fetched: Mapped[int]
    created: Mapped[int]
    updated: Mapped[int]
    unchanged: Mapped[int]
    deleted: Mapped[int]
    rejected: Mapped[int]
    progress: Mapped[float] = mapped_column(Double)
    message: Mapped[str]
    remedy: Mapped[str]
    started_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class RejectedRecordRow(Base):
    """`fingerprint` is a hash over kind, key (or payload), field and reason: read again, it is the same row.

    The window is its page's.
    """

    __tablename__ = "rejects"
    __table_args__ = (Index(None, "connection_id", "fingerprint", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id", ondelete="SET NULL"), index=True)
    connection_id: Mapped[str] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"))
    user_id: Mapped[str] = of_person()
    kind: Mapped[str]
    key: Mapped[str | None]
    field: Mapped[str]
    reason: Mapped[str]
    payload: Mapped[bytes]
    fingerprint: Mapped[str]
    window_start: Mapped[datetime | None]
    window_end: Mapped[datetime | None]
    at: Mapped[datetime]
    last_seen_at: Mapped[datetime]


class CallsRow(Base):
    """`minute` counts from the epoch."""

    __tablename__ = "calls"

    app: Mapped[str] = mapped_column(primary_key=True)
    minute: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    calls: Mapped[int]


class OAuthStateRow(Base):
    __tablename__ = "oauth_states"

    hash: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = of_person()
    provider: Mapped[str]
    region: Mapped[str]
    connection_id: Mapped[str | None] = mapped_column(ForeignKey("connections.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime]


class ExclusionRow(Base):
    __tablename__ = "exclusions"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str] = of_person()
    start: Mapped[datetime]
    end: Mapped[datetime]
    reason: Mapped[str]
    created_at: Mapped[datetime]
    undone_at: Mapped[datetime | None]


class ProtocolRow(Base):
    __tablename__ = "protocols"
    __table_args__ = (Index(None, "user_id", "name", unique=True),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str] = of_person(index=False)
    name: Mapped[str]
    created_at: Mapped[datetime]


class ProtocolDayRow(Base):
    __tablename__ = "protocol_days"

    protocol_id: Mapped[int] = mapped_column(ForeignKey("protocols.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    kept: Mapped[bool]
