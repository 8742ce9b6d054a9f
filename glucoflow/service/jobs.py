"""What there is to do with a connection, how it went, and what to say of it."""

from collections.abc import Sequence
from datetime import datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from glucoflow.model.ingestion import Counts, Kind, Window
from glucoflow.model.said import joined, said
from glucoflow.store import SYNC, Backfill, Unread

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
    if one.state == "running":
        return said(
            "The days from %(first)s to %(last)s are being read: %(p)s %% are done.",
            first=one.first,
            last=one.last,
            p=f"{100 * one.progress:.0f}",
        )
    if one.state == "asked":
        return said(
            "The days from %(first)s to %(last)s were asked for, and wait for their turn.",
            first=one.first,
            last=one.last,
        )
    waiting = said("The days from %(first)s to %(last)s wait for their turn.", first=one.first, last=one.last)
    return joined(" ", filter(None, (waiting, one.message, one.remedy)))


MOST_SHOWN = 3
REMEDY = "Everything else was read. This is tried again by itself."


def unread_words(rows: Sequence[Unread], zone: str) -> tuple[str, str]:
    """What is missing and why, by the person's own clock, and what to do. For at least one row."""
    told = [_sentence(row, ZoneInfo(zone)) for row in rows[:MOST_SHOWN]]
    if len(rows) > MOST_SHOWN:
        told.append(f"So it is with {len(rows) - MOST_SHOWN} more windows.")
    remedies = dict.fromkeys(row.remedy for row in rows[:MOST_SHOWN] if row.remedy)
    return " ".join(told), " ".join([REMEDY, *remedies])


def _sentence(row: Unread, zone: ZoneInfo) -> str:
    if row.end is None:
        return f"{row.kind.capitalize()} cannot be read since {_day(row.first_at.astimezone(zone))}: {row.reason}"
    return f"{row.kind.capitalize()} of {span_words(row.start, row.end, zone)} could not be read: {row.reason}"


def span_words(start: datetime, end: datetime, zone: ZoneInfo) -> str:
    """`5 October 2026, 04:00 to 05:00`, both dates where they differ, and dates alone for whole days."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    if first.time() == last.time() == time():
        last -= timedelta(hours=1)
        return _day(first) if first.date() == last.date() else f"{_day(first)} to {_day(last)}"
    if first.date() == last.date():
        return f"{_day(first)}, {first:%H:%M} to {last:%H:%M}"
    return f"{_day(first)}, {first:%H:%M} to {_day(last)}, {last:%H:%M}"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
