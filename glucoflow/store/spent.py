"""What works once and was used: challenges and states that were answered, so that no copy of an answer works too."""

from datetime import datetime

from sqlalchemy import delete

from glucoflow.store.access_tables import SpentRow
from glucoflow.store.database import Database
from glucoflow.store.tokens import hash_of


class Spent:
    """Hashes, each kept as long as it would be good for anything."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def spend(self, token: str, until: datetime, now: datetime) -> bool:
        """Use it up. False if it was before: then nothing may come of it. `until`: when it is too old anyway."""
        row = SpentRow
        made = self._database.insert(row).values(hash=hash_of(token), expires_at=until)
        with self._database.write() as session:
            session.execute(delete(row).where(row.expires_at <= now))
            once = made.on_conflict_do_nothing(index_elements=["hash"]).returning(row.hash)
            return session.execute(once).first() is not None
