"""The tables of who may see and do what: accounts, passkeys, grants, sessions, waits, invitations, links, the trail."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, false
from sqlalchemy.orm import Mapped, mapped_column

from glucoflow.store.tables import Base, of_person


class LoginAccountRow(Base):
    """Somebody who logs in. `key` is the name as it is compared; `password_hash` is Argon2's, with its parameters.

    `totp_secret` is encrypted. `subject` is the issuer and subject of a sign-on elsewhere, if the account has one.
    """

    __tablename__ = "login_accounts"
    __table_args__ = (Index(None, "key", unique=True), Index(None, "subject", unique=True))

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    key: Mapped[str]
    password_hash: Mapped[str | None]
    operator: Mapped[bool] = mapped_column(server_default=false())
    totp_secret: Mapped[bytes | None]
    totp_used: Mapped[int | None]
    subject: Mapped[str | None]
    created_at: Mapped[datetime]
    last_login_at: Mapped[datetime | None]


class PasskeyRow(Base):
    """The public half of a key that an authenticator keeps; `id` is its own. It works at the address `host` only.

    `uses` is what the authenticator counts; one that counts lower than before was copied.
    """

    __tablename__ = "passkeys"

    id: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("login_accounts.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    host: Mapped[str]
    public_key: Mapped[bytes]
    uses: Mapped[int]
    created_at: Mapped[datetime]
    last_used_at: Mapped[datetime | None]


class SpentRow(Base):
    """What worked once: the hash of a challenge or state, kept until it would be too old in any case."""

    __tablename__ = "spent"

    hash: Mapped[str] = mapped_column(primary_key=True)
    expires_at: Mapped[datetime]


class GrantRow(Base):
    """What an account may with one person's data: `own` (see and change) or `read`, for good or until a moment."""

    __tablename__ = "grants"

    account_id: Mapped[str] = mapped_column(ForeignKey("login_accounts.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), primary_key=True, index=True)
    level: Mapped[str]
    until: Mapped[datetime | None]
    created_at: Mapped[datetime]


class InviteRow(Base):
    """A link that works once. `hash` is of its token. Without `user_id` whoever accepts becomes a person."""

    __tablename__ = "invites"
    __table_args__ = (Index(None, "hash", unique=True),)

    id: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[str]
    name: Mapped[str]
    email: Mapped[str] = mapped_column(String(), server_default="")
    unit: Mapped[str]
    zone: Mapped[str]
    level: Mapped[str]
    until: Mapped[datetime | None]
    user_id: Mapped[str | None] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"), index=True)
    account_id: Mapped[str | None] = mapped_column(ForeignKey("login_accounts.id", ondelete="CASCADE"))
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    opened_at: Mapped[datetime | None]
    accepted_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]


class ShareRow(Base):
    """A link to some pages of one person, until a moment. `pages` are their names, separated by commas."""

    __tablename__ = "shares"
    __table_args__ = (Index(None, "hash", unique=True),)

    id: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[str]
    user_id: Mapped[str] = of_person()
    name: Mapped[str]
    pages: Mapped[str]
    until: Mapped[datetime]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class AuditRow(Base):
    """Who did what, and to whose data. `once` makes looks of one hour at one page a single row, counted in `times`."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "user_id", "at"), Index(None, "at"), Index(None, "once", unique=True))

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    who: Mapped[str]
    account_id: Mapped[str | None]
    share_id: Mapped[str | None] = mapped_column(index=True)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("people.id", ondelete="CASCADE"))
    action: Mapped[str]
    what: Mapped[str]
    place: Mapped[str]
    times: Mapped[int]
    once: Mapped[str | None]


class ReceiptRow(Base):
    """What was removed when somebody was deleted, for whoever asked; `hash` is of the token that shows it.

    `so_far`: what is done and what stopped the rest, where a deletion stopped halfway.
    """

    __tablename__ = "receipts"

    hash: Mapped[str] = mapped_column(primary_key=True)
    user_key: Mapped[str] = mapped_column(index=True)
    text: Mapped[str | None]
    so_far: Mapped[str | None]
    created_at: Mapped[datetime]


class KibanaGuestRow(Base):
    """A login in Kibana that reads one person until a moment. `id` is its name there.

    `password` is sealed, until whoever may make logins there has made it.
    """

    __tablename__ = "kibana_guests"

    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = of_person()
    name: Mapped[str]
    until: Mapped[datetime]
    password: Mapped[bytes | None]
    created_by: Mapped[str]
    created_at: Mapped[datetime]
    made_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    gone_at: Mapped[datetime | None]


class LoginSessionRow(Base):
    """`hash` is of the token in the browser's cookie. Whose it is: an account's, a share link's, or, with neither, that
    of whoever knew the site's password, of which `password` is a keyed fingerprint. `way` is how they logged in."""

    __tablename__ = "login_sessions"

    hash: Mapped[str] = mapped_column(primary_key=True)
    password: Mapped[str]
    account_id: Mapped[str | None] = mapped_column(ForeignKey("login_accounts.id", ondelete="CASCADE"), index=True)
    share_id: Mapped[str | None] = mapped_column(ForeignKey("shares.id", ondelete="CASCADE"), index=True)
    browser: Mapped[str] = mapped_column(server_default="")
    place: Mapped[str] = mapped_column(server_default="")
    way: Mapped[str] = mapped_column(server_default="")
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class LoginWaitRow(Base):
    """`key` is the account or an address; until `next_at` no password is looked at."""

    __tablename__ = "login_waits"

    key: Mapped[str] = mapped_column(primary_key=True)
    tries: Mapped[int]
    last_at: Mapped[datetime]
    next_at: Mapped[datetime]
