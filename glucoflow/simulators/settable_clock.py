"""The simulator's clock: the real one, or one that a test sets."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def real_clock() -> datetime:
    """The time it is."""
    return datetime.now(UTC)


class SettableClock:
    """A clock that stands still until it is moved. Call it to read it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def set(self, now: datetime) -> None:
        """Puts the clock to `now` (aware)."""
        self.now = now

    def advance(self, by: timedelta) -> datetime:
        """Moves the clock and returns the new time."""
        self.now += by
        return self.now
