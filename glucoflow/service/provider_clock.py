"""This machine's clock beside the provider's: a small difference is said, a large one stops a sync before it harms."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from glucoflow.model.errors import Misconfigured
from glucoflow.model.words import length
from glucoflow.reading import ConnectionStopped

WORTH_SAYING = timedelta(minutes=10)
CLOCK_REMEDY = "Set it, and turn on time synchronisation (NTP)."
TOO_WRONG = timedelta(days=1)
"""What is stored by such a clock (next poll, checkpoints) would stop polling for as long as it is wrong."""


AHEAD = timedelta(hours=1)
"""Further than this after now no record can be dated by a clock that is right."""
AHEAD_REMEDY = "Set date and time on the receiver or phone. What is dated after now is not shown."


def ahead_words(until: datetime, zone: str) -> str:
    """A sentence that says that an account holds records from the future."""
    last = until.astimezone(ZoneInfo(zone))
    return (
        f"The account holds records dated as late as {last.day} {last:%B %Y, %H:%M}, which is after now: the clock of "
        "a device that uploads to it is wrong."
    )


class ClockWrong(Misconfigured):
    """Our clock is days off. `theirs` is the time by the provider's."""

    def __init__(self, message: str, remedy: str, theirs: datetime) -> None:
        super().__init__(message, remedy=remedy)
        self.theirs = theirs


def checked_clock(ours: datetime, theirs: datetime, provider: str) -> timedelta:
    """How far our clock is ahead of the provider's. Raises ConnectionStopped with ClockWrong beyond a day."""
    ahead = ours - theirs
    if abs(ahead) > TOO_WRONG:
        wrong = ClockWrong(
            f"{clock_words(ahead, provider)} Nothing was read, so that nothing is stored by a wrong clock.",
            remedy=f"{CLOCK_REMEDY} Then syncs go on by themselves.",
            theirs=theirs,
        )
        raise ConnectionStopped(wrong)
    return ahead


def clock_words(ahead: timedelta, provider: str) -> str:
    """A sentence that says how far our clock is off."""
    way = "ahead of" if ahead > timedelta() else "behind"
    return f"This machine's clock is {length(ahead)} {way} that of {provider}."
