"""Accounts, what each may, invitations, share links, the audit trail, receipts. Whoever is logged in logs in again."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    _accounts()
    _invites()
    _shares()
    _sessions()
    _audit()
    _receipts()


def _accounts() -> None:
    op.create_table(
        "login_accounts",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("operator", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("totp_secret", sa.LargeBinary(), nullable=True),
        sa.Column("totp_used", sa.Integer(), nullable=True),
        sa.Column("subject", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("last_login_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_login_accounts")),
    )
    op.create_index(op.f("ix_login_accounts_key"), "login_accounts", ["key"], unique=True)
    op.create_index(op.f("ix_login_accounts_subject"), "login_accounts", ["subject"], unique=True)
    op.create_table(
        "grants",
        sa.Column("account_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("until", INSTANT, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        _cascade("grants", "account_id", "login_accounts.id"),
        _cascade("grants", "user_id", "people.id"),
        sa.PrimaryKeyConstraint("account_id", "user_id", name=op.f("pk_grants")),
    )
    op.create_index(op.f("ix_grants_user_id"), "grants", ["user_id"])


def _invites() -> None:
    op.create_table(
        "invites",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("email", sa.String(), server_default="", nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("until", INSTANT, nullable=True),
        sa.Column("user_id", sa.String(), nullable=True),
        sa.Column("account_id", sa.String(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("opened_at", INSTANT, nullable=True),
        sa.Column("accepted_at", INSTANT, nullable=True),
        sa.Column("withdrawn_at", INSTANT, nullable=True),
        _cascade("invites", "user_id", "people.id"),
        _cascade("invites", "account_id", "login_accounts.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invites")),
    )
    op.create_index(op.f("ix_invites_hash"), "invites", ["hash"], unique=True)
    op.create_index(op.f("ix_invites_user_id"), "invites", ["user_id"])


def _shares() -> None:
    op.create_table(
        "shares",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("pages", sa.String(), nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        _cascade("shares", "user_id", "people.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shares")),
    )
    op.create_index(op.f("ix_shares_hash"), "shares", ["hash"], unique=True)
    op.create_index(op.f("ix_shares_user_id"), "shares", ["user_id"])


def _sessions() -> None:
    op.drop_table("login_sessions")
    op.create_table(
        "login_sessions",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("password", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=True),
        sa.Column("share_id", sa.String(), nullable=True),
        sa.Column("browser", sa.String(), server_default="", nullable=False),
        sa.Column("place", sa.String(), server_default="", nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.Column("expires_at", INSTANT, nullable=False),
        _cascade("login_sessions", "account_id", "login_accounts.id"),
        _cascade("login_sessions", "share_id", "shares.id"),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_login_sessions")),
    )
    op.create_index(op.f("ix_login_sessions_account_id"), "login_sessions", ["account_id"])
    op.create_index(op.f("ix_login_sessions_share_id"), "login_sessions", ["share_id"])


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("who", sa.String(), nullable=False),
        sa.Column("account_id", sa.String(), nullable=True),
        sa.Column("share_id", sa.String(), nullable=True),
        sa.Column("user_id", sa.String(), nullable=True),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("once", sa.String(), nullable=True),
        _cascade("audit", "user_id", "people.id"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index(op.f("ix_audit_at"), "audit", ["at"])
    op.create_index(op.f("ix_audit_once"), "audit", ["once"], unique=True)
    op.create_index(op.f("ix_audit_share_id"), "audit", ["share_id"])
    op.create_index(op.f("ix_audit_user_id_at"), "audit", ["user_id", "at"])


def _receipts() -> None:
    op.create_table(
        "receipts",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("user_key", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_receipts")),
    )
    op.create_index(op.f("ix_receipts_user_key"), "receipts", ["user_key"])


def _cascade(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE")
