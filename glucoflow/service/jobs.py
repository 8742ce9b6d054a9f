"""What there is to do with a connection, and how it went."""

from typing import Literal

import msgspec

from glucoflow.model.ingestion import Counts, Kind, Window
from glucoflow.store import SYNC, Backfill

MAIN: Kind = "readings"
"""What a connection is for. Without it a turn has failed; without another kind it is not complete."""

Status = Literal["ok", "partial", "retry", "reauthorize", "failed"]
"""`partial`: the readings are here; something else could not be read, and is tried again by itself."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one connection's turn went; `message` and `remedy` are for its person, `exit_code` for a command."""

    connection_id: str
    user_id: str
    status: Status
    counts: Counts = Counts()
    message: str = ""
    remedy: str = ""
    exit_code: int = 0
    vanished: Window | None = None
    """The span of what went since the provider has it no more."""


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with a connection: an ordinary sync (no window), or a backfill of a window and some kinds."""

    flow: Literal["sync", "backfill"]
    window: Window | None = None
    kinds: tuple[Kind, ...] = ()
    asked: str = ""
    """Which backfill it is, where one was asked for."""
    everything: bool = False
    """Also what is not to be tried again yet: somebody wants it now."""

    @property
    def scope(self) -> str:
        """Whose checkpoints these are: a backfill has its own, so that it resumes and never moves a sync's."""
        if self.window is None:
            return SYNC
        span = f"{self.window.start.isoformat()} {self.window.end.isoformat()}"
        return f"{self.flow} {self.asked or span}"


SYNC_JOB = Job(flow="sync")
SYNC_NOW = Job(flow="sync", everything=True)


def backfill_words(one: Backfill) -> str:
    """How an open backfill stands, in a sentence."""
    days = f"The days from {one.first} to {one.last}"
    if one.state == "running":
        return f"{days} are being read: {100 * one.progress:.0f} % are done."
    if one.state == "asked":
        return f"{days} were asked for, and wait for their turn."
    return f"{days} wait for their turn. {one.message} {one.remedy}".rstrip()
