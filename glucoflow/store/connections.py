"""Connections: a person's ways to their accounts at providers, how each is doing and when it is polled next."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import cast

from sqlalchemy import delete, func, select, update

from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import GlucoflowError, OtherAccount, Reauthorize, Rejected, Retryable
from glucoflow.model.ingestion import Kind
from glucoflow.store import accounts
from glucoflow.store.connection_rows import (
    connection_of,
    disconnected,
    locked,
    put_credentials,
    put_error,
    still,
    unknown_connection,
)
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database
from glucoflow.store.owners import is_gone
from glucoflow.store.people import add_of_person
from glucoflow.store.refusals import judged, waves
from glucoflow.store.tables import CheckpointRow, ConnectionRow, RejectedRecordRow
from glucoflow.store.values import Checkpoint, Connection, RefusalWave

SYNC = "sync"
"""The checkpoints of the ordinary sync. A backfill has a scope of its own, so that it cannot make sync skip a span."""

NextPoll = Callable[[int, float | None], datetime]
"""When to try again after so many failures in a row, and not before the seconds that were asked for."""


class Connections:
    """Everyone's connections."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def add(
        self, user_id: str, provider: str, region: str, now: datetime, credentials: Credentials | None = None
    ) -> Connection:
        """A new connection of a person, who may have several at one provider; `reconnect` is for one that was there.

        With `credentials` it is `connected` and due at once; without, it waits for `reconnect`. Raises Rejected for an
        unknown person.
        """
        row = ConnectionRow(
            id=uuid.uuid4().hex,
            user_id=user_id,
            provider=provider,
            region=region,
            state="needs_reauthorization",
            credentials_version=0,
            failures=0,
            refusals=0,
            account_shared=False,
            created_at=now,
        )
        if credentials is not None:
            put_credentials(row, credentials, self._cipher, now)
        with self._database.write() as session:
            add_of_person(session, row, user_id)
            return connection_of(row)

    def reconnect(self, connection_id: str, region: str, now: datetime, credentials: Credentials) -> Connection:
        """A new consent for a connection: it is `connected` and due at once. Its checkpoints and history stay.

        Raises Rejected if there is none.
        """
        with self._database.write() as session:
            row = locked(session, connection_id)
            row.region = region
            put_credentials(row, credentials, self._cipher, now)
            return connection_of(row)

    def find(self, connection_id: str) -> Connection | None:
        """The connection, or None."""
        with self._database.read() as session:
            row = session.get(ConnectionRow, connection_id)
            return None if row is None else connection_of(row)

    def get(self, connection_id: str) -> Connection:
        """The connection. Raises Rejected if there is none."""
        found = self.find(connection_id)
        if found is None:
            raise unknown_connection()
        return found

    def list(self) -> tuple[Connection, ...]:
        """All connections, by person and provider."""
        with self._database.read() as session:
            rows = session.scalars(select(ConnectionRow).order_by(ConnectionRow.user_id, ConnectionRow.provider))
            return tuple(connection_of(row) for row in rows)

    def oldest_positions(self, kind: Kind) -> dict[str, datetime]:
        """How far a kind is read, of the connected one that is furthest behind, by provider."""
        row, checkpoint = ConnectionRow, CheckpointRow
        query = (
            select(row.provider, func.min(checkpoint.position))
            .join(checkpoint, checkpoint.connection_id == row.id)
            .where(row.state == "connected", checkpoint.scope == SYNC, checkpoint.kind == kind)
            .group_by(row.provider)
        )
        with self._database.read() as session:
            return dict(session.execute(query).tuples().all())

    def for_user(self, user_id: str) -> tuple[Connection, ...]:
        """A person's connections, by provider."""
        with self._database.read() as session:
            rows = session.scalars(select(ConnectionRow).filter_by(user_id=user_id).order_by(ConnectionRow.provider))
            return tuple(connection_of(row) for row in rows)

    def disconnect(self, connection_id: str) -> None:
        """Forget the credentials and stop polling; a sync that is under way loses its lease. What was read stays."""
        with self._database.write() as session:
            disconnected(locked(session, connection_id))

    def prefer(self, user_id: str, connection_id: str) -> None:
        """This connection counts before the person's others. Raises Rejected for one that is not theirs."""
        with self._database.write() as session:
            row = locked(session, connection_id)
            if row.user_id != user_id:
                raise unknown_connection()
            lowest = session.scalar(select(func.min(ConnectionRow.rank)).filter_by(user_id=user_id))
            row.rank = 0 if lowest is None else lowest - 1

    def confirm_account(self, connection_id: str, now: datetime) -> None:
        """The account that another was expected of is meant: it is read from its beginning, beside what is held.

        Raises Rejected where nothing is asked.
        """
        with self._database.write() as session:
            accounts.confirm(session, locked(session, connection_id), now)

    def start_anew(self, connection_id: str, now: datetime) -> None:
        """As if nothing had come by it: disconnected, with no account, no progress and no rejected records.

        The person's other connections to the provider are read anew as well: what two of them brought is held once.
        Raises Rejected while somebody reads it.
        """
        with self._database.write() as session:
            row = locked(session, connection_id)
            if row.lease_owner and row.lease_until and row.lease_until > now and not is_gone(row.lease_owner):
                raise Rejected("connection", "it is being read just now; try again in a minute")
            disconnected(row)
            row.account, row.account_shared, row.known = None, False, None
            row.uploads, row.data_set, row.uploaded_until = False, None, None
            row.last_error = row.last_remedy = row.last_error_at = None
            same = select(ConnectionRow.id).filter_by(user_id=row.user_id, provider=row.provider)
            accounts.forget_progress(session, list(session.scalars(same)))
            session.execute(delete(RejectedRecordRow).filter_by(connection_id=row.id))

    def record_error(
        self,
        connection_id: str,
        error: GlucoflowError,
        now: datetime,
        next_poll: NextPoll | None = None,
        *,
        owner: str | None = None,
    ) -> GlucoflowError:
        """Keep what went wrong and its cure, and when to try again; what is to be told.

        A provider's no (Reauthorize) is believed only after several over hours (`refusals.py`): until then it comes
        back as Retryable and the connection stays `connected`. `next_poll` is given the failures in a row.

        Nothing is kept if the connection is gone or `owner` (if given) no longer has its lease.
        """
        with self._database.write() as session:
            row = still(session, connection_id, owner)
            if row is None:
                return error
            told = error
            if isinstance(error, Reauthorize) and not isinstance(error, OtherAccount) and row.state == "connected":
                told = judged(session, row, error, "data", now)
            put_error(row, told, now)
            if next_poll is not None:
                retry_after = told.retry_after if isinstance(told, Retryable) else None
                row.next_poll_at = next_poll(row.failures, retry_after)
            return told

    def record_success(
        self,
        connection_id: str,
        now: datetime,
        *,
        deep: bool = False,
        next_poll_at: datetime | None = None,
        owner: str | None = None,
        trouble: tuple[str, str] | None = None,
    ) -> bool:
        """A sync went through: its error is history. `deep` if it stepped back further, as it does once a day.

        `trouble` (message and remedy) where a part of it could not be read: it is shown, and counts as no failure.

        Nothing is kept, and False returned, if the connection is gone or `owner` (if given) no longer has its lease.
        """
        with self._database.write() as session:
            row = still(session, connection_id, owner)
            if row is None:
                return False
            row.last_success_at, row.failures = now, 0
            row.refusals, row.refused_at = 0, None
            row.last_error, row.last_remedy = trouble or (None, None)
            row.last_error_at = now if trouble else None
            if deep:
                row.last_deep_at = now
            if next_poll_at is not None:
                row.next_poll_at = next_poll_at
        return True

    def refusal_waves(self, now: datetime) -> tuple[RefusalWave, ...]:
        """Providers that refuse most people lately: nobody is asked to connect again, the operator has to look."""
        with self._database.read() as session:
            return tuple(waves(session, now))

    def note_clock(self, connection_id: str, ahead_s: int | None) -> None:
        """How far this machine's clock is ahead of the provider's; None where they agree."""
        with self._database.write() as session:
            locked(session, connection_id).clock_ahead_s = ahead_s

    def note_records_until(self, connection_id: str, until: datetime | None) -> None:
        """Until when the account's records are dated, where that is after now; None where it is not."""
        with self._database.write() as session:
            locked(session, connection_id).records_until = until

    def upload(self, connection_id: str, *, on: bool) -> None:
        """Whether what the person has from elsewhere goes to this account too. Off, what is there stays there."""
        with self._database.write() as session:
            locked(session, connection_id).uploads = on

    def note_uploaded(self, connection_id: str, data_set: str, until: datetime | None, owner: str) -> None:
        """What was written here `until` then is in the data set; nothing where `owner` no longer has the lease."""
        with self._database.write() as session:
            row = still(session, connection_id, owner)
            if row is not None:
                row.data_set, row.uploaded_until = data_set, until

    def schedule(self, connection_id: str, next_poll_at: datetime) -> None:
        """When the connection is due next."""
        with self._database.write() as session:
            locked(session, connection_id).next_poll_at = next_poll_at

    def follow_index(self, user_id: str, old: str, new: str) -> None:
        """A person's checkpoints that spoke of one index (by its lineage) speak of another, which holds the same."""
        theirs = CheckpointRow.connection_id.in_(select(ConnectionRow.id).where(ConnectionRow.user_id == user_id))
        with self._database.write() as session:
            session.execute(update(CheckpointRow).where(theirs, CheckpointRow.lineage == old).values(lineage=new))

    def checkpoints(self, connection_id: str, scope: str = SYNC) -> tuple[Checkpoint, ...]:
        """How far each kind is safely stored."""
        query = select(CheckpointRow).filter_by(connection_id=connection_id, scope=scope).order_by(CheckpointRow.kind)
        with self._database.read() as session:
            return tuple(
                Checkpoint(
                    kind=cast("Kind", row.kind), position=row.position, updated_at=row.updated_at, read_at=row.read_at
                )
                for row in session.scalars(query)
            )
