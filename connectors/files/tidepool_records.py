"""Tidepool's records in a file, for their readings: JSON of its API or export, a flat CSV, or a workbook's sheets."""

from typing import Any

import msgspec

from connectors.files.json_records import records_of
from connectors.files.table import at, plain
from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.dates import INSTANT
from glucoflow.file_reading.findings import Findings
from glucoflow.file_reading.format import FileFormat
from glucoflow.file_reading.source import Head, Source
from glucoflow.model import records as r
from glucoflow.model.errors import Rejected
from glucoflow.model.localtime import epoch_ms
from glucoflow.model.ranges import WIDEST_LIMITS
from glucoflow.model.units import MG_DL, parse_unit
from glucoflow.tidepool import to_record, unstrung

_TYPES = ("cbg", "smbg", "basal", "bolus", "wizard", "food", "physicalActivity", "deviceEvent", "upload")
_TIME = ("zulu time", "time")
_TYPE = ("tidepool data type", "type")


def _how_sure(head: Head) -> float:
    if head.is_json:
        packed = head.text.replace(" ", "")
        return 0.92 if any(f'"type":"{name}"' in packed for name in _TYPES) else 0.0
    columns = _columns(head.rows[0]) if head.rows else {}
    return 0.9 if {"time", "type", "value", "units"} <= set(columns) else 0.0


def _columns(row: list[str]) -> dict[str, int]:
    """Places of our names for the columns: node-data-tools' headings, or a record's own field names."""
    names = {plain(name): k for k, name in enumerate(row)}
    ours = {"time": _TIME, "type": _TYPE, "value": ("value",), "units": ("units",), "id": ("id",)}
    ours |= {"deviceId": ("device id", "deviceid"), "timezoneOffset": ("timezone offset", "timezoneoffset")}
    ours |= {"deviceTime": ("device time", "devicetime"), "subType": ("sub type", "subtype")}
    found = {}
    for name, headings in ours.items():
        place = next((names[heading] for heading in headings if heading in names), None)
        if place is not None:
            found[name] = place
    return found


def _read(source: Source, found: Findings, _choices: Choices) -> None:
    found.begin_section(MG_DL, 1)
    if source.table is None and source.head.is_json:
        for number, fields in records_of(source, found):
            _record(number, fields, found)
        return
    columns: dict[str, int] = {}
    for line, row in source.rows():
        if not columns:
            columns = _columns(row)
        else:
            _record(line, _fields(row, columns), found)


def _fields(row: list[str], columns: dict[str, int]) -> dict[str, Any]:
    """A record of a row, in the API's form."""
    fields: dict[str, Any] = {name: value for name, place in columns.items() if (value := at(row, place))}
    for name in ("value", "timezoneOffset"):
        try:
            fields[name] = float(fields[name])
        except (KeyError, ValueError):
            fields.pop(name, None)
    time = str(fields.get("time", ""))
    if time and not time.endswith("Z") and "+" not in time:
        fields["time"] = f"{time.replace(' ', 'T')}Z"
    return fields


def _record(number: int, fields: dict[str, Any], found: Findings) -> None:
    if "exportError" in fields:
        found.broken_off = "Tidepool's export broke off: the file is not complete."
        return
    kind = str(fields.get("type", ""))
    strung = any(isinstance(fields.get(name), str) for name in ("payload", "annotations"))
    try:
        raw = msgspec.json.encode(fields)
        record = to_record(unstrung(raw) if strung else raw)
    except Rejected as error:
        if kind == "cbg":
            found.unread_other(number, f"{error.field}: {error.reason}", str(fields.get("value", "")))
        else:
            found.aside(f"records of the type {kind[:40] or '?'} that cannot be understood")
        return
    if record is None:
        found.aside(f"records of the type {kind[:40] or '?'}")
        return
    moment = (epoch_ms(record.time), INSTANT if record.offset_min is None else record.offset_min)
    if isinstance(record, r.Reading):
        found.section = _section(found, record)
        found.person.rows += 1
        device = found.device(record.device or r.Device())
        found.take(number, moment, record.value, device, record=record)
    else:
        found.happened(moment, record, f"records of the type {kind}")


def _section(found: Findings, record: r.Reading) -> int:
    """Of the unit that the record says."""
    unit = parse_unit(record.unit)
    known = [k for k, one in enumerate(found.sections) if one.unit == unit]
    return known[0] if known else found.begin_section(unit, 1)


FORMAT = FileFormat(
    name="tidepool",
    title="Tidepool export",
    how_sure=_how_sure,
    read=_read,
    sensor_limits=WIDEST_LIMITS,
    provider="tidepool",
)
