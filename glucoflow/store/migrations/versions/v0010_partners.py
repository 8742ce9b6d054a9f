"""Programs of others that fetch a person's data by OAuth 2, consents to them, codes and tokens."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "partners",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("redirect_uris", sa.String(), nullable=False),
        sa.Column("secret_hash", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partners")),
    )
    op.create_table(
        "partner_grants",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("partner_id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("granted_at", INSTANT, nullable=False),
        sa.Column("last_used_at", INSTANT, nullable=True),
        sa.Column("revoked_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["partner_id"], ["partners.id"], name=op.f("fk_partner_grants_partner_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["people.id"], name=op.f("fk_partner_grants_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_partner_grants")),
    )
    op.create_index(op.f("ix_partner_grants_partner_id"), "partner_grants", ["partner_id"])
    op.create_index(op.f("ix_partner_grants_user_id"), "partner_grants", ["user_id"])
    _of_grants("partner_codes", sa.Column("redirect_uri", sa.String(), nullable=False),
               sa.Column("challenge", sa.String(), nullable=False))  # fmt: skip
    _of_grants("partner_tokens", sa.Column("kind", sa.String(), nullable=False))


def _of_grants(name: str, *own: sa.Column[str]) -> None:
    op.create_table(
        name,
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("grant_id", sa.String(), nullable=False),
        *own,
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.Column("used_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["grant_id"], ["partner_grants.id"], name=op.f(f"fk_{name}_grant_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f(f"pk_{name}")),
    )
    op.create_index(op.f(f"ix_{name}_grant_id"), name, ["grant_id"])
