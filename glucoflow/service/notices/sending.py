"""Messages handed over to mail servers, services and browsers: each within a deadline, whatever the other side does.

A message that is not taken is tried again until it is too late for it. Killed in the very moment between handing over
and writing that down, it is sent once more: twice is better than never here.
"""

import logging
import re
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from queue import Empty, Queue
from time import monotonic

import msgspec
import requests
from pydantic import SecretStr

from glucoflow.model.errors import GlucoflowError
from glucoflow.model.notices import GLUCOSE, Channel, Message, Outgoing, Terms
from glucoflow.model.said import said
from glucoflow.service.mail import mail_of
from glucoflow.service.notices.addresses import quiet, service
from glucoflow.service.notices.push import Gone, new_key, push
from glucoflow.service.notices.rules import quiet_until
from glucoflow.service.runtime import Runtime
from glucoflow.settings.doors import NoticeSettings
from glucoflow.store import new_owner

log = logging.getLogger(__name__)

AT_ONCE = 8
LEASE = timedelta(minutes=3)
"""Longer than any deadline."""
MOST = 200
FIRST_WAIT = timedelta(minutes=1)
NO_ANSWER = said("It did not answer in time.")
NOT_TAKEN = said("It did not take the message.")
GONE = said("This browser takes no notices any more. Turn them on in it again.")


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the messages that were due."""

    sent: int = 0
    failed: int = 0


class NotTaken(Exception):
    """In words for whoever the receiver is; `gone`: it is of no use to try again."""

    def __init__(self, reason: str, *, gone: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.gone = gone


def send_due(rt: Runtime, within: float | None = None) -> Sent:
    """Send what is due, in at most `within` seconds; what did not get done by then is failed for now."""
    owner, now = new_owner(), rt.clock()
    claimed = _awake(rt, owner, rt.store.notices.claim(owner, now, LEASE, MOST), now)
    if not claimed:
        return Sent()
    seconds = within or rt.settings.notices.deadline_seconds
    results = all_within([_prepared(rt, one, now) for one in claimed], seconds)
    for one, result in zip(claimed, results, strict=True):
        _settle(rt, owner, one, result, rt.clock())
    failed = sum(result is not None for result in results)
    if failed:
        log.warning("notices were not taken", extra={"messages": failed})
    return Sent(sent=len(claimed) - failed, failed=failed)


def send_test(rt: Runtime, receiver_id: str, message: Message, within: float = 15.0) -> str | None:
    """Send one message now; None where it was taken, else what is wrong. Raises Rejected for an unknown receiver."""
    receiver, address = rt.store.receivers.get(receiver_id), rt.store.receivers.address(receiver_id)
    send = _sending(rt, receiver.channel, address, message, "test", timedelta(minutes=5), urgent=False)
    (result,) = all_within([send], within)
    rt.store.receivers.note(receiver_id, result.reason if result else None, rt.clock())
    return result.reason if result else None


def _awake(rt: Runtime, owner: str, claimed: Sequence[Outgoing], now: datetime) -> list[Outgoing]:
    """Those that may go out now. What was told before quiet hours and did not get out waits for their end."""
    hours = {user_id: _quiet_hours(rt, user_id) for user_id in {one.user_id for one in claimed}}
    found = []
    for one in claimed:
        later = quiet_until(one.cause, *hours[one.user_id], now)
        if later > now:
            rt.store.notices.put_off(one.id, owner, later)
        else:
            found.append(one)
    return found


def _quiet_hours(rt: Runtime, user_id: str | None) -> tuple[Terms, str]:
    """The terms of a person, or of the operator, and the time zone that they are by."""
    if user_id is None:
        return operators_terms(rt.settings.notices), rt.settings.notices.zone
    person = rt.store.people.find(user_id)
    return (Terms(), "UTC") if person is None else (rt.store.receivers.terms(user_id), person.zone)


def operators_terms(settings: NoticeSettings) -> Terms:
    """The operator's, whose limits of glucose nobody needs."""
    start, end = (None if at is None else at.hour * 60 + at.minute for at in (settings.quiet_start, settings.quiet_end))
    return Terms(quiet_start=start, quiet_end=end)


def _settle(rt: Runtime, owner: str, one: Outgoing, result: NotTaken | None, now: datetime) -> None:
    if result is None:
        rt.store.notices.sent(one.id, owner, now)
        return
    again = now + FIRST_WAIT * 2 ** min(one.tries, 6)
    rt.store.notices.failed(one.id, owner, result.reason, now, None if result.gone or again > one.until else again)
    if result.gone:
        rt.store.receivers.choose(one.receiver_id, ())


