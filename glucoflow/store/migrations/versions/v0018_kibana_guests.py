"""Guests in Kibana, and how far a deletion got that stopped halfway."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("receipts", sa.Column("so_far", sa.String(), nullable=True))
    op.create_table(
        "kibana_guests",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("password", sa.LargeBinary(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("made_at", INSTANT, nullable=True),
        sa.Column("withdrawn_at", INSTANT, nullable=True),
        sa.Column("gone_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["people.id"], name="fk_kibana_guests_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_kibana_guests"),
    )
    op.create_index("ix_kibana_guests_user_id", "kibana_guests", ["user_id"])
