"""The cap on calls of the registered app: Dexcom counts all people of an app together, per hour."""

import threading
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from glucoflow.errors import Retryable

HOUR = timedelta(hours=1)


class Used(msgspec.Struct, frozen=True):
    """How many calls an hour has taken, and how many it may take."""

    calls: int
    cap: int


class CallBudget:
    """At most `per_hour` calls in any hour, for all threads of this process. Each worker process has its own."""

    def __init__(self, per_hour: int, clock: Callable[[], datetime]) -> None:
        self._per_hour = per_hour
        self._clock = clock
        self._calls: deque[datetime] = deque()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Count a call. Raises Retryable, saying when the next one fits, where the hour's are spent."""
        now = self._clock()
        with self._lock:
            self._forget(now)
            if len(self._calls) < self._per_hour:
                self._calls.append(now)
                return
            wait = (self._calls[0] + HOUR - now).total_seconds()
        raise Retryable(
            f"This hour's {self._per_hour:,} calls of the app are spent.",
            remedy="Nothing is to be done: what is missing is fetched when the next hour's calls are free.",
            retry_after=wait,
        )

    def used(self) -> Used:
        """The calls of the hour up to now, and the cap."""
        with self._lock:
            self._forget(self._clock())
            return Used(calls=len(self._calls), cap=self._per_hour)

    def _forget(self, now: datetime) -> None:
        while self._calls and now - self._calls[0] >= HOUR:
            self._calls.popleft()
