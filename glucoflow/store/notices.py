"""What notices stand, and the messages on their way: so that a restart neither repeats nor forgets.

What stands is decided and what follows from it written in one transaction, in which the row is locked: of two workers
that look at once, the second sees what the first has told. A message is leased by whoever sends it.
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, cast

import msgspec
from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.orm import Session

from glucoflow.model.notices import Cause, Channel, Message, Outgoing, Standing, State
from glucoflow.model.same_names import made_of
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database
from glucoflow.store.future import has_come
from glucoflow.store.notice_tables import NoticeMessageRow, NoticeRow, ReceiverRow
from glucoflow.store.owners import is_gone
from glucoflow.store.receivers import noted
from glucoflow.store.tables import MetaRow
from glucoflow.store.tokens import hash_of

KEPT_FOR = timedelta(days=30)
LOOKED = "notices_looked_at"
"""The row of `meta` that says when everybody was looked at last."""
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Addressed(NamedTuple):
    """A message to one receiver, and the token in its link."""

    receiver_id: str
    message: Message
    token: str


class Told(NamedTuple):
    """What a look at one cause came to: the state from now on, and what is to be sent, if anything."""

    state: State
    messages: Sequence[Addressed]
    until: datetime
    """When it is too late to send them."""


class Notices:
    """Everybody's, the operator's among them."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def look(self, user_id: str | None, cause: Cause, decide: Callable[[State], Told], now: datetime) -> int:
        """Decide about one cause, and put what follows on its way; how many messages that are.

        `decide` gets what is remembered. It runs inside a transaction, and waits for nothing. A message of before that
        is still on its way to the same receiver goes nowhere any more: nobody is told twice at once.
        """
        key = key_of(user_id, cause)
        first = self._database.insert(NoticeRow).values(key=key, user_id=user_id, cause=cause, times=0)
        with self._database.write() as session:
            session.execute(first.on_conflict_do_nothing(index_elements=["key"]))
            row = session.get_one(NoticeRow, key, with_for_update=True, populate_existing=True)
            told = decide(_state(row))
            row.since, row.said_at = told.state.since, told.state.said_at
            row.times, row.acknowledged_at = told.state.times, told.state.acknowledged_at
            session.flush()
            if told.messages:
                theirs = NoticeMessageRow.receiver_id.in_([one.receiver_id for one in told.messages])
                _give_up(session, now, NoticeMessageRow.notice_key == key, theirs)
            session.add_all(self._outgoing(key, one, told, now) for one in told.messages)
        return len(told.messages)

    def states(self, user_id: str | None) -> dict[Cause, State]:
        """What is remembered of each cause that was ever looked at."""
        with self._database.read() as session:
            rows = session.scalars(select(NoticeRow).where(_of(user_id))).all()
            return {cast("Cause", row.cause): _state(row) for row in rows}

    def standing(self, user_id: str | None) -> tuple[Standing, ...]:
        """What was told or stands, the newest first."""
        query = select(NoticeRow).where(_of(user_id), or_(NoticeRow.since.is_not(None), NoticeRow.said_at.is_not(None)))
        with self._database.read() as session:
            found = [
                Standing(user_id=row.user_id, cause=cast("Cause", row.cause), **msgspec.structs.asdict(_state(row)))
                for row in session.scalars(query)
            ]
        return tuple(sorted(found, key=lambda one: one.said_at or one.since or NEVER, reverse=True))

    def claim(self, owner: str, now: datetime, lease_for: timedelta, limit: int) -> list[Outgoing]:
        """Messages that are due and that nobody is sending, now leased to `owner`. What is too late is given up."""
        row = NoticeMessageRow
        free = or_(row.owner_until.is_(None), has_come(row.owner_until, now))
        due = (row.done_at.is_(None), has_come(row.next_try_at, now), free)
        query = select(row).where(*due).order_by(row.next_try_at, row.id).limit(limit)
        with self._database.write() as session:
            _free_what_is_gone(session)
            session.execute(
                update(row).where(row.done_at.is_(None), row.until < now, free).values(done_at=now, text=b"")
            )
            session.execute(delete(row).where(row.made_at < now - KEPT_FOR))
            rows = session.scalars(query.with_for_update(skip_locked=True)).all()
            found = []
            for one in rows:
                one.owner, one.owner_until = owner, now + lease_for
                found.append(self._claimed(session, one))
            return found

    def looked(self, now: datetime) -> datetime | None:
        """Note that everybody is looked at now; when they were before, None where never."""
        moment = now.isoformat().encode()
        note = self._database.insert(MetaRow).values(name=LOOKED, value=moment)
        with self._database.write() as session:
            row = session.get(MetaRow, LOOKED)
            before = None if row is None else datetime.fromisoformat(row.value.decode())
            session.execute(note.on_conflict_do_update(index_elements=["name"], set_={"value": moment}))
        return before

    def count_waiting(self) -> int:
        """Messages that are neither sent nor given up."""
        query = select(func.count()).select_from(NoticeMessageRow).where(NoticeMessageRow.done_at.is_(None))
        with self._database.read() as session:
            return session.scalar(query) or 0

    def sent(self, message_id: str, owner: str, now: datetime) -> None:
        """It went out. Nothing is done where the lease is somebody else's by now."""
        self._end(message_id, owner, now, None, now)

    def failed(self, message_id: str, owner: str, error: str, now: datetime, again: datetime | None) -> None:
        """It did not, and is tried again then; None gives it up."""
        self._end(message_id, owner, None if again else now, error, now, again)

    def of_link(self, token: str) -> Standing | None:
        """The notice that a link acknowledges, as it stands now; None for an unknown link."""
        query = (
            select(NoticeRow, NoticeMessageRow.since)
            .join(NoticeMessageRow, NoticeMessageRow.notice_key == NoticeRow.key)
            .where(NoticeMessageRow.link_hash == hash_of(token))
        )
        with self._database.read() as session:
            found = session.execute(query).first()
            if found is None:
                return None
            row, since = found
            state = _state(row) if row.since == since else msgspec.structs.replace(_state(row), since=None)
            return Standing(user_id=row.user_id, cause=cast("Cause", row.cause), **msgspec.structs.asdict(state))

    def acknowledge(self, token: str, now: datetime) -> bool:
        """No more is said of it until it is over. False where the link is of no notice that still stands."""
        with self._database.write() as session:
            found = session.execute(
                select(NoticeMessageRow.notice_key, NoticeMessageRow.since).where(
                    NoticeMessageRow.link_hash == hash_of(token)
                )
            ).first()
            if found is None:
                return False
            return _acknowledged(session, found[0], found[1], now)

    def acknowledge_standing(self, user_id: str | None, cause: Cause, now: datetime) -> bool:
        """The same by whoever is logged in. False where it does not stand."""
        with self._database.write() as session:
            return _acknowledged(session, key_of(user_id, cause), None, now)

    def put_off(self, message_id: str, owner: str, until: datetime) -> None:
        """It is not sent before then, by whoever; that costs it no try."""
        row = NoticeMessageRow
        held = update(row).where(row.id == message_id, row.owner == owner)
        with self._database.write() as session:
            session.execute(held.values(owner=None, owner_until=None, next_try_at=until))

    def _outgoing(self, key: str, one: Addressed, told: Told, now: datetime) -> NoticeMessageRow:
        return NoticeMessageRow(
            id=uuid.uuid4().hex,
            notice_key=key,
            receiver_id=one.receiver_id,
            link_hash=hash_of(one.token),
            since=told.state.since or now,
            text=self._cipher.seal(msgspec.json.encode(one.message)),
            made_at=now,
            until=told.until,
            next_try_at=now,
            tries=0,
        )

    def _claimed(self, session: Session, row: NoticeMessageRow) -> Outgoing:
        receiver = session.get_one(ReceiverRow, row.receiver_id)
        notice = session.get_one(NoticeRow, row.notice_key)
        text = self._cipher.open(row.text, f"A message to {receiver.name}")
        return Outgoing(
            id=row.id,
            key=row.notice_key,
            user_id=notice.user_id,
            receiver_id=receiver.id,
            channel=cast("Channel", receiver.channel),
            cause=cast("Cause", notice.cause),
            message=msgspec.json.decode(text, type=Message),
            tries=row.tries,
            until=row.until,
        )

    def _end(
        self,
        message_id: str,
        owner: str,
        done_at: datetime | None,
        error: str | None,
        now: datetime,
        again: datetime | None = None,
    ) -> None:
        row = NoticeMessageRow
        values: dict[str, object] = {"owner": None, "owner_until": None, "error": error, "tries": row.tries + 1}
        values |= {"next_try_at": again} if again else {"done_at": done_at, "text": b""}
        with self._database.write() as session:
            held = update(row).where(row.id == message_id, row.owner == owner).values(**values)
            found = session.execute(held.returning(row.receiver_id)).first()
            if found is not None:
                noted(session, found[0], error, now)


