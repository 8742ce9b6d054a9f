"""What could not be read is remembered, backfills wait their turn, and each kind knows when it was read whole.

Checkpoints of backfills that were finished long ago go: they made the same days, asked for again, read nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("checkpoints", sa.Column("read_at", INSTANT, nullable=True))
    op.add_column("connections", sa.Column("clock_ahead_s", sa.Integer(), nullable=True))
    op.execute("DELETE FROM checkpoints WHERE scope LIKE 'backfill %'")
    _unread_windows()
    _backfills()


def _unread_windows() -> None:
    op.create_table(
        "unread_windows",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("connection_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("start", INSTANT, nullable=False),
        sa.Column("end", INSTANT, nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("remedy", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("first_at", INSTANT, nullable=False),
        sa.Column("last_at", INSTANT, nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connections.id"],
            name=op.f("fk_unread_windows_connection_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unread_windows")),
    )
    op.create_index(op.f("ix_unread_windows_connection_id_kind"), "unread_windows", ["connection_id", "kind"])


def _backfills() -> None:
    op.create_table(
        "backfills",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=True),
        sa.Column("kinds", sa.String(), nullable=False),
        sa.Column("first", sa.Date(), nullable=False),
        sa.Column("last", sa.Date(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("progress", sa.Double(), nullable=False),
        sa.Column("message", sa.String(), nullable=False),
        sa.Column("remedy", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("asked_at", INSTANT, nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=True),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("owner_until", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["people.id"], name=op.f("fk_backfills_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backfills")),
    )
    op.create_index(op.f("ix_backfills_state_next_try_at"), "backfills", ["state", "next_try_at"])
    op.create_index(op.f("ix_backfills_user_id"), "backfills", ["user_id"])
