"""What a format's reader takes from a file: readings in compact columns, events, and what it leaves aside and why.

A reading costs some 40 bytes here, so that a lifetime of them fits into memory. Times and values are kept as they are
written; what needs the whole file (order of day and month, unit, place on the time line) is decided afterwards.
"""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from glucoflow.file_reading.dates import Moment, TimeReader
from glucoflow.file_reading.values import read_value
from glucoflow.model import records as r
from glucoflow.model.errors import UnreadableFile
from glucoflow.model.units import Unit

MOST_ROWS = 6_000_000
"""More readings than a person has in eleven years at one a minute: such a file is a study's, or made by a mistake."""
MOST_NUMBERS = 60_000
AGAIN = "the same reading again"
SAMPLES = 1000
UNPLACED: dict[str, Any] = {"time": datetime(1970, 1, 1, tzinfo=UTC), "key": ""}
"""What an event's record says of its time and key until it is placed."""
TEXT = 200


class UnreadRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row that could not be read: its line, why, and what stands there."""

    line: int
    why: str
    text: str
    person: str = ""


class Section(msgspec.Struct, frozen=True, kw_only=True):
    """Rows under one heading. `unit` None: the heading names none."""

    unit: Unit | None
    line: int


@dataclass
class PersonFound:
    """One person's rows, in the order of the file."""

    name: str
    source: str = ""
    """The file of a ZIP that the rows are in."""
    stamps: "array[int]" = field(default_factory=lambda: array("q"))
    clocks: "array[int]" = field(default_factory=lambda: array("h"))
    values: "array[float]" = field(default_factory=lambda: array("d"))
    ticks: "array[int]" = field(default_factory=lambda: array("q"))
    devices: "array[int]" = field(default_factory=lambda: array("H"))
    sections: "array[int]" = field(default_factory=lambda: array("H"))
    lines: "array[int]" = field(default_factory=lambda: array("I"))
    records: dict[int, r.Reading] = field(default_factory=dict)
    """Readings that say more than a row does, by their place."""
    events: list[tuple[Moment, int, r.Record]] = field(default_factory=list)
    """Moment, section, and a record whose time is yet to be set."""
    rows: int = 0
    """Rows that hold a sensor's reading, or should."""
    unread: Counter[str] = field(default_factory=Counter)
    merged: Counter[str] = field(default_factory=Counter)
    aside: Counter[str] = field(default_factory=Counter)
    """Rows that hold something else, by what it is."""


