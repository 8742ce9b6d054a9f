"""LibreView's CSV export (FreeStyle Libre), clinics' patient reports, and the text file of the Libre reader's software.

All have a time, behind it a record type from 0 to 6, and behind that the sensor's own trace and the scans: by this they
are found, in any language, with or without title and device columns. Rows are grouped by device and type, not by time.
Type 0 is the sensor's own trace; scans (1) only repeat it, so they are used where there is nothing else.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.files.table import at, glucose_headings, number
from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.dates import TimeReader
from glucoflow.file_reading.findings import UNPLACED, Findings
from glucoflow.file_reading.format import FileFormat
from glucoflow.file_reading.source import Head, Source
from glucoflow.file_reading.units import unit_in
from glucoflow.file_reading.values import is_number
from glucoflow.model import records as r
from glucoflow.model.ranges import SensorLimits
from glucoflow.model.units import MG_DL

TYPES = frozenset("0123456")
MOST_SCANS = 400_000
NARROWEST = 3
"""Time, type and the trace are the least."""


@dataclass(frozen=True)
class _Layout:
    """`time` is followed by the record type, the trace and the scans; `header` is the header's place among the rows."""

    time: int
    header: int

    @property
    def kind(self) -> int:
        return self.time + 1

    @property
    def historic(self) -> int:
        return self.time + 2

    @property
    def scan(self) -> int:
        return self.time + 3


def _layout(rows: Sequence[Sequence[str]]) -> _Layout | None:
    """By what stands in the rows; for a file without records, by two headings of glucose side by side."""
    times = TimeReader()

    def is_record(row: Sequence[str], column: int) -> bool:
        return (
            len(row) >= column + NARROWEST
            and row[column + 1].strip() in TYPES
            and row[column + 1].strip() != ""
            and times.read(row[column]) is not None
        )

    for first, row in enumerate(rows[:60]):
        for column in range(min(6, max(0, len(row) - NARROWEST + 1))):
            if is_record(row, column):
                later = rows[first:80]
                if sum(is_record(one, column) for one in later) * 2 > len(later):
                    named = [k for k in range(first) if unit_in(at(rows[k], column + 2))]
                    return _Layout(column, named[-1] if named else first - 1)
    for place, row in enumerate(rows[:6]):
        units = glucose_headings(row)
        if len(row) >= 13 and len(units) >= 2 and units[1] == units[0] + 1 and units[0] >= 2:
            return _Layout(units[0] - 2, place)
    return None


def _how_sure(head: Head) -> float:
    layout = _layout(head.rows)
    if layout is None:
        return 0.0
    header = head.rows[layout.header] if layout.header >= 0 else []
    widest = max((len(row) for row in head.rows[:6]), default=0)
    if unit_in(at(header, layout.historic)):
        return 0.9
    return 0.65 if widest >= 12 else 0.4


def _read(source: Source, found: Findings, _choices: Choices) -> None:
    layout = _layout(source.head.rows)
    if layout is None:
        return
    scans: list[tuple[int, str, str, int]] = []
    columns = _Columns(layout, [])
    begun = False
    for place, (line, row) in enumerate(source.rows()):
        if at(row, layout.kind) in TYPES and at(row, layout.kind):
            begun = True
            _record(line, row, columns, found, scans)
        elif unit_in(at(row, layout.historic)) or place == layout.header:
            columns = _Columns(layout, row)
            found.begin_section(unit_in(at(row, layout.historic)), line)
        elif begun and found.times.read(at(row, layout.time)) is not None:
            _of_no_type(line, row, columns, found)
        else:
            _title(row, found)
    if not any(person.rows for person in found.people):
        for line, time, value, device in scans:
            found.reading(line, time, value, device)
    elif scans:
        found.person.aside["scans, which repeat the sensor's own trace"] += len(scans)


def _of_no_type(line: int, row: Sequence[str], columns: "_Columns", found: Findings) -> None:
    """A record whose type is none of LibreView's: unread where it holds a glucose."""
    layout = columns.layout
    if any(is_number(at(row, place)) for place in (layout.historic, layout.scan, columns.strip)):
        found.unread_other(line, "a record of a type that is not known", at(row, layout.kind))
    else:
        found.aside("records that hold nothing that is kept")


class _Columns:
    """Places of what is no sensor's reading, counted from the strip's heading."""

    def __init__(self, layout: _Layout, header: Sequence[str]) -> None:
        self.layout = layout
        later = [k for k in glucose_headings(header) if k > layout.scan and "keton" not in header[k].lower()]
        self.strip = later[0] if later else layout.historic + 10
        self.rapid = layout.historic + 3
        self.carbs = layout.historic + 5
        self.long = self.strip - 2
        self.notes = self.strip - 1


def _title(row: Sequence[str], found: Findings) -> None:
    """A line above the header: when it was exported, and whose it is. A clinic's second line has the patient alone."""
    fields = [field.strip() for field in row]
    times = [(k, moment) for k, field in enumerate(fields[:4]) if (moment := _moment(field, found)) is not None]
    filled = [field for field in fields if field]
    if times and len(filled) >= 4:
        found.exported = times[0][1]
        found.begin_person(at(fields, times[0][0] + 2))
    elif filled and not found.person.rows and not unit_in(" ".join(filled)):
        found.rename_person(filled[0])
    else:
        found.aside("lines without a record")


def _moment(field: str, found: Findings) -> tuple[int, int] | None:
    if not field[:1].isdigit():
        return None
    return found.times.read(field) or found.times.date(field)


def _record(
    line: int, row: Sequence[str], columns: _Columns, found: Findings, scans: list[tuple[int, str, str, int]]
) -> None:
    layout = columns.layout
    time, kind = at(row, layout.time), at(row, layout.kind)
    if kind == "0":
        found.reading(line, time, at(row, layout.historic), _device(row, layout, found))
        return
    found.times.read(time)
    strip, carbs = number(at(row, columns.strip)), number(at(row, columns.carbs))
    rapid, long = number(at(row, columns.rapid)), number(at(row, columns.long))
    if kind == "1":
        if len(scans) < MOST_SCANS:
            value = at(row, layout.scan) or at(row, layout.historic)  # some clinics' files have them in one column
            scans.append((line, time, value, _device(row, layout, found)))
    elif kind == "2" and strip:
        found.event(line, time, r.Fingerstick(**UNPLACED, value=strip, unit=MG_DL, subtype="linked"), "finger-sticks")
    elif kind == "4" and (rapid or long):
        if rapid:
            found.event(line, time, r.Bolus(**UNPLACED, action="fast", normal=rapid), "insulin doses")
        if long:
            dose = r.Basal(**UNPLACED, delivery_type="manual", action="long", amount=long)
            found.event(line, time, dose, "insulin doses")
    elif kind == "5":
        found.event(line, time, r.Food(**UNPLACED, carbs_g=carbs), "meals")
    elif kind == "6" and (note := at(row, columns.notes)):
        found.event(line, time, r.Note(**UNPLACED, text=note), "notes")
    else:
        found.aside({"3": "ketone values"}.get(kind, "records that hold nothing that is kept"))


def _device(row: Sequence[str], layout: _Layout, found: Findings) -> int:
    if layout.time < 2:
        return found.device(r.Device(manufacturer="Abbott"))
    name, serial = at(row, 0) or None, at(row, 1) or None
    return found.device(r.Device(manufacturer="Abbott", name=name, id=serial, serial_number=serial))


FORMAT = FileFormat(
    name="libreview",
    title="LibreView export",
    how_sure=_how_sure,
    read=_read,
    sensor_limits=SensorLimits(40.0, 500.0),
)
