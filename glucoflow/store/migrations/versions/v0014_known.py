"""What a connector learned of an account and will want to know at later runs."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("connections", sa.Column("known", sa.String(), nullable=True))
