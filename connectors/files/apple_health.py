"""Apple Health's export (`export.xml`, or the ZIP it is in), read as a stream: it can be of gigabytes.

Health keeps meters' and sensors' glucose alike. A source is a sensor's where its values follow each other within
minutes; what a person typed in is a finger-stick.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from xml.parsers import expat

from connectors.files.columns import SENSOR_GAP_MS
from connectors.files.json_records import BROKEN
from connectors.files.table import number
from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.dates import Moment
from glucoflow.file_reading.findings import UNPLACED, Findings
from glucoflow.file_reading.format import FileFormat
from glucoflow.file_reading.source import Head, Source
from glucoflow.file_reading.units import unit_in
from glucoflow.model import records as r
from glucoflow.model.errors import UnreadableFile
from glucoflow.model.ranges import WIDEST_LIMITS
from glucoflow.model.units import MG_DL

GLUCOSE = "HKQuantityTypeIdentifierBloodGlucose"
CHUNK = 1 << 20
FEWEST = 12
_MOLAR = re.compile(r"<[^>]*>")


@dataclass
class _Record:
    line: int
    source: str
    unit: str
    value: str
    time: str
    entered: bool = False


@dataclass
class _Collected:
    """Glucose records by source, and how many other records there are."""

    by_source: dict[str, list[_Record]] = field(default_factory=dict)
    others: Counter[str] = field(default_factory=Counter)
    last: _Record | None = None


def _how_sure(head: Head) -> float:
    return 0.95 if "<HealthData" in head.text or "<!DOCTYPE HealthData" in head.text else 0.0


def _read(source: Source, found: Findings, _choices: Choices) -> None:
    collected = _Collected()
    parser = expat.ParserCreate()

    def start(name: str, given: dict[str, str]) -> None:
        if name == "Record":
            _take(collected, given, parser.CurrentLineNumber)
        elif name == "MetadataEntry" and collected.last is not None and given.get("key") == "HKWasUserEntered":
            collected.last.entered = given.get("value") == "1"

    def end(name: str) -> None:
        if name == "Record":
            collected.last = None

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.EntityDeclHandler = _refuse_entities
    try:
        with source.open() as stream:
            while chunk := stream.read(CHUNK):
                parser.Parse(chunk, False)
            parser.Parse(b"", True)
    except expat.ExpatError as error:
        found.broken_off = BROKEN
        found.unread_other(error.lineno, "the file breaks off here", "")
    for kind, count in collected.others.items():
        found.person.aside[kind] += count
    for records in collected.by_source.values():
        _hand_over(records, found)


def _refuse_entities(*_declared: object) -> None:
    raise UnreadableFile("The file declares entities, which Apple Health never does: it was made by somebody else.")


def _take(collected: _Collected, given: dict[str, str], line: int) -> None:
    if given.get("type") != GLUCOSE:
        collected.others["records of other kinds"] += 1
        return
    record = _Record(
        line, given.get("sourceName", ""), given.get("unit", ""), given.get("value", ""), given.get("startDate", "")
    )
    collected.last = record
    collected.by_source.setdefault(record.source, []).append(record)


def _hand_over(records: list[_Record], found: Findings) -> None:
    """A source's records: a sensor's readings, or finger-sticks."""
    moments = [found.times.read(record.time) for record in records]
    sensor = _is_sensor([moment for moment, one in zip(moments, records, strict=True) if moment and not one.entered])
    device = found.device(r.Device(id=records[0].source, name=records[0].source))
    for record in records:
        unit = unit_in(_MOLAR.sub("", record.unit))
        found.section = found.section_of(unit)
        if sensor and not record.entered:
            found.reading(record.line, record.time, record.value, device)
        elif value := number(record.value):
            meter = r.Fingerstick(
                **UNPLACED, value=value, unit=unit or MG_DL, subtype="manual" if record.entered else None
            )
            found.event(record.line, record.time, meter, "finger-sticks")
        else:
            found.aside("rows without a value")


def _is_sensor(moments: list[Moment]) -> bool:
    times = sorted(moment[0] for moment in moments)
    gaps = sorted(b - a for a, b in pairwise(times))
    return len(gaps) >= FEWEST - 1 and gaps[len(gaps) // 2] <= SENSOR_GAP_MS


FORMAT = FileFormat(
    name="apple_health",
    title="Apple Health export",
    how_sure=_how_sure,
    read=_read,
    sensor_limits=WIDEST_LIMITS,
)
