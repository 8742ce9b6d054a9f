"""Glooko's export: a ZIP of CSV files; the sensor's are called cgm_data_1.csv and so on, in the account's language.

A line with the name and the span, a header, then time and value. bg_data holds a meter's values, the others none.
"""

import re
from collections.abc import Sequence

from connectors.files.table import at, glucose_headings, number, plain
from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.findings import UNPLACED, Findings
from glucoflow.file_reading.format import FileFormat
from glucoflow.file_reading.source import Head, Source
from glucoflow.file_reading.units import unit_in
from glucoflow.model import records as r
from glucoflow.model.units import MG_DL

_SENSOR = re.compile(r"\b(cgm|fgm|mcg|scg|sgc|mgc|gcm)\b|sensor", re.IGNORECASE)
_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}")


_SENSORS_FILE = re.compile(r"\bcgm_data\w*\.csv$", re.IGNORECASE)
_LIMITS = {"1": "LOW", "1.0": "LOW", "2001": "HIGH", "2001.0": "HIGH"}
"""Glooko writes a value beyond the sensor's limits so, in mg/dL."""


def is_title(rows: Sequence[Sequence[str]]) -> bool:
    """A line of `Name:…`, most often with a span of dates."""
    if not rows or ":" not in rows[0][0]:
        return False
    filled = [field for field in rows[0] if field.strip()]
    if len(filled) < 2:
        return plain(rows[0][0]).startswith("name")
    return ":" in filled[1] and _DATE.search(filled[1]) is not None


def _how_sure(head: Head) -> float:
    if not is_title(head.rows) or len(head.rows) < 2:
        return 0.0
    return 0.9 if len(head.rows[1]) <= 12 and glucose_headings(head.rows[1]) else 0.0


def _read(source: Source, found: Findings, _choices: Choices) -> None:
    column: int | None = None
    sensor = False
    for line, row in source.rows():
        if is_title([row]):
            found.begin_person(row[0].partition(":")[2])
            for day in _DATE.findall(at(row, 1)):
                found.times.date(day)
        elif units := glucose_headings(row):
            sensors = [k for k in units if _SENSOR.search(row[k])]
            column = (sensors or units)[0]
            sensor = bool(sensors) or _SENSORS_FILE.search(source.name) is not None
            found.begin_section(unit_in(row[column]), line)
        elif column is None:
            found.aside("lines above the header")
        elif sensor:
            serial = row[-1].strip() or None if len(row) > column + 1 else None
            value = at(row, column).replace(",", ".")
            found.reading(
                line, at(row, 0), _LIMITS.get(value, value), found.device(r.Device(id=serial, serial_number=serial))
            )
        else:
            _meter(line, row, column, found)


def _meter(line: int, row: Sequence[str], column: int, found: Findings) -> None:
    value = number(at(row, column))
    if value:
        record = r.Fingerstick(**UNPLACED, value=value, unit=MG_DL)
        found.event(line, at(row, 0), record, "finger-sticks")
    else:
        found.aside("rows without a value")


FORMAT = FileFormat(name="glooko", title="Glooko export", how_sure=_how_sure, read=_read)
