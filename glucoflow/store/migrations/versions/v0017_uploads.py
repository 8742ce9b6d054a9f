"""What a person has from elsewhere may go to an account that takes data: whether, where to, and how far it went."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("connections", sa.Column("uploads", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("connections", sa.Column("data_set", sa.String(), nullable=True))
    op.add_column("connections", sa.Column("uploaded_until", sa.DateTime(timezone=True), nullable=True))
