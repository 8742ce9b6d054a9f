"""The cap on calls of a registered app, where its provider counts all people of an app together, per hour."""

from collections.abc import Callable
from datetime import datetime

import msgspec

from glucoflow.store import Calls


class Used(msgspec.Struct, frozen=True):
    """How many calls the hour has taken, and how many it may take."""

    calls: int
    cap: int


class CallBudget:
    """At most `cap` calls of each app in any hour, over all workers on one store."""

    def __init__(self, calls: Calls, clock: Callable[[], datetime]) -> None:
        self._calls = calls
        self._clock = clock

    def take(self, app: str, cap: int) -> None:
        """Count a call. Raises Retryable, saying when the next one fits, where the hour's are spent."""
        self._calls.take(app, cap, self._clock())

    def used(self, app: str, cap: int) -> Used:
        """The calls of the hour up to now, and the cap."""
        return Used(calls=self._calls.used(app, self._clock()), cap=cap)
