"""Until when an account's records are dated, where that is after now."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("connections", sa.Column("records_until", sa.DateTime(timezone=True), nullable=True))
