"""What provider, loop, sink and store say to one another: kinds of record, windows, rejected records, counts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Literal

import msgspec

Kind = Literal["events", "readings", "calibrations", "alerts", "devices"]
"""Streams of one connection. Each has its own checkpoint. Events come first: a reading's context needs its meals."""

KINDS: tuple[Kind, ...] = ("events", "readings", "calibrations", "alerts", "devices")


class Window(msgspec.Struct, frozen=True):
    """A half-open span of time: `start` belongs to it, `end` does not. Both aware."""

    start: datetime
    end: datetime

    def split(self, longest: timedelta) -> Iterator["Window"]:
        """Consecutive windows no longer than `longest`, oldest first, whose union is this one."""
        start = self.start
        while start < self.end:
            end = min(start + longest, self.end)
            yield Window(start, end)
            start = end

    def without(self, others: Iterable["Window"]) -> list["Window"]:
        """What of this window lies in none of the others, oldest first."""
        start, left = self.start, []
        for other in sorted(others, key=attrgetter("start")):
            if start < min(other.start, self.end):
                left.append(Window(start, min(other.start, self.end)))
            start = max(start, other.end)
        return [*left, Window(start, self.end)] if start < self.end else left


class RejectedRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One record that was refused: which field, why, and the record itself (as sent, cut at 64 KiB)."""

    field: str
    reason: str
    key: str | None = None
    payload: bytes = b""


Absent = Literal["unknown", "judged", "gone"]
"""What it means that a document of the window is of no record in the page. `gone`: the provider's list was read to its
end. `judged`: all that the provider has is in the answer, as far as that tells, so the rest is judged by how much is
missing. `unknown`: nothing."""


class RecordIds(msgspec.Struct, frozen=True, kw_only=True):
    """A page's records by the provider's own ids: those that stand as they were written, and those that are gone.

    A document of these datasets with one of the ids, that is none of those just written, is one that moved or went.
    """

    provider: str
    datasets: Sequence[str]
    window: Window
    standing: Sequence[str] = ()
    gone: Sequence[str] = ()
    connection_id: str = ""
    rejected: Sequence[str] = ()
    absent: Absent = "unknown"


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a page showed: its window, and the keys of the records in it that were understood and stored, or are gone.

    Whoever was rejected before under one of these keys is not any more. `learned` is what the connector will want to
    know at later runs (`provider.Page.learned`).
    """

    window: Window
    settled: frozenset[str] = frozenset()
    learned: Mapping[str, datetime] = {}


class SinkResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of every document of one write: the counts and the rejected add up to what went in."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: Sequence[RejectedRecord] = ()
    vanished: Window | None = None
    """The span of documents that went since their provider has them no more: nothing written tells of their days."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did so far."""

    pages: int = 0
    fetched: int = 0
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejected: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})
