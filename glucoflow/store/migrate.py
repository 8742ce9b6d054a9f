"""Brings a database to the tables of this version, at every start, one process at a time."""

from sqlalchemy import Connection, inspect, text

from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database

HEAD = "0005"
"""The newest revision in `migrations/versions`. Known here, so that an ordinary start does without Alembic."""
_LOCK_KEY = 0x676C75636F  # "gluco": an advisory lock of PostgreSQL


def migrate(database: Database, cipher: Cipher) -> None:
    """Apply the migrations that are missing, in one transaction under a lock: all of them or none.

    Raises WrongKey if what is stored was encrypted with another key, and Misconfigured if the database is newer than
    this version of glucoflow.
    """
    with database.connect() as connection, connection.begin():
        if revision(connection) == HEAD:
            return
    from glucoflow.store.upgrade import ONE_AT_A_TIME, upgrade  # a third of a second, needed at a first start only

    with ONE_AT_A_TIME, database.connect() as connection, connection.begin():
        if database.is_postgres:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        upgrade(connection, revision(connection), cipher)


def revision(connection: Connection) -> str | None:
    """Where the database is; None if it is new."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found
