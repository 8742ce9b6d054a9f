"""Nightscout's records in a file: an answer of its API (v1 or v3), or what mongoexport writes of its collections.

Glucose is in mg/dL. `date` (ms) is the only clock to be trusted; `utcOffset` says what the person's own showed. Values
below 39 are a sensor's error codes.
"""

from collections.abc import Sequence
from typing import Any

from connectors.files.json_records import records_of
from connectors.files.table import at, number
from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.dates import INSTANT, Moment
from glucoflow.file_reading.findings import UNPLACED, Findings
from glucoflow.file_reading.format import FileFormat
from glucoflow.file_reading.source import Head, Source
from glucoflow.model import records as r
from glucoflow.model.localtime import MINUTE_MS
from glucoflow.model.ranges import WIDEST_LIMITS
from glucoflow.model.units import MG_DL, MMOL_L

LEAST = 39
_SIGNS = ('"sgv"', '"mbg"', '"dateString"', '"eventType"')


def _how_sure(head: Head) -> float:
    if not head.is_json:
        return 0.9 if head.rows and all(map(_is_entry, head.rows[:5])) else 0.0
    if '"cbg"' in head.text:
        return 0.0
    return 0.9 if any(sign in head.text for sign in _SIGNS) else 0.0


def _is_entry(row: Sequence[str]) -> bool:
    """Whether this is a line of `/api/v1/entries.csv`, which has no header: time, ms, mg/dL, word, device."""
    return len(row) in (4, 5) and at(row, 0).endswith("Z") and len(at(row, 1)) == 13 and at(row, 1).isdigit()


def _read(source: Source, found: Findings, _choices: Choices) -> None:
    found.begin_section(MG_DL, 1)
    if not source.head.is_json:
        for line, row in source.rows():
            _line(line, row, found)
        return
    for place, record in records_of(source, found):
        if "sgv" in record or "mbg" in record or record.get("type") in ("sgv", "mbg", "cal"):
            _entry(place, record, found)
        elif "eventType" in record:
            _treatment(place, record, found)
        else:
            found.aside("records of devices and profiles")


def _line(line: int, row: Sequence[str], found: Findings) -> None:
    value = number(at(row, 2))
    if value is not None and value < LEAST:
        found.aside("error codes of the sensor")
        return
    fields = {"direction": at(row, 3), "device": at(row, 4)}
    moment = found.times.read(at(row, 1))
    if moment is None or value is None:
        found.reading(line, at(row, 1), at(row, 2), _device(fields, found))
        return
    found.person.rows += 1
    found.take(line, moment, value, _device(fields, found), record=_reading(fields, value))


def _entry(place: int, record: dict[str, Any], found: Findings) -> None:
    moment, sgv = _moment(record, found, "date", "dateString", "sysTime"), record.get("sgv")
    if record.get("type", "sgv") == "sgv" and isinstance(sgv, int | float | str):
        if isinstance(sgv, int) and sgv < LEAST:
            found.aside("error codes of the sensor")
        elif moment is None or isinstance(sgv, str):
            found.reading(place, _shown(record), str(sgv), _device(record, found))
        else:
            found.person.rows += 1
            found.take(place, moment, float(sgv), _device(record, found), record=_reading(record, float(sgv)))
    elif record.get("mbg") and moment is not None:
        meter = r.Fingerstick(**_common(record), value=float(record["mbg"]), unit=MG_DL)
        found.happened(moment, meter, "finger-sticks")
    else:
        found.aside("records of calibrations and others without a value")


def _reading(record: dict[str, Any], value: float) -> r.Reading:
    word = record.get("direction")
    return r.Reading(
        **_common(record), value=value, unit=MG_DL, trend_word=str(word) if word else None, device=_named(record)
    )


def _treatment(place: int, record: dict[str, Any], found: Findings) -> None:
    moment = _moment(record, found, "created_at", "timestamp", "date")
    insulin, carbs, glucose = (_amount(record, name) for name in ("insulin", "carbs", "glucose"))
    minutes, rate = _amount(record, "duration"), _amount(record, "absolute")
    if moment is None:
        found.unread_other(place, "a treatment at a time that cannot be read", str(record.get("created_at")))
        return
    length = round(minutes * MINUTE_MS) if minutes else None
    kept: list[tuple[r.Record, str]] = []
    if insulin:
        kept.append((r.Bolus(**_common(record, "/insulin"), normal=insulin), "insulin doses"))
    if carbs:
        kept.append((r.Food(**_common(record, "/carbs"), carbs_g=carbs), "meals"))
    if glucose and str(record.get("glucoseType", "")).lower() != "sensor":
        unit = MMOL_L if str(record.get("units", "")).lower().startswith("mmol") else MG_DL
        kept.append((r.Fingerstick(**_common(record, "/glucose"), value=glucose, unit=unit), "finger-sticks"))
    if record.get("eventType") == "Temp Basal" and rate is not None and length:
        basal = r.Basal(**_common(record), delivery_type="temp", rate=rate, duration_ms=length)
        kept.append((basal, "insulin doses"))
    if record.get("eventType") == "Exercise":
        kept.append((r.Exercise(**_common(record), duration_ms=length), "activities"))
    if not kept and record.get("notes"):
        kept.append((r.Note(**_common(record), text=str(record["notes"])), "notes"))
    for one, what in kept:
        found.happened(moment, one, what)
    if not kept:
        found.aside("treatments that hold nothing that is kept")


def _moment(record: dict[str, Any], found: Findings, *names: str) -> Moment | None:
    """The instant, with the person's offset where the record says it."""
    for name in names:
        value = record.get(name)
        moment = found.times.read(str(value)) if value is not None else None
        if moment is None:
            continue
        offset = record.get("utcOffset")
        if isinstance(offset, int | float) and abs(offset) <= 14 * 60 and moment[1] >= INSTANT:
            return moment[0], int(offset)
        told = found.times.read(str(record.get("dateString", "")))
        if moment[1] == INSTANT and told is not None and told[1] not in (0, INSTANT) and abs(told[1]) <= 14 * 60:
            return moment[0], told[1]
        return (moment[0], INSTANT) if moment[1] == 0 else moment
    return None


def _amount(record: dict[str, Any], name: str) -> float | None:
    try:
        value = float(record.get(name) or "nan")
    except (TypeError, ValueError):
        return None
    return value if 0 <= value < 10_000 else None


def _common(record: dict[str, Any], part: str = "") -> dict[str, Any]:
    own = record.get("identifier") or record.get("_id")
    return UNPLACED | ({"key": f"{own}{part}", "record_id": str(own)} if own else {})


def _named(record: dict[str, Any]) -> r.Device | None:
    name = record.get("device") or record.get("enteredBy")
    return r.Device(id=str(name), name=str(name)) if name else None


def _device(record: dict[str, Any], found: Findings) -> int:
    return found.device(_named(record) or r.Device())


def _shown(record: dict[str, Any]) -> str:
    return str(record.get("date") or record.get("dateString") or "")


FORMAT = FileFormat(
    name="nightscout", title="Nightscout export", how_sure=_how_sure, read=_read, sensor_limits=WIDEST_LIMITS
)
