"""Which source of a person's readings counts first, where they say so; and which of two sensors worn at once."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("connections", sa.Column("rank", sa.Integer(), nullable=True))
    op.add_column("people", sa.Column("newer_sensor", sa.Boolean(), nullable=False, server_default=sa.false()))