class Findings:
    """Collects what a reader finds. `times` reads a file's times, and remembers each of its dates."""

    def __init__(self, times: TimeReader | None = None) -> None:
        self.times = times or TimeReader()
        self.people: list[PersonFound] = []
        self.sections: list[Section] = []
        self.devices: list[r.Device] = []
        self.notes: list[str] = []
        self.samples: list[UnreadRow] = []
        self.exported: Moment | None = None
        self.names_are_ids = False
        """Whether people are called by a study's ids and not by their names."""
        self.broken_off = ""
        """Why the file is not whole, where it is not."""
        self.section = 0
        """The number of the section that rows are in."""
        self._now: PersonFound | None = None
        self._source = ""
        self._by_name: dict[str, PersonFound] = {}
        self._known: dict[r.Device, int] = {}
        self._total = 0
        self._last: tuple[float, ...] = ()

    @property
    def person(self) -> PersonFound:
        """Whose rows are being read."""
        if self._now is None:
            self._now = PersonFound("", self._source)
            self.people.append(self._now)
        return self._now

    def begin_source(self, name: str) -> None:
        """The rows that follow are in another file of a ZIP, or on another sheet; whose they are is to be seen."""
        self._now = None
        self._source = name
        self._last = ()

    def begin_person(self, name: str) -> None:
        """The rows that follow are this person's; an empty name is whoever it was before."""
        name = " ".join(name.split())
        now = self.person
        if not name or now.name == name:
            return
        self._last = ()
        nobodys = not now.name and not now.rows and not now.events
        if nobodys and name not in self._by_name:
            now.name = name
            self._by_name[name] = now
            return
        if name not in self._by_name:
            self._by_name[name] = PersonFound(name, self._source)
            self.people.append(self._by_name[name])
        self._now = self._by_name[name]
        if nobodys:  # what stood above the name is theirs
            self._now.aside.update(now.aside)
            self.people.remove(now)

    def rename_person(self, name: str) -> None:
        """The name found first was another's, the author's for example. Where rows were read already it stays."""
        now = self.person
        if now.rows or now.events:
            return
        self._by_name.pop(now.name, None)
        now.name = ""
        self.begin_person(name)

    def begin_section(self, unit: Unit | None, line: int) -> int:
        """The rows that follow stand under this heading; its number."""
        if len(self.sections) >= MOST_NUMBERS:
            raise UnreadableFile("The file has more headings than rows.", remedy="Use the file as it was exported.")
        self.sections.append(Section(unit=unit, line=line))
        self.section = len(self.sections) - 1
        return self.section

    def section_of(self, unit: Unit | None) -> int:
        """The number of the first heading with this unit, which is made where there is none."""
        known = next((k for k, one in enumerate(self.sections) if one.unit == unit), None)
        return self.begin_section(unit, 1) if known is None else known

    def device(self, device: r.Device) -> int:
        """The number of a device; the same one always has the same."""
        found = self._known.get(device)
        if found is None:
            if len(self.devices) >= MOST_NUMBERS:
                return 0
            found = self._known[device] = len(self.devices)
            self.devices.append(device)
        return found

    def reading(
        self,
        line: int,
        time: str,
        value: str,
        device: int = 0,
        tick: int = -1,
        record: r.Reading | None = None,
    ) -> None:
        """A row that holds a sensor's reading, or should; what is empty holds none, and is left aside."""
        person = self.person
        amount = read_value(value)
        if amount is None:
            if not value.strip():
                person.aside["rows without a value"] += 1
                return
            person.rows += 1
            self.unread(line, "a value that is neither a number nor a word for a sensor's limit", value)
            return
        person.rows += 1
        moment = self.times.read(time)
        if moment is None:
            self.unread(line, "a time that cannot be read", time)
        else:
            self.take(line, moment, amount, device, tick, record)

    def take(
        self, line: int, moment: Moment, value: float, device: int = 0, tick: int = -1, record: r.Reading | None = None
    ) -> None:
        """A reading whose time and value are read already. Its row is counted by the caller."""
        person = self.person
        row = (*moment, value, device, tick)
        if row == self._last and record is None:
            person.merged[AGAIN] += 1
            return
        self._last = row
        self._total += 1
        if self._total > MOST_ROWS:
            raise UnreadableFile(
                f"The file holds more than {MOST_ROWS:,} readings: eleven years of one a minute.",
                remedy="Split it: one file a person, and a few years at a time.",
            )
        if record is not None:
            person.records[len(person.stamps)] = record
        person.stamps.append(moment[0])
        person.clocks.append(moment[1])
        person.values.append(value)
        person.ticks.append(tick)
        person.devices.append(device)
        person.sections.append(self.section)
        person.lines.append(line)

    def event(self, line: int, time: str, record: r.Record, what: str) -> None:
        """Something other than a sensor's reading that is kept; `what` is its plural, in words."""
        moment = self.times.read(time)
        if moment is None:
            self.unread_other(line, f"{what} at a time that cannot be read", time)
        else:
            self.happened(moment, record, what)

    def happened(self, moment: Moment, record: r.Record, what: str) -> None:
        """The same with a time that is read already."""
        self.person.events.append((moment, self.section, record))
        self.person.aside[what] += 1

    def aside(self, what: str) -> None:
        """A row that holds nothing that is kept; `what` says what it is, in the plural."""
        self.person.aside[what] += 1

    def unread(self, line: int, why: str, text: str) -> None:
        """A row counted among those with a reading that could not be read."""
        self.person.unread[why] += 1
        self._sample(line, why, text)

    def unread_other(self, line: int, why: str, text: str) -> None:
        """A row of another kind that could not be read: it counts like a reading's."""
        self.person.rows += 1
        self.unread(line, why, text)

    def _sample(self, line: int, why: str, text: str) -> None:
        if len(self.samples) < SAMPLES:
            self.samples.append(UnreadRow(line=line, why=why, text=text.strip()[:TEXT], person=self.person.name))
