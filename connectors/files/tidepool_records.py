"""Tidepool's records in a file, for their readings: JSON of its API or export, a flat CSV, or a workbook's sheets."""

import re
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
_AMOUNTS = ("rate", "duration", "expectedDuration", "normal", "extended", "expectedNormal", "expectedExtended",
            "carbInput")  # fmt: skip
_TIME = ("zulu time", "time")
_TYPE = ("tidepool data type", "type")


def _how_sure(head: Head) -> float:
    if head.is_json:
        packed = head.text.replace(" ", "")
        return 0.92 if any(f'"type":"{name}"' in packed for name in _TYPES) else 0.0
    columns = _columns(head.rows[0]) if head.rows else {}
    if not {"time", "type"} <= set(columns):
        return 0.0
    return 0.9 if {"value", "units"} <= set(columns) else 0.7 if {"id", "deviceId"} <= set(columns) else 0.0


def _spaced(name: str) -> str:
    """A field's name as a heading: `expectedNormal` is Expected Normal."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)


def _columns(row: list[str]) -> dict[str, int]:
    """Places of our names for the columns: node-data-tools' headings, or a record's own field names."""
    names = {plain(name): k for k, name in enumerate(row)}
    ours = {"time": _TIME, "type": _TYPE, "value": ("value",), "units": ("units",), "id": ("id",)}
    ours |= {"deviceId": ("device id", "deviceid"), "timezoneOffset": ("timezone offset", "timezoneoffset")}
    ours |= {"deviceTime": ("device time", "devicetime"), "subType": ("sub type", "subtype")}
    ours |= {"uploadId": ("upload id", "uploadid"), "deliveryType": ("delivery type", "deliverytype")}
    ours |= {name: (plain(_spaced(name)), plain(name), f"{plain(_spaced(name))} (mins)") for name in _AMOUNTS}
    found = {}
    for name, headings in ours.items():
        place = next((names[heading] for heading in headings if heading in names), None)
        if place is not None:
            found[name] = place
    return found


def _read(source: Source, found: Findings, _choices: Choices) -> None:
    found.begin_section(MG_DL, 1)
    if source.table is None and source.head.is_json:
        records = list(records_of(source, found))
        export = any(isinstance(fields.get(name), str) for _, fields in records for name in ("payload", "annotations"))
        for number, fields in records:
            _record(number, fields, export, found)
        return
    columns: dict[str, int] = {}
    minutes = False
    for line, row in source.rows():
        if not columns:
            columns = _columns(row)
            minutes = any("(mins)" in heading.lower() for heading in row)
        elif (fields := _fields(row, columns)).get("type") == "cgmSettings":
            found.aside("records of the type cgmSettings")  # a row has not what they say
        else:
            _record(line, fields, minutes, found)


def _fields(row: list[str], columns: dict[str, int]) -> dict[str, Any]:
    """A record of a row, in the API's form."""
    fields: dict[str, Any] = {name: value for name, place in columns.items() if (value := at(row, place))}
    for name in ("value", "timezoneOffset", *_AMOUNTS):
        try:
            fields[name] = float(fields[name])
        except (KeyError, ValueError):
            fields.pop(name, None)
    if "timezoneOffset" in fields:
        fields["timezoneOffset"] = round(fields["timezoneOffset"])
    time = str(fields.get("time", ""))
    if time and not time.endswith("Z") and "+" not in time:
        fields["time"] = f"{time.replace(' ', 'T')}Z"
    return fields


def _record(number: int, fields: dict[str, Any], export: bool, found: Findings) -> None:
    """`export`: with JSON within strings and durations in minutes, as Tidepool's export has them."""
    if "exportError" in fields:
        found.broken_off = "Tidepool's export broke off: the file is not complete."
        found.unread_other(number, "the export broke off here", "")
        return
    kind = str(fields.get("type", ""))
    try:
        raw = msgspec.json.encode(fields)
        record = to_record(unstrung(raw) if export else raw)
    except Rejected as error:
        what = kind[:40] or "record without a type"
        found.unread_other(number, f"{what}: {error.field}: {error.reason}", str(fields.get(error.field, "")))
        return
    if record is None:
        found.aside(f"records of the type {kind[:40] or '?'}")
        return
    moment = (epoch_ms(record.time), INSTANT if record.offset_min is None else record.offset_min)
    if isinstance(record, r.Reading):
        found.section = found.section_of(parse_unit(record.unit))
        found.person.rows += 1
        device = found.device(record.device or r.Device())
        found.take(number, moment, record.value, device, record=record)
    else:
        found.happened(moment, record, f"records of the type {kind}")


FORMAT = FileFormat(
    name="tidepool",
    title="Tidepool export",
    how_sure=_how_sure,
    read=_read,
    sensor_limits=WIDEST_LIMITS,
    provider="tidepool",
)
