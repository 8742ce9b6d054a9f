"""Credentials of any form are one encrypted value; a connection knows its account; invitations were used by nothing.

The old pair of tokens is opened and put together again with the key at hand (`opts["cipher"]`, see `upgrade.py`).
"""

import json

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("connections", sa.Column("credentials", sa.LargeBinary(), nullable=True))
    _put_tokens_together()
    op.drop_column("connections", "access_token")
    op.drop_column("connections", "refresh_token")
    op.alter_column("connections", "token_version", new_column_name="credentials_version")
    _refusals_and_accounts()
    op.drop_index(op.f("ix_connections_user_id_provider"), "connections")
    op.create_index(op.f("ix_connections_user_id_provider"), "connections", ["user_id", "provider"])
    op.add_column("rejects", sa.Column("window_start", INSTANT, nullable=True))
    op.add_column("rejects", sa.Column("window_end", INSTANT, nullable=True))
    op.drop_table("oauth_states")  # each lives for a quarter of an hour: whoever is signing in begins again
    op.drop_table("invites")
    _oauth_states()


def _put_tokens_together() -> None:
    """`{"access": …, "refresh": …}`, sealed with the newest key. Raises WrongKey: nothing is changed then."""
    cipher = op.get_context().opts["cipher"]
    table = sa.table(
        "connections",
        sa.column("id", sa.String()),
        sa.column("user_id", sa.String()),
        sa.column("provider", sa.String()),
        sa.column("key_id", sa.String()),
        *(sa.column(name, sa.LargeBinary()) for name in ("access_token", "refresh_token", "credentials")),
    )
    connection = op.get_bind()
    query = sa.select(table).where(table.c.access_token.is_not(None), table.c.refresh_token.is_not(None))
    for row in connection.execute(query).all():
        what = f"The token of {row.user_id} for {row.provider}"
        access, refresh = (
            cipher.open(value, what, row.key_id).decode() for value in (row.access_token, row.refresh_token)
        )
        together = cipher.seal(json.dumps({"access": access, "refresh": refresh}).encode())
        changed = sa.update(table).where(table.c.id == row.id).values(credentials=together, key_id=cipher.key_id)
        connection.execute(changed)


def _refusals_and_accounts() -> None:
    op.add_column("connections", sa.Column("refusals", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("connections", sa.Column("refused_at", INSTANT, nullable=True))
    op.add_column("connections", sa.Column("account", sa.String(), nullable=True))
    op.add_column("connections", sa.Column("account_found", sa.String(), nullable=True))
    op.add_column("connections", sa.Column("account_shared", sa.Boolean(), nullable=False, server_default=sa.false()))


def _oauth_states() -> None:
    op.create_table(
        "oauth_states",
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("user_id", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("connection_id", sa.String(), nullable=True),
        sa.Column("expires_at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connections.id"], name=op.f("fk_oauth_states_connection_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["people.id"], name=op.f("fk_oauth_states_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_oauth_states")),
    )
    op.create_index(op.f("ix_oauth_states_connection_id"), "oauth_states", ["connection_id"])
    op.create_index(op.f("ix_oauth_states_user_id"), "oauth_states", ["user_id"])
