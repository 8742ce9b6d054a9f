"""Tandem's t:connect CSV: lines about the person, then sections with a header each; rows called EGV are the trace."""

from collections.abc import Sequence

from connectors.files.table import at, number, plain
from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.findings import UNPLACED, Findings
from glucoflow.file_reading.format import FileFormat
from glucoflow.file_reading.source import Head, Source
from glucoflow.file_reading.units import unit_in
from glucoflow.model import records as r
from glucoflow.model.units import MG_DL


class _Layout:
    """Places of the section's columns by their headings."""

    def __init__(self, row: Sequence[str]) -> None:
        names = [plain(name) for name in row]
        self.time = next((k for k, name in enumerate(names) if name in ("eventdatetime", "event date time")), None)
        self.value = next((k for k, name in enumerate(names) if name.startswith(("readings", "bg (", "cgm"))), None)
        self.what = names.index("description") if "description" in names else None
        self.serial = next((k for k, name in enumerate(names) if name.replace(" ", "") == "serialnumber"), None)
        self.unit = unit_in(row[self.value]) if self.value is not None else None
        self.sensor = self.value is not None and names[self.value].startswith(("readings", "cgm"))


def _is_header(row: Sequence[str]) -> bool:
    names = {plain(name).replace(" ", "") for name in row}
    return "eventdatetime" in names or {"type", "bolustype"} <= names


def _how_sure(head: Head) -> float:
    for row in head.rows:
        if _is_header(row) and _Layout(row).sensor:
            return 0.9
    return 0.0


def _read(source: Source, found: Findings, _choices: Choices) -> None:
    layout: _Layout | None = None
    for line, row in source.rows():
        if _is_header(row):
            layout = _Layout(row)
            found.begin_section(layout.unit, line)
        elif layout is None:
            if plain(at(row, 0)).rstrip(":") in ("name", "patient name", "patient"):
                found.begin_person(at(row, 1))
            found.aside("lines above the first section")
        elif layout.value is None or layout.time is None:
            found.aside("rows about the pump")
        else:
            _record(line, row, layout, found)


def _record(line: int, row: Sequence[str], layout: _Layout, found: Findings) -> None:
    time, value, what = at(row, layout.time), at(row, layout.value), at(row, layout.what).upper()
    serial = at(row, layout.serial) or None
    if layout.sensor and what in ("EGV", ""):
        device = r.Device(manufacturer="Tandem", id=serial, serial_number=serial)
        found.reading(line, time, value, found.device(device))
    elif meter := number(value):
        record = r.Fingerstick(**UNPLACED, value=meter, unit=MG_DL)
        found.event(line, time, record, "finger-sticks")
    else:
        found.aside("rows without a value")


FORMAT = FileFormat(name="tandem", title="Tandem t:connect export", how_sure=_how_sure, read=_read)
