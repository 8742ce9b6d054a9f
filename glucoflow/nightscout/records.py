"""A whole Nightscout document → our records. One treatment may be several: a meal and its bolus.

Each record's key is the part of the document that it is. What is no record of ours (calibrations by slope, error codes
of a sensor, values that no sensor measures) makes none: its document is kept as it is.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from glucoflow.model.records import (
    Basal,
    Bolus,
    Device,
    DeviceSettings,
    DeviceStatus,
    Exercise,
    Fingerstick,
    Food,
    Note,
    Reading,
    Record,
)
from glucoflow.model.units import MG_DL, MMOL_L, Unit
from glucoflow.nightscout.incoming import Doc, Whole
from glucoflow.nightscout.moments import instant

LOWEST, HIGHEST = 39.0, 1000.0
"""mg/dL. Below are error codes of old receivers (lib/plugins/errorcodes.js) or mmol/L; above measures no sensor."""

MINUTE_MS = 60_000
MOST_UNITS, MOST_CARBS_G, LONGEST_MIN = 250.0, 1000.0, 7 * 1440.0
LONGEST_NOTE = 10_000
LOWEST_SHOWN_MG_DL = 20.0
"""No meter shows less in mg/dL: a smaller number without a unit is mmol/L."""

PARTS = ("reading", "meter", "insulin", "carbs", "glucose", "basal", "exercise", "note", "status", "settings")


def records_of(whole: Whole, record_id: str) -> list[Record]:
    """The records of a document, none where it holds none. `record_id` is its `_id`."""
    document = whole.document
    frame: dict[str, Any] = {
        "time": instant(whole.ms),
        "offset_min": whole.offset_min,
        "record_id": record_id,
        "device": _device(document),
        "payload": msgspec.Raw(msgspec.json.encode(document)),
    }
    match whole.collection:
        case "entries":
            return list(_entry(document, frame))
        case "treatments":
            return list(_treatment(document, frame)) or [Note(key="note", text=_said(document) or "Treatment", **frame)]
        case "devicestatus":
            return [DeviceStatus(key="status", last_upload=instant(whole.ms), **frame)]
        case "profile":
            return [_profile(document, frame)]


def _entry(document: Doc, frame: dict[str, Any]) -> Iterator[Record]:
    sgv, mbg = _number(document, "sgv"), _number(document, "mbg")
    if document["type"] == "sgv" and sgv is not None and LOWEST <= sgv <= HIGHEST:
        yield Reading(key="reading", value=sgv, unit=MG_DL, trend_word=_word(document.get("direction")), **frame)
    elif document["type"] == "mbg" and mbg is not None and 10 <= mbg <= HIGHEST:
        yield Fingerstick(key="meter", value=mbg, unit=MG_DL, **frame)


def _treatment(document: Doc, frame: dict[str, Any]) -> Iterator[Record]:
    word = str(document["eventType"]).lower()
    insulin, carbs = _within(document, "insulin", MOST_UNITS), _within(document, "carbs", MOST_CARBS_G)
    minutes = _within(document, "duration", LONGEST_MIN)
    duration_ms = round(minutes * MINUTE_MS) if minutes else None
    glucose = _meter_value(document)
    if insulin:
        automatic = document.get("automatic") is True or document.get("isSMB") is True
        yield Bolus(
            key="insulin", action="fast", delivery_type="automated" if automatic else "normal", normal=insulin, **frame
        )
    if carbs:
        yield Food(key="carbs", carbs_g=carbs, **frame)
    if glucose:
        yield Fingerstick(key="glucose", value=glucose[0], unit=glucose[1], **frame)
    rate = _within(document, "absolute", 100.0)
    rate = _within(document, "rate", 100.0) if rate is None else rate
    if word == "temp basal" and (rate is not None or duration_ms is not None):
        yield Basal(key="basal", delivery_type="temp", rate=rate, duration_ms=duration_ms, **frame)
    if word == "exercise":
        yield Exercise(key="exercise", duration_ms=duration_ms, **frame)
    if document.get("notes") and (text := _said(document)):
        yield Note(key="note", text=text, **frame)


def _meter_value(document: Doc) -> tuple[float, Unit] | None:
    """A finger-stick; a sensor's value beside a bolus is none. It has a unit of its own, else mg/dL."""
    value = _number(document, "glucose")
    if value is None or str(document.get("glucoseType", "finger")).lower() == "sensor":
        return None
    unit: Unit = MMOL_L if "mmol" in str(document.get("units", "")).lower() else MG_DL
    if unit == MG_DL and value < LOWEST_SHOWN_MG_DL:
        unit = MMOL_L
    elif unit == MMOL_L and value > 55:  # what 1000 mg/dL are: the unit was written by mistake
        unit = MG_DL
    return (value, unit) if 0 < value <= HIGHEST else None


def _profile(document: Doc, frame: dict[str, Any]) -> DeviceSettings:
    store, name = document.get("store"), document.get("defaultProfile")
    stored = store.get(name) if isinstance(store, dict) and isinstance(name, str) else None
    said = (stored.get("units") if isinstance(stored, dict) else None) or document.get("units") or ""
    units: Unit = MMOL_L if "mmol" in str(said).lower() else MG_DL
    return DeviceSettings(key="settings", units=units, schedule_name=_word(name), **frame)


def _said(document: Doc) -> str:
    word = str(document.get("eventType") or "")
    parts = ["" if word.lower() in ("note", "<none>") else word, str(document.get("notes") or "")]
    return ": ".join(part for part in parts if part)[:LONGEST_NOTE]


def _device(document: Doc) -> Device | None:
    name = _word(document.get("device") or document.get("enteredBy"))
    return Device(id=name, name=name) if name else None


def _word(value: Any) -> str | None:
    return value[:256] if isinstance(value, str) and value else None


def _number(document: Doc, name: str) -> float | None:
    value = document.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _within(document: Doc, name: str, most: float) -> float | None:
    value = _number(document, name)
    return value if value is not None and 0 <= value <= most else None


def keeps(time: datetime, now: datetime) -> bool:
    """Whether a record of this time counts: nothing is from before sensors were made, or from the day after next."""
    return time.year >= 2010 and (time - now).total_seconds() <= 86_400
