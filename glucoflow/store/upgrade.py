"""Runs the Alembic migrations that lie in `migrations/versions`, on a connection that is given."""

import threading
from collections.abc import Sequence
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import Connection

from glucoflow.model.errors import Misconfigured
from glucoflow.store.crypto import Cipher
from glucoflow.store.tables import Base

MIGRATIONS = Path(__file__).parent / "migrations"
ONE_AT_A_TIME = threading.Lock()
"""Alembic's `op` is one per process: two threads must not migrate at once."""


def scripts() -> ScriptDirectory:
    """The migrations of this version."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def upgrade(connection: Connection, current: str | None, cipher: Cipher) -> None:
    """Bring the database from revision `current` to the newest, inside the connection's transaction.

    Migrations that change an encrypted value find `cipher` in `opts`. Raises WrongKey, and Misconfigured if `current`
    is not among the revisions of this version.
    """
    script = scripts()

    def missing(revision: str, _context: MigrationContext) -> Sequence[RevisionStep]:
        return script._upgrade_revs("head", revision)  # as alembic.command.upgrade does

    try:
        with EnvironmentContext(Config(), script, fn=missing, destination_rev="head") as environment:
            environment.configure(
                connection=connection, target_metadata=Base.metadata, transactional_ddl=True, cipher=cipher
            )
            environment.run_migrations()
    except (CommandError, ResolutionError):
        raise Misconfigured(
            f"The database is at revision {current}, which this version of glucoflow does not know.",
            remedy="It was used by a newer glucoflow: install that again, or restore the backup made before.",
        ) from None
