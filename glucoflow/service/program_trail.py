"""What programs read and send, for the trail: one row a day for each program, person and door, with a count.

A phone that polls each minute would else write 1,440 rows a day. The first time of a day is written at once, so that it
is seen; what follows is counted here, and written once a minute at most and before anybody looks at the trail.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import msgspec

from glucoflow.model.errors import GlucoflowError
from glucoflow.store import Store
from glucoflow.store.audit import Deed
from glucoflow.store.login_waits import place

log = logging.getLogger(__name__)
WRITTEN_EVERY = timedelta(minutes=1)


@contextmanager
def stopping_nobody() -> Iterator[None]:
    """A trail that cannot be written is logged, and stops nobody."""
    try:
        yield
    except GlucoflowError as error:
        log.warning("the audit trail could not be written: %s", type(error).__name__)


class _Counted(msgspec.Struct):
    deed: Deed
    day: str
    times: int
    at: datetime
    written_at: datetime


class ProgramTrail:
    """Kept by this process; the counts of a minute are lost where it is killed. Whoever ends it calls `flush`."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._counted: dict[tuple[str, str, str, str], _Counted] = {}

    def read(self, who: str, user_id: str, door: str, address: str = "") -> None:
        """A program read something of a person by this door."""
        self._note(Deed(who=who, action="read by", what=door, user_id=user_id, place=place(address)))

    def sent(self, who: str, user_id: str, door: str, address: str = "") -> None:
        """A program sent, changed or deleted something of a person by this door."""
        self._note(Deed(who=who, action="sent by", what=door, user_id=user_id, place=place(address)))

    def flush(self) -> None:
        """Write what was counted and is not written yet."""
        with self._lock:
            due = [one for one in self._counted.values() if one.times]
        for one in due:
            self._write(one)

    def _note(self, deed: Deed) -> None:
        now = self._clock()
        key = (deed.who, deed.user_id or "", deed.action, deed.what)
        with self._lock:
            held = self._counted.get(key)
            before = None
            if held is None or held.day != f"{now:%Y%m%d}":
                before = held
                held = self._counted[key] = _Counted(deed, f"{now:%Y%m%d}", 0, now, now - WRITTEN_EVERY)
            held.times, held.at = held.times + 1, now
            due = now - held.written_at >= WRITTEN_EVERY
        if before is not None:
            self._write(before)
        if due:
            self._write(held)

    def _write(self, counted: _Counted) -> None:
        with self._lock:
            times, counted.times, counted.written_at = counted.times, 0, counted.at
        if not times:
            return
        with stopping_nobody():
            self._store.audit.add(counted.deed, counted.at, times)
