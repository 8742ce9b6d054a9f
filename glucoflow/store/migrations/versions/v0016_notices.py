"""Notices: receivers, terms, what stands, and what is on its way."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "notice_receivers",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("address", sa.LargeBinary(), nullable=False),
        sa.Column("shown", sa.String(), nullable=False),
        sa.Column("causes", sa.String(), nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("last_sent_at", INSTANT, nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("last_error_at", INSTANT, nullable=True),
        _of_person("notice_receivers"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_receivers")),
    )
    op.create_index(op.f("ix_notice_receivers_user_id"), "notice_receivers", ["user_id"])
    op.create_table(
        "notice_terms",
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("terms", sa.String(), nullable=False),
        _of_person("notice_terms"),
        sa.PrimaryKeyConstraint("user_id", name=op.f("pk_notice_terms")),
    )
    op.create_table(
        "notices",
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=True),
        sa.Column("cause", sa.String(), nullable=False),
        sa.Column("since", INSTANT, nullable=True),
        sa.Column("said_at", INSTANT, nullable=True),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("acknowledged_at", INSTANT, nullable=True),
        _of_person("notices"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_notices")),
    )
    op.create_index(op.f("ix_notices_user_id"), "notices", ["user_id"])
    _messages()


def _messages() -> None:
    op.create_table(
        "notice_messages",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("notice_key", sa.String(), nullable=False),
        sa.Column("receiver_id", sa.String(), nullable=False),
        sa.Column("link_hash", sa.String(), nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("text", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("next_try_at", INSTANT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("owner_until", INSTANT, nullable=True),
        sa.Column("done_at", INSTANT, nullable=True),
        sa.Column("error", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["notice_key"], ["notices.key"], name=op.f("fk_notice_messages_notice_key"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["receiver_id"],
            ["notice_receivers.id"],
            name=op.f("fk_notice_messages_receiver_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice_messages")),
    )
    for columns, unique in (
        (["notice_key"], False),
        (["receiver_id"], False),
        (["link_hash"], True),
        (["done_at", "next_try_at"], False),
    ):
        name = op.f(f"ix_notice_messages_{'_'.join(columns)}")
        op.create_index(name, "notice_messages", columns, unique=unique)


def _of_person(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["people.id"], name=op.f(f"fk_{table}_user_id"), ondelete="CASCADE")
