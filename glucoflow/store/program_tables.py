"""The tables of other programs: apps with a secret of their own, and partners that fetch with a person's consent."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from glucoflow.store.tables import Base, of_person


class AppRow(Base):
    """A credential of an app: SHA-256 of the hex SHA-1 and SHA-512 of its secret, which itself is stored nowhere."""

    __tablename__ = "apps"
    __table_args__ = (Index(None, "sha1_hash", unique=True), Index(None, "sha512_hash", unique=True))

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = of_person()
    name: Mapped[str]
    rights: Mapped[str]
    sha1_hash: Mapped[str]
    sha512_hash: Mapped[str]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class PartnerRow(Base):
    """A program of others, registered by the operator. `redirect_uris` is a JSON list."""

    __tablename__ = "partners"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    redirect_uris: Mapped[str]
    secret_hash: Mapped[str]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class PartnerGrantRow(Base):
    """A person's consent to a partner."""

    __tablename__ = "partner_grants"

    id: Mapped[str] = mapped_column(primary_key=True)
    partner_id: Mapped[str] = mapped_column(ForeignKey("partners.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[str] = of_person()
    scope: Mapped[str]
    granted_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class PartnerCodeRow(Base):
    """A code on its way through a browser, by its hash; `challenge` is PKCE's, S256."""

    __tablename__ = "partner_codes"

    hash: Mapped[str] = mapped_column(primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey("partner_grants.id", ondelete="CASCADE"), index=True)
    redirect_uri: Mapped[str]
    challenge: Mapped[str]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class PartnerTokenRow(Base):
    """An access or refresh token, by its hash; a refresh token that was used stays, to be known again."""

    __tablename__ = "partner_tokens"

    hash: Mapped[str] = mapped_column(primary_key=True)
    grant_id: Mapped[str] = mapped_column(ForeignKey("partner_grants.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
