"""Brings a database to the tables of this version, at every start, one process at a time."""

import threading
from collections.abc import Sequence
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext, RevisionStep
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util import CommandError
from sqlalchemy import Connection, text

from glucoflow.errors import Misconfigured
from glucoflow.store.database import Database
from glucoflow.store.tables import Base

MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_KEY = 0x676C75636F  # "gluco": an advisory lock of PostgreSQL
_ALEMBIC = threading.Lock()
"""Alembic's `op` is one per process: two threads must not migrate at once."""


def migrate(database: Database) -> None:
    """Apply the migrations that are missing, in one transaction under a lock: all of them or none.

    Raises Misconfigured if the database is newer than this version of glucoflow.
    """
    script = _script()
    with database.connect() as connection, connection.begin():
        if _revision(connection) == script.get_current_head():
            return
    with _ALEMBIC, database.connect() as connection, connection.begin():
        if database.is_postgres:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        _upgrade(connection, script)


def _script() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection, script: ScriptDirectory) -> None:
    def missing(revision: str, _context: MigrationContext) -> Sequence[RevisionStep]:
        return script._upgrade_revs("head", revision)  # as alembic.command.upgrade does

    try:
        with EnvironmentContext(Config(), script, fn=missing, destination_rev="head") as environment:
            environment.configure(connection=connection, target_metadata=Base.metadata, transactional_ddl=True)
            environment.run_migrations()
    except (CommandError, ResolutionError):
        raise Misconfigured(
            f"The database is at revision {_revision(connection)}, which this version of glucoflow does not know.",
            remedy="It was used by a newer glucoflow: install that again, or restore the backup made before.",
        ) from None
