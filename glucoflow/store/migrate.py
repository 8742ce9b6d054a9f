"""Brings a database to the tables of this version, at every start, one process at a time."""

from sqlalchemy import Connection, insert, inspect, select, text

from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database
from glucoflow.store.keys import Keys
from glucoflow.store.tables import MetaRow

HEAD = "0018"
"""The newest revision in `migrations/versions`. Known here, so that an ordinary start does without Alembic."""
CANARY = "key_canary"
_LOCK_KEY = 0x676C75636F  # "gluco": an advisory lock of PostgreSQL


def migrate(database: Database, keys: Keys) -> Cipher:
    """Apply the migrations that are missing, in one transaction under a lock: all of them or none; the proven keys.

    Raises WrongKey if what is stored was encrypted with another key, Misconfigured if there is none, if the database is
    new beside an old key, or newer than this version of glucoflow.
    """
    with database.connect() as connection, connection.begin():
        found = canary(connection) if revision(connection) == HEAD else None
    if found is not None:
        return keys.of_store(found)
    from glucoflow.store.upgrade import ONE_AT_A_TIME, upgrade  # a third of a second, needed at a first start only

    with ONE_AT_A_TIME, database.connect() as connection, connection.begin():
        if database.is_postgres:
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
        found = canary(connection)
        cipher = keys.for_new_store() if found is None else keys.of_store(found)
        upgrade(connection, revision(connection), cipher)
        if found is None:
            found = cipher.canary()
            connection.execute(insert(MetaRow).values(name=CANARY, value=found))
    keys.settle(found)
    return cipher


def canary(connection: Connection) -> bytes | None:
    """What the first start left in the database, to prove the keys with. None in a new one."""
    if not inspect(connection).has_table(MetaRow.__tablename__):
        return None
    found: bytes | None = connection.scalar(select(MetaRow.value).where(MetaRow.name == CANARY))
    return found


def revision(connection: Connection) -> str | None:
    """Where the database is; None if it is new."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found
