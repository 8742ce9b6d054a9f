"""Opening the store: the one place where its parts are put together."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Self

from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from glucoflow.store import sealed
from glucoflow.store.annotations import Exclusions, Protocols
from glucoflow.store.apps import Apps
from glucoflow.store.audit import Audit
from glucoflow.store.backfills import Backfills
from glucoflow.store.calls import Calls
from glucoflow.store.connection_rows import whose
from glucoflow.store.connections import SYNC, Connections
from glucoflow.store.credentials import CredentialStore, nothing_happens
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database, database_url, is_missing
from glucoflow.store.invites import Invites
from glucoflow.store.keys import Keys
from glucoflow.store.kibana_guests import KibanaGuests
from glucoflow.store.leases import Leases
from glucoflow.store.ledger import StoreLedger
from glucoflow.store.login_accounts import LoginAccounts
from glucoflow.store.login_sessions import LoginSessions
from glucoflow.store.login_waits import LoginWaits
from glucoflow.store.migrate import CANARY, migrate
from glucoflow.store.notices import Notices
from glucoflow.store.oauth_states import OAuthStates
from glucoflow.store.partners import Partners
from glucoflow.store.passkeys import Passkeys
from glucoflow.store.people import People
from glucoflow.store.receipts import Receipts
from glucoflow.store.receivers import Receivers, rotate_push_key
from glucoflow.store.rejected import RejectedRecords
from glucoflow.store.runs import Runs
from glucoflow.store.shares import Shares
from glucoflow.store.spent import Spent
from glucoflow.store.tables import ConnectionRow, MetaRow
from glucoflow.store.unread import UnreadWindows
from glucoflow.store.values import Rotated

_ROWS_A_STEP = 200


class Store:
    """Everything glucoflow remembers besides readings. Safe to use from many threads."""

    def __init__(self, database: Database, cipher: Cipher, on_point: Callable[[str], None] = nothing_happens) -> None:
        """A store over a database that is migrated already; see `open_store`. `on_point` is `CredentialStore`'s."""
        self.people = People(database)
        self.connections = Connections(database, cipher)
        self.leases = Leases(database)
        self.credentials = CredentialStore(database, cipher, on_point=on_point)
        self.runs = Runs(database)
        self.backfills = Backfills(database)
        self.calls = Calls(database)
        self.rejected_records = RejectedRecords(database, cipher)
        self.unread = UnreadWindows(database)
        self.oauth_states = OAuthStates(database)
        self.login_accounts = LoginAccounts(database, cipher)
        self.login_sessions = LoginSessions(database)
        self.login_waits = LoginWaits(database)
        self.passkeys = Passkeys(database)
        self.spent = Spent(database)
        self.invites = Invites(database)
        self.shares = Shares(database)
        self.audit = Audit(database)
        self.receipts = Receipts(database)
        self.kibana_guests = KibanaGuests(database, cipher)
        self.apps = Apps(database)
        self.partners = Partners(database)
        self.exclusions = Exclusions(database)
        self.protocols = Protocols(database)
        self.receivers = Receivers(database, cipher)
        self.notices = Notices(database, cipher)
        self._database = database
        self._cipher = cipher

    def __repr__(self) -> str:
        return f"Store({self._database!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ledger(
        self, connection_id: str, run_id: str, owner: str, *, scope: str = SYNC, lease_for: timedelta | None = None
    ) -> StoreLedger:
        """The ledger for `ingest`. A backfill gives a `scope` of its own, for instance its window."""
        return StoreLedger(self._database, self._cipher, connection_id, run_id, owner, scope=scope, lease_for=lease_for)

    def check(self) -> None:
        """Raises Unavailable if the database does not answer, WrongKey if the key does not fit."""
        with self._database.read() as session:
            canary = session.get(MetaRow, CANARY)
            if canary is not None:
                self._cipher.check(canary.value)

    def examine(self) -> None:
        """`check`, and on SQLite a look at every page of the file: half a second for 200 MB. For starts and `doctor`.

        Raises Unavailable if it is damaged.
        """
        self.check()
        self._database.examine()

    def key_ids(self) -> tuple[str, ...]:
        """The keys at hand, newest first, by what tells them apart and nothing else."""
        return self._cipher.key_ids

    def snapshot(self, to: Path) -> None:
        """One moment of everything as an SQLite file at `to`, while work goes on. Raises as `copying.snapshot`."""
        from glucoflow.store.copying import snapshot  # Alembic is a third of a second

        snapshot(self._database, to, self._cipher)

    def rotate(self, on_progress: Callable[[int], None] = lambda _done: None) -> Rotated:
        """Encrypt everything anew with the newest key, in small steps, while work goes on. Raises WrongKey.

        Afterwards the older keys can be dropped. `on_progress` is told how many values each step did.
        """
        connections = self._in_steps(self._rotate_connections, on_progress)
        done = {one.row: self._in_steps(partial(self._renew, one), on_progress) for one in sealed.ALL}
        with self._database.write() as session:
            rotate_push_key(session, self._cipher)
            session.merge(MetaRow(name=CANARY, value=self._cipher.canary()))
        return Rotated(
            connections=connections,
            rejected_records=done[sealed.REJECTED_RECORDS.row],
            second_factors=done[sealed.SECOND_FACTORS.row],
        )

    def close(self) -> None:
        """Give the database's connections back. On SQLite the file then holds everything, and can be copied alone."""
        self._database.close()

    def encrypted(self) -> int:
        """How many values are encrypted: what a rotation may have to do."""
        connections = select(func.count()).where(ConnectionRow.key_id.is_not(None))
        questions = (connections, *map(sealed.count, sealed.ALL))
        with self._database.read() as session:
            return sum(session.scalar(one) or 0 for one in questions)

    def _in_steps(self, step: Callable[[Session, Any], tuple[int, Any]], on_progress: Callable[[int], None]) -> int:
        total, after = 0, None
        while True:
            with self._database.write() as session:
                done, after = step(session, after)
            if not done:
                return total
            total += done
            on_progress(done)

    def _rotate_connections(self, session: Session, after: str | None) -> tuple[int, str | None]:
        row = ConnectionRow
        query = select(row).where(row.id > (after or ""), row.key_id != self._cipher.key_id).order_by(row.id)
        rows = session.scalars(query.limit(_ROWS_A_STEP).with_for_update(key_share=True)).all()
        for found in rows:
            if found.credentials is not None:
                found.credentials = self._cipher.renew(found.credentials, whose(found))
            found.key_id = self._cipher.key_id
        return len(rows), rows[-1].id if rows else after

    def _renew(self, one: sealed.Sealed, session: Session, after: Any) -> tuple[int, Any]:
        return sealed.renew(session, one, self._cipher, after, _ROWS_A_STEP)


def open_store(
    data_dir: Path,
    *,
    url: SecretStr | None = None,
    token_key: SecretStr | None = None,
    on_point: Callable[[str], None] = nothing_happens,
) -> Store:
    """The store at `url`, or in SQLite under `data_dir`: migrated, and its key proven to be the right one.

    `token_key`: Fernet keys, newest first, by comma; without, the key file in `data_dir` (made on a first start).
    Raises Misconfigured (bad address, wrong or missing key, database of a newer version) and Unavailable (down,
    locked, full, damaged), each naming its cure; whether the whole file is sound is `Store.examine`'s question. The
    caller closes the store.
    """
    keys = Keys(token_key, data_dir)
    place = database_url(url, data_dir)
    if is_missing(place):
        keys.refuse_old()
    database = Database(place)
    try:
        cipher = migrate(database, keys)
    except BaseException:
        database.close()
        raise
    return Store(database, cipher, on_point)
