"""What needs the whole of a file: the order of day and month, the unit, dates that cannot be, what is said of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from glucoflow.analytics.series import moment_of
from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.columns import Columns, person_of
from glucoflow.file_reading.contents import Contents, FilePerson
from glucoflow.file_reading.dates import FIRST_YEAR, LAST_YEAR, Order, order_of
from glucoflow.file_reading.findings import Findings
from glucoflow.file_reading.format import FileFormat
from glucoflow.file_reading.merging import OTHER_VALUE
from glucoflow.file_reading.units import Decided, decide
from glucoflow.file_reading.wallclock import zone_named
from glucoflow.model.errors import UnreadableFile
from glucoflow.model.localtime import DAY_MS
from glucoflow.model.words import count

STRAY_DAYS = 3653
"""A few rows further than ten years from all the others have a date that cannot be."""
FIRST_MS, LAST_MS = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 1000 for year in (FIRST_YEAR, LAST_YEAR + 1))
STRAY_SHARE = 0.05
STRAY = "a date more than ten years away from all the others"


def decided(kind: FileFormat, found: Findings, name: str, choices: Choices) -> Contents:
    """The findings of a whole file called `name`, put in order.

    Raises UnreadableFile where nothing could be read, or the file leaves open what only a person can say.
    """
    zone = zone_named(choices.zone) if choices.zone else None
    columns = [Columns.of(person) for person in found.people]
    _check_something_was_found(kind, found, name)
    order = _order(found, columns, choices.day_first)
    day_first = bool(order.day_first)
    for one in columns:
        one.read_dates(day_first, found)
        _leave_out_strays(one, found)
    units = _units(found, columns, choices)
    people = [person_of(one, found, units, zone, day_first, kind.sensor_limits) for one in columns]
    people = [one for one in people if one.counts.rows or one.events or one.counts.other]
    _check_something_was_read(kind, found, people, name)
    rows = any(one.stamps.size for one in columns)
    named = {one.unit for one in units.values()}
    return Contents(
        format=kind,
        people=people,
        zoned=zone is not None or (rows and all(one.zoned for one in columns)),
        unit=named.pop() if len(named) == 1 else None,
        decisions=_decisions(columns, units, order, choices.zone),
        notes=[*found.notes, *_notes(found, columns, people, units, choices.zone)],
        unread=sorted(found.samples, key=lambda one: one.line),
        names_are_ids=found.names_are_ids,
    )


def _order(found: Findings, columns: Sequence[Columns], chosen: bool | None) -> Order:
    if not found.times.days:
        return Order(None, "")
    runs = [run for one in columns for run in one.packed_runs()]
    return order_of(found.times.days, found.exported, runs, chosen)


def _leave_out_strays(columns: Columns, found: Findings) -> None:
    good = columns.stamps[columns.good]
    if good.size < 2:
        return
    far = np.abs(columns.stamps - int(np.median(good))) > STRAY_DAYS * DAY_MS
    if 0 < int((far & columns.good).sum()) <= max(1, STRAY_SHARE * good.size):
        columns.reject(far, STRAY, found, columns.shown_time)


def _units(found: Findings, columns: Sequence[Columns], choices: Choices) -> dict[int, Decided]:
    """The unit of each section; sections without a value follow their heading, or the rest of the file."""
    units: dict[int, Decided] = {}
    sections = found.sections
    for number in range(max(1, len(sections))):
        named = sections[number].unit if sections else None
        parts = [one.values[one.good & (one.sections == number)] for one in columns]
        values = np.concatenate(parts) if parts else np.zeros(0)
        if choices.unit is not None:
            units[number] = Decided(choices.unit, "chosen")
        elif values.size or named:
            where = f" below line {sections[number].line}" if len(sections) > 1 else ""
            units[number] = decide(values, named, where)
    usual = next(iter(units.values()), Decided("mg/dL", "no value"))
    return {number: units.get(number, usual) for number in range(max(1, len(sections)))}


def _check_something_was_found(kind: FileFormat, found: Findings, name: str) -> None:
    if not any(person.rows or person.events or person.aside for person in found.people):
        raise UnreadableFile(
            f"{name} is a {kind.title} that holds no readings.", remedy="Check that the export covers a span with data."
        )


def _check_something_was_read(kind: FileFormat, found: Findings, people: Sequence[FilePerson], name: str) -> None:
    """Raises UnreadableFile where there are rows, and not one of them could be read."""
    if any(one.counts.read for one in people):
        return
    unread = sum(one.counts.n_unread for one in people)
    if unread:
        first = min(found.samples, key=lambda one: one.line)
        raise UnreadableFile(
            f"{name} is a {kind.title}, and none of its {count(unread, 'row')} could be read. The first is in line "
            f"{first.line}: {first.why} ({first.text!r}).",
            remedy="Use the file as it was exported, without re-saving it.",
        )


def holds_no_trace(contents: Contents, name: str) -> UnreadableFile:
    """The error for a file without a single sensor reading, for those who need some."""
    other: dict[str, int] = {}
    for person in contents.people:
        for what, number in person.counts.other.items():
            other[what] = other.get(what, 0) + number
    only = ", ".join(f"{number:,} {what}" for what, number in sorted(other.items()))
    return UnreadableFile(
        f"{name} is a {contents.format.title} that holds no sensor readings{f', only {only}' if only else ''}.",
        remedy="Check that the export covers a span with data.",
    )


def _decisions(
    columns: Sequence[Columns], units: Mapping[int, Decided], order: Order, zone: str | None
) -> dict[str, str]:
    """What was decided and why, in words, by what it is about."""
    decisions = {}
    present = {number for one in columns for number in np.unique(one.sections).tolist()}
    spoken = {f"{units[number].unit} ({units[number].why})" for number in present}
    if any(one.stamps.size for one in columns):
        decisions["unit"] = ", ".join(sorted(spoken))
    if order.day_first is not None:
        decisions["dates"] = f"{'day' if order.day_first else 'month'} first ({order.why})"
    if any(one.stamps.size for one in columns) and all(one.zoned for one in columns):
        decisions["zone"] = "the file's own"
    elif zone is not None:
        decisions["zone"] = f"{zone} (given)"
    else:
        decisions["zone"] = "not known: times are the device's own clock"
    return decisions


def _notes(
    found: Findings,
    columns: Sequence[Columns],
    people: Sequence[FilePerson],
    units: Mapping[int, Decided],
    zone: str | None,
) -> list[str]:
    notes = []
    for number, one in units.items():
        if one.against is not None:
            where = f" in line {found.sections[number].line}" if len(found.sections) > 1 else ""
            notes.append(
                f"The heading{where} says {one.against}, but its values can only be {one.unit}: read as {one.unit}."
            )
    changed = sum(one.changed_clock for one in columns)
    if changed:
        notes.append(
            "The device's clock was set anew, and the transmitter's counter says by how much: so placed were "
            f"{count(changed, 'reading')}."
        )
    lost = sum(one.counts.merged.get(OTHER_VALUE, 0) for one in people)
    if lost and zone is None:
        notes.append(
            f"Merged with another of the same time: {count(lost, 'row')}. If clocks were put back then, a time zone "
            "(--zone) tells the two hours apart."
        )
    if found.broken_off:
        notes.append(found.broken_off)
    first = min((int(one.utc[0]) for one in people if one.utc.size), default=None)
    if first is not None and not FIRST_MS <= first <= LAST_MS:
        notes.append(f"Its readings begin in {moment_of(first).year}, when nobody wore a sensor: dates are shifted.")
    return notes
