"""A connection's credentials: kept encrypted, renewed one at a time, and stored before they are used.

To renew is to refresh an OAuth pair or to sign in again; the lock and the ledger are the same. A refresh token works
once: the answer to a renewal is the only copy of the next one. So a renewal goes lock → re-read → still expiring? →
mark the intent → call → commit → use, with nothing between answer and commit. An intent mark that is found later tells
that a process died in between, or that the answer was lost on its way.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import msgspec
from sqlalchemy import update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import AnswerLost, GlucoflowError, Reauthorize, Unavailable
from glucoflow.store.connection_rows import locked, open_credentials, put_error, seal_credentials, unknown_connection
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database
from glucoflow.store.refresh_lock import Turns
from glucoflow.store.refusals import RECONNECT, judged
from glucoflow.store.tables import ConnectionRow

log = logging.getLogger(__name__)

Renew = Callable[[Credentials, datetime], Credentials]
"""Asks the provider for the next credentials: `provider.Authorizer.refresh`, or a sign-in with user and password."""

MARGIN = timedelta(minutes=5)
SAVE_PATIENCE = 120.0
"""Seconds for which renewed credentials are tried to be stored while the database fails: they exist nowhere else."""
_SIBLING_SECONDS = 1.0
_KEPT_FOR = timedelta(seconds=10)
"""So long a run uses credentials without asking the store again. Whoever lost its connection meanwhile is stopped by
the lease before anything is written; credentials renewed elsewhere are found when the old ones are refused."""


def nothing_happens(_point: str) -> None:
    """The default for `on_point`, called at `after_renewal` and `after_renewal_save`; tests kill it there."""


class _Held(msgspec.Struct, frozen=True, kw_only=True):
    """Credentials as stored."""

    connection_id: str
    version: int
    credentials: Credentials
    interrupted: bool


class CredentialStore:
    """Good credentials for whoever calls a provider."""

    def __init__(
        self,
        database: Database,
        cipher: Cipher,
        *,
        on_point: Callable[[str], None] = nothing_happens,
        sleep: Callable[[float], None] = time.sleep,
        save_patience: float = SAVE_PATIENCE,
    ) -> None:
        """`sleep` takes seconds; `save_patience` is how long a save is tried again while the database fails."""
        self._database = database
        self._cipher = cipher
        self._turns = Turns(database, sleep)
        self._on_point = on_point
        self._sleep = sleep
        self._save_patience = save_patience

    def current(
        self,
        connection_id: str,
        now: datetime,
        renew: Renew,
        margin: timedelta = MARGIN,
        force: bool = False,
        rejected: Credentials | None = None,
    ) -> Credentials:
        """Credentials that are good for `margin` longer, renewed through `renew` if they must be.

        `now` must be the present moment, not the start of a run: the turn is timed by it on SQLite.
        `force` renews in any case, as after a 401. Better is `rejected`, those that the provider refused: where the
        store holds others by now, these are returned instead. However many ask at the same moment, the provider is
        called once.

        Raises Reauthorize if the consent is gone (recorded with its cure), Retryable while a no is not believed yet,
        what `renew` raises (after AnswerLost an intent mark is left), WrongKey, Unavailable if the database fails
        (before the call: nothing happened) and Rejected for an unknown connection.
        """
        seen = self._read(connection_id)
        if not force and _good(seen, margin, now, rejected):
            return seen.credentials
        with self._turns.take(connection_id, now):
            held = self._read(connection_id)
            renewed_meanwhile = held.version != seen.version
            if (renewed_meanwhile or not force) and _good(held, margin, now, rejected):
                return held.credentials
            return self._renew(held, now, renew)

    def source(
        self, connection_id: str, renew: Renew, clock: Callable[[], datetime], margin: timedelta = MARGIN
    ) -> Callable[[bool], Credentials]:
        """A function for a connector: `source(False)` gives good credentials, `source(True)` others than the last.

        It is for one run: a renewal that failed is not repeated in it, whoever asks, but fails again as it did.
        """
        last: Credentials | None = None
        found_at: datetime | None = None
        failed: GlucoflowError | None = None

        def credentials(force: bool) -> Credentials:
            nonlocal last, found_at, failed
            if failed is not None:
                raise failed
            now, rejected = clock(), last if force else None
            kept = found_at is not None and timedelta(0) <= now - found_at < _KEPT_FOR
            if last is not None and kept and not force and last.good_for(margin, now):
                return last
            try:
                last = self.current(connection_id, now, renew, margin, force=force and not rejected, rejected=rejected)
            except GlucoflowError as error:
                failed = error
                raise
            found_at = now
            return last

        return credentials

    def _renew(self, held: _Held, now: datetime, renew: Renew) -> Credentials:
        self._mark(held, now)
        try:
            renewed = renew(held.credentials, now)
        except Reauthorize as error:
            return self._refused(held, error, now)
        except AnswerLost:
            raise  # and the mark stays
        except GlucoflowError:
            self._unmark(held)
            raise
        self._on_point("after_renewal")
        kept = self._insist(partial(self._keep, held, renewed, now))
        self._on_point("after_renewal_save")
        if not kept:  # a new consent, or a disconnect, came in between and wins
            return self._read(held.connection_id).credentials
        log.info("credentials renewed", extra={"connection": held.connection_id})
        return renewed

    def _refused(self, held: _Held, error: Reauthorize, now: datetime) -> Credentials:
        """The provider says no: true, unless a sibling renewed just before us; believed by the rule of `refusals`."""
        tries = int(_SIBLING_SECONDS / 0.25) if held.interrupted else 1
        for attempt in range(tries):
            if attempt:
                self._sleep(0.25)
            current = self._read(held.connection_id)
            if current.version != held.version:
                return current.credentials
        with self._database.write() as session:
            row = locked(session, held.connection_id)
            told = None
            if row.credentials_version == held.version:
                row.refresh_intent_at = None
                told = _lost() if held.interrupted else judged(session, row, error, "sign-in", now)
                if isinstance(told, Reauthorize):
                    put_error(row, told, now)
        if told is None:
            return self._read(held.connection_id).credentials
        log.warning("a renewal was refused", extra={"connection": held.connection_id, "lost": held.interrupted})
        raise told from None

    def _read(self, connection_id: str) -> _Held:
        with self._database.read() as session:
            row = session.get(ConnectionRow, connection_id)
            if row is None:
                raise unknown_connection()
            if row.credentials is None:
                raise Reauthorize(f"The connection to {row.provider} has no credentials.", remedy=RECONNECT)
            if row.state in ("needs_reauthorization", "disconnected"):
                raise Reauthorize(row.last_error or "The consent is gone.", remedy=row.last_remedy or RECONNECT)
            return _Held(
                connection_id=connection_id,
                version=row.credentials_version,
                credentials=open_credentials(row, row.credentials, self._cipher),
                interrupted=row.refresh_intent_at is not None,
            )

    def _mark(self, held: _Held, now: datetime) -> None:
        with self._database.write() as session:
            _change(session, held, refresh_intent_at=now)

    def _unmark(self, held: _Held) -> None:
        if held.interrupted:
            return  # the mark is older than this attempt, and still tells the truth
        try:
            with self._database.write() as session:
                _change(session, held, refresh_intent_at=None)
        except Unavailable:
            log.warning("an intent mark could not be taken back", extra={"connection": held.connection_id})

    def _keep(self, held: _Held, renewed: Credentials, now: datetime) -> bool:
        sealed = seal_credentials(renewed, self._cipher)
        with self._database.write() as session:
            row = session.get(ConnectionRow, held.connection_id, with_for_update={"key_share": True})
            if row is None or row.credentials_version != held.version:
                return False
            row.credentials, row.key_id, row.expires_at = sealed, self._cipher.key_id, renewed.expires_at
            row.credentials_version, row.refresh_intent_at = held.version + 1, None
            if row.state == "needs_reauthorization" and row.account_found is None:
                # A sibling spent the old token while we waited for this answer; what it was told is not true any more.
                row.state, row.next_poll_at = "connected", now
                row.last_error = row.last_remedy = row.last_error_at = None
        return True

    def _insist(self, save: Callable[[], bool]) -> bool:
        """Save, and again while the database fails: what is to be saved exists nowhere else."""
        deadline, delay = time.monotonic() + self._save_patience, 0.1
        while True:
            try:
                return save()
            except Unavailable as error:
                if time.monotonic() + delay > deadline:
                    raise Unavailable(
                        f"New credentials could not be stored for {self._save_patience:.0f} seconds. {error.message}",
                        remedy=f"{error.remedy} If the account then asks for it, connect it again.",
                    ) from None
                log.warning("new credentials could not be stored yet, trying again: %s", error.message)
                self._sleep(delay)
                delay = min(delay * 2, 5.0)


def _lost() -> Reauthorize:
    return Reauthorize(
        "The answer to a renewal was lost: glucoflow stopped in the middle of it, or the network failed. The provider "
        "no longer accepts the token from before it.",
        remedy=RECONNECT,
    )


def _good(held: _Held, margin: timedelta, now: datetime, rejected: Credentials | None) -> bool:
    stored = held.credentials
    return stored.good_for(margin, now) and (rejected is None or stored.values != rejected.values)


def _change(session: Session, held: _Held, **values: object) -> bool:
    """Compare-and-set: False, and nothing done, if the credentials are no longer those that `held` saw."""
    same = (ConnectionRow.id == held.connection_id, ConnectionRow.credentials_version == held.version)
    result = session.execute(update(ConnectionRow).where(*same).values(**values))
    assert isinstance(result, CursorResult)  # noqa: S101 – for the type
    return result.rowcount == 1
