"""The cap on calls of a registered app, where its provider counts all people of an app together, per hour."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

import msgspec

from glucoflow.model.errors import Retryable
from glucoflow.store import Calls

SHARE_AT_ONCE = 1000
"""A thousandth of an hour's cap is the most that is set aside at a time: what is left over is lost to the hour."""


class Used(msgspec.Struct, frozen=True):
    """How many calls the hour has taken, and how many it may take."""

    calls: int
    cap: int


class _SetAside(msgspec.Struct):
    """Calls of one minute that the store has counted and nobody has made yet; `taken` in that minute until now."""

    minute: int
    left: int = 0
    taken: int = 0


class CallBudget:
    """At most `cap` calls of each app in any hour, over all workers on one store.

    One that makes many calls sets some aside, twice as many each time within a minute, so that not every call asks the
    database. They count as made, and go with the minute. For any number of threads.
    """

    def __init__(self, calls: Calls, clock: Callable[[], datetime]) -> None:
        self._calls = calls
        self._clock = clock
        self._lock = threading.Lock()
        self._set_aside: dict[str, _SetAside] = {}

    def take(self, app: str, cap: int) -> None:
        """Count a call. Raises Retryable, saying when the next one fits, where the hour's are spent."""
        with self._lock:
            now = self._clock()
            own = self._of(app, now)
            if not own.left:
                own.left = self._counted(app, cap, min(max(1, own.taken), max(1, cap // SHARE_AT_ONCE)), now)
            own.left -= 1
            own.taken += 1

    def used(self, app: str, cap: int) -> Used:
        """The calls of the hour up to now, and the cap; what is set aside here counts as free."""
        with self._lock:
            now = self._clock()
            return Used(calls=self._calls.used(app, now) - self._of(app, now).left, cap=cap)

    def _of(self, app: str, now: datetime) -> _SetAside:
        minute = int(now.timestamp() // 60)
        own = self._set_aside.get(app)
        if own is None or own.minute != minute:
            own = self._set_aside[app] = _SetAside(minute)
        return own

    def _counted(self, app: str, cap: int, calls: int, now: datetime) -> int:
        """So many calls are counted, or one, where the hour has no room for more."""
        if calls > 1:
            with suppress(Retryable):
                self._calls.take(app, cap, now, calls)
                return calls
        self._calls.take(app, cap, now)
        return 1