def _prepared(rt: Runtime, one: Outgoing, now: datetime) -> Callable[[], None]:
    """What sends it. What cannot even be prepared fails by itself: a receiver that went meanwhile, a setting."""
    try:
        address = rt.store.receivers.address(one.receiver_id)
        urgent = one.cause in GLUCOSE
        return _sending(rt, one.channel, address, one.message, one.key, one.until - now, urgent=urgent)
    except GlucoflowError as error:
        return partial(_fail, error)


def _fail(error: GlucoflowError) -> None:
    raise error


def _sending(
    rt: Runtime, channel: Channel, address: SecretStr, message: Message, tag: str, lasting: timedelta, *, urgent: bool
) -> Callable[[], None]:
    """What hands a message over; of two with one `tag`, the newer replaces the older where nobody has read it.

    What it gives raises NotTaken, and reads nothing of the store: it may go on past its deadline.
    """
    if channel == "mail":
        server = mail_of(rt.settings.mail)

        def by_mail() -> None:
            if server is None:
                raise NotTaken(said("No mail server is set any more (SMTP_HOST)."))
            server.send(address.get_secret_value(), " ".join(message.title.split()), message.text)

        return by_mail
    if channel == "push":
        key = rt.store.receivers.push_key(new_key)
        contact = rt.settings.notices.contact or rt.settings.mail.sender or "nobody@example.org"

        def by_push() -> None:
            try:
                push(address, message, tag, key, contact, lasting, urgent=urgent)
            except Gone:
                raise NotTaken(GONE, gone=True) from None

        return by_push
    return lambda: by_service(address, message)


def by_service(address: SecretStr, message: Message) -> None:
    """By Apprise. Raises NotTaken, with the kind of failure and nothing of the address."""
    plugin = service(address)
    if plugin is None:
        raise NotTaken(said("Apprise does not know this address any more."))
    with _Reasons() as reasons:
        taken = plugin.notify(title=message.title, body=message.text)
    if not taken:
        raise NotTaken(reasons.words())


def all_within(jobs: Sequence[Callable[[], None]], seconds: float) -> list[NotTaken | None]:
    """Do all, a few at a time, and wait so long at most; the outcome of each, in their order.

    Threads that hang are left behind: they hold nobody up, not even the end of the process.
    """
    outcomes: dict[int, NotTaken | None] = {}
    waiting: Queue[int] = Queue()
    done: Queue[tuple[int, NotTaken | None]] = Queue()
    deadline = monotonic() + seconds
    for number in range(len(jobs)):
        waiting.put(number)

    def work() -> None:
        while monotonic() < deadline:
            try:
                number = waiting.get_nowait()
            except Empty:
                return
            done.put((number, _outcome(jobs[number])))

    for _ in range(min(AT_ONCE, len(jobs))):
        threading.Thread(target=work, name="notices", daemon=True).start()
    while len(outcomes) < len(jobs) and (left := deadline - monotonic()) > 0:
        try:
            number, outcome = done.get(timeout=left)
        except Empty:
            break
        outcomes[number] = outcome
    return [outcomes.get(number, NotTaken(NO_ANSWER)) for number in range(len(jobs))]


def _outcome(job: Callable[[], None]) -> NotTaken | None:
    try:
        job()
    except NotTaken as error:
        return error
    except GlucoflowError as error:
        return NotTaken(error.message)
    except requests.Timeout:
        return NotTaken(NO_ANSWER)
    except requests.ConnectionError:
        return NotTaken(said("It could not be reached."))
    except Exception as error:  # noqa: BLE001 – whatever a plug-in raises costs this message, and no other
        return NotTaken(said("It did not take the message (%(kind)s).", kind=type(error).__name__))
    return None


class _Reasons(logging.Handler):
    """Hears why Apprise failed in this thread. Of its lines only the kind is kept: they hold parts of addresses."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._thread = threading.get_ident()
        self._lines: list[str] = []

    def __enter__(self) -> "_Reasons":
        quiet()
        logging.getLogger("apprise").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("apprise").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self._thread:
            self._lines.append(record.getMessage())

    def words(self) -> str:
        text = " ".join(self._lines)
        status = re.search(r"error=(\d{3})\b", text)
        if status is not None:
            return said("It did not take the message (HTTP %(status)s).", status=status[1])
        if "onnection" in text:
            return said("It could not be reached.")
        return NOT_TAKEN