def _of(user_id: str | None) -> ColumnElement[bool]:
    return NoticeRow.user_id.is_(None) if user_id is None else NoticeRow.user_id == user_id


def key_of(user_id: str | None, cause: Cause) -> str:
    return f"{user_id or ''}/{cause}"


def _acknowledged(session: Session, key: str, since: datetime | None, now: datetime) -> bool:
    """The messages of it that did not go out yet go nowhere any more."""
    stands = and_(NoticeRow.key == key, NoticeRow.since.is_not(None) if since is None else NoticeRow.since == since)
    done = session.execute(update(NoticeRow).where(stands).values(acknowledged_at=now).returning(NoticeRow.key)).first()
    if done is None:
        return False
    _give_up(session, now, NoticeMessageRow.notice_key == key)
    return True


def _give_up(session: Session, now: datetime, *which: ColumnElement[bool]) -> None:
    """Those of these messages that wait."""
    waiting = update(NoticeMessageRow).where(*which, NoticeMessageRow.done_at.is_(None))
    session.execute(waiting.values(done_at=now, text=b""))


def _free_what_is_gone(session: Session) -> None:
    """A process that ended while it sent holds no message up."""
    row = NoticeMessageRow
    held: Sequence[str | None] = session.scalars(select(row.owner).where(row.owner.is_not(None)).distinct()).all()
    gone = [owner for owner in held if owner is not None and is_gone(owner)]
    if gone:
        session.execute(update(row).where(row.owner.in_(gone)).values(owner=None, owner_until=None))


def _state(row: NoticeRow) -> State:
    return made_of(row, State)
