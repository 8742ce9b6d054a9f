"""A person's birth date, for the page that a clinic asks for; nobody has to give it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("people", sa.Column("born", sa.Date(), nullable=True))
