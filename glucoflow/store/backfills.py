"""The queue of backfills: each that was asked for waits for its turn, and whoever runs next takes it."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import Kind
from glucoflow.model.same_names import made_of
from glucoflow.store.database import Database
from glucoflow.store.future import has_come
from glucoflow.store.owners import is_gone
from glucoflow.store.people import unknown_person
from glucoflow.store.tables import BackfillRow, PersonRow
from glucoflow.store.values import Backfill, BackfillState

_OPEN = ("asked", "waiting", "running")


class Backfills:
    """Backfills of everybody, by the days that were asked for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(
        self,
        user_id: str,
        first: date,
        last: date,
        now: datetime,
        provider: str | None = None,
        kinds: Sequence[Kind] = (),
    ) -> Backfill:
        """Put it into the queue. The same days, asked for while they are still open, are the same backfill.

        Raises Rejected for an unknown person.
        """
        wish = {"user_id": user_id, "first": first, "last": last, "provider": provider, "kinds": ",".join(kinds)}
        with self._database.write() as session:
            if session.get(PersonRow, user_id, with_for_update={"key_share": True}) is None:
                raise unknown_person(user_id)
            row = session.scalars(select(BackfillRow).filter_by(**wish).where(BackfillRow.state.in_(_OPEN))).first()
            if row is None:
                row = BackfillRow(
                    id=uuid.uuid4().hex,
                    state="asked",
                    progress=0.0,
                    message="",
                    remedy="",
                    tries=0,
                    asked_at=now,
                    next_try_at=now,
                    **wish,
                )
                session.add(row)
            elif row.state == "waiting":
                row.next_try_at = now
            session.flush()
            return _backfill(row)

    def get(self, backfill_id: str) -> Backfill:
        """The backfill. Raises Rejected if there is none."""
        with self._database.read() as session:
            row = session.get(BackfillRow, backfill_id)
            if row is None:
                raise Rejected("backfill", "is not there; its person may have been deleted")
            return _backfill(row)

    def list(self, *, user_id: str | None = None, limit: int = 20) -> tuple[Backfill, ...]:
        """The latest first."""
        query = select(BackfillRow).order_by(BackfillRow.asked_at.desc(), BackfillRow.id).limit(limit)
        if user_id is not None:
            query = query.filter_by(user_id=user_id)
        with self._database.read() as session:
            return tuple(_backfill(row) for row in session.scalars(query))

    def due(self, now: datetime) -> tuple[Backfill, ...]:
        """Those that wait for somebody to take them, and those whose worker is gone; the first asked first."""
        query = select(BackfillRow).where(_free(now)).order_by(BackfillRow.asked_at, BackfillRow.id)
        with self._database.write() as session:
            _free_what_is_gone(session, now)
            return tuple(_backfill(row) for row in session.scalars(query))

    def open(self, user_id: str) -> tuple[Backfill, ...]:
        """A person's that are not finished; the first asked first."""
        query = select(BackfillRow).filter_by(user_id=user_id).where(BackfillRow.state.in_(_OPEN))
        with self._database.read() as session:
            return tuple(
                _backfill(row) for row in session.scalars(query.order_by(BackfillRow.asked_at, BackfillRow.id))
            )

    def take(self, backfill_id: str, owner: str, now: datetime, lease_for: timedelta) -> Backfill | None:
        """It is `running`, and `owner`'s; None if somebody else has it, or it is finished."""
        query = select(BackfillRow).where(BackfillRow.id == backfill_id, _free(now, whenever=True))
        with self._database.write() as session:
            _free_what_is_gone(session, now)
            row = session.scalars(query.with_for_update(skip_locked=True)).first()
            if row is None:
                return None
            row.state, row.owner, row.owner_until = "running", owner, now + lease_for
            session.flush()
            return _backfill(row)

    def renew(self, backfill_id: str, owner: str, progress: float, now: datetime, lease_for: timedelta) -> None:
        """How far it is (0 to 1), and that it lives. Nothing is done if it is no longer `owner`'s."""
        with self._database.write() as session:
            row = _held(session, backfill_id, owner)
            if row is not None:
                row.progress, row.owner_until = min(1.0, max(0.0, progress)), now + lease_for

    def hold(self, backfill_id: str, owner: str, message: str, now: datetime, lease_for: timedelta) -> bool:
        """It stays `owner`'s and waits, and says for what. False if it is no longer theirs."""
        return self._goes_on(backfill_id, owner, "waiting", message, now + lease_for)

    def go_on(self, backfill_id: str, owner: str, now: datetime, lease_for: timedelta) -> bool:
        """What it held for has come. False if it is no longer `owner`'s."""
        return self._goes_on(backfill_id, owner, "running", "", now + lease_for)

    def _goes_on(self, backfill_id: str, owner: str, state: BackfillState, message: str, until: datetime) -> bool:
        with self._database.write() as session:
            row = _held(session, backfill_id, owner)
            if row is None:
                return False
            row.state, row.message, row.owner_until = state, message, until
            return True

    def wait(
        self, backfill_id: str, owner: str, next_try_at: datetime, message: str, remedy: str = "", *, failed: bool
    ) -> None:
        """It goes back into the queue, and says why. `failed` if something was tried, not if its turn has not come."""
        with self._database.write() as session:
            row = _held(session, backfill_id, owner)
            if row is not None:
                row.state, row.owner, row.owner_until = "waiting", None, None
                row.next_try_at, row.message, row.remedy = next_try_at, message, remedy
                row.tries += failed

    def finish(
        self,
        backfill_id: str,
        owner: str,
        state: Literal["done", "failed"],
        now: datetime,
        message: str = "",
        remedy: str = "",
    ) -> None:
        """How it ended. Nothing is done if it is no longer `owner`'s."""
        with self._database.write() as session:
            row = _held(session, backfill_id, owner)
            if row is not None:
                row.state, row.owner, row.owner_until, row.next_try_at = state, None, None, None
                row.message, row.remedy, row.finished_at = message, remedy, now
                row.progress = 1.0 if state == "done" else row.progress


def _free(now: datetime, whenever: bool = False) -> ColumnElement[bool]:
    """Not finished, and nobody's. `whenever`: also where its next try is still to come."""
    waits = and_(BackfillRow.state.in_(("asked", "waiting")), BackfillRow.owner.is_(None))
    orphaned = and_(BackfillRow.state.in_(_OPEN), has_come(BackfillRow.owner_until, now))
    return or_(waits if whenever else and_(waits, has_come(BackfillRow.next_try_at, now)), orphaned)


def _free_what_is_gone(session: Session, now: datetime) -> None:
    """What a process had that ended without a word waits for the next one."""
    held = select(BackfillRow).where(BackfillRow.state.in_(_OPEN), BackfillRow.owner.is_not(None))
    for row in session.scalars(held).all():
        if row.owner is not None and is_gone(row.owner):
            row.state, row.owner, row.owner_until, row.next_try_at = "waiting", None, None, now
            row.message = "The process that read these days is gone; another goes on where it was."


def _held(session: Session, backfill_id: str, owner: str) -> BackfillRow | None:
    row = session.get(BackfillRow, backfill_id, with_for_update=True)
    return row if row is not None and row.owner == owner else None


def _backfill(row: BackfillRow) -> Backfill:
    return made_of(row, Backfill, kinds=tuple(kind for kind in row.kinds.split(",") if kind))
