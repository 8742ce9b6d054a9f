"""The `state` of an OAuth flow, which travels through a browser: only its hash is stored; it works once and expires."""

from datetime import datetime, timedelta

from sqlalchemy import Row, delete, select

from glucoflow.store.database import Database
from glucoflow.store.people import refuse_unknown
from glucoflow.store.tables import OAuthStateRow
from glucoflow.store.tokens import hash_of, new_token
from glucoflow.store.values import OAuthState

STATE_FOR = timedelta(minutes=10)


class OAuthStates:
    """Authorizations that are under way."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(
        self,
        user_id: str,
        provider: str,
        region: str,
        now: datetime,
        *,
        connection_id: str | None = None,
        valid_for: timedelta = STATE_FOR,
    ) -> str:
        """A `state` to send along. `connection_id`: a connection to be connected again.

        Raises Rejected for an unknown person.
        """
        state = new_token()
        with self._database.write() as session:
            refuse_unknown(session, user_id)
            session.execute(delete(OAuthStateRow).where(OAuthStateRow.expires_at <= now))
            session.add(
                OAuthStateRow(
                    hash=hash_of(state),
                    user_id=user_id,
                    provider=provider,
                    region=region,
                    connection_id=connection_id,
                    expires_at=now + valid_for,
                )
            )
        return state

    def find(self, state: str, now: datetime) -> OAuthState | None:
        """What it was made for, which stays as it is; None if it is unknown, used or expired."""
        row = OAuthStateRow
        asked = select(row.user_id, row.provider, row.region, row.connection_id)
        with self._database.read() as session:
            return _started(session.execute(asked.where(row.hash == hash_of(state), row.expires_at > now)).first())

    def consume(self, state: str, now: datetime) -> OAuthState | None:
        """What it was made for, once; None if it is unknown, used or expired."""
        row = OAuthStateRow
        taken = delete(row).where(row.hash == hash_of(state), row.expires_at > now)
        with self._database.write() as session:
            return _started(
                session.execute(taken.returning(row.user_id, row.provider, row.region, row.connection_id)).first()
            )


def _started(found: Row[tuple[str, str, str, str | None]] | None) -> OAuthState | None:
    if found is None:
        return None
    return OAuthState(user_id=found[0], provider=found[1], region=found[2], connection_id=found[3])
