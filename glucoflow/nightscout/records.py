"""A whole Nightscout document → our records. One treatment may be several: a meal and its bolus.

Each record's key is the part of the document that it is. What is no record of ours (calibrations by slope, error codes
of a sensor, values that no sensor measures) makes none: its document is kept as it is.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from glucoflow.model.records import (
    LONGEST_MIN,
    MOST_CARBS_G,
    MOST_UNITS,
    Device,
    DeviceSettings,
    DeviceStatus,
    Fingerstick,
    Note,
    Reading,
    Record,
)
from glucoflow.model.units import MG_DL
from glucoflow.nightscout.incoming import Doc, Whole
from glucoflow.nightscout.moments import instant
from glucoflow.nightscout.treatments import HIGHEST, MOST_UNITS_PER_HOUR, Treatment, treated, unit_in

LOWEST = 39.0
"""mg/dL. Below are error codes of old receivers (lib/plugins/errorcodes.js) or mmol/L."""

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
            return list(treated(_treatment(document), frame)) or [Note(key="note", text="Treatment", **frame)]
        case "devicestatus":
            return [DeviceStatus(key="status", last_upload=instant(whole.ms), **frame)]
        case "profile":
            return [_profile(document, frame)]
        case "activity":  # heart rates, steps and sleep: of no figure here
            return []


def _entry(document: Doc, frame: dict[str, Any]) -> Iterator[Record]:
    sgv, mbg = _number(document, "sgv"), _number(document, "mbg")
    if document["type"] == "sgv" and sgv is not None and LOWEST <= sgv <= HIGHEST:
        yield Reading(key="reading", value=sgv, unit=MG_DL, trend_word=_word(document.get("direction")), **frame)
    elif document["type"] == "mbg" and mbg is not None and 10 <= mbg <= HIGHEST:
        yield Fingerstick(key="meter", value=mbg, unit=MG_DL, **frame)


def _treatment(document: Doc) -> Treatment:
    """The fields that are what they can be; a number that none is is none."""
    rate = _within(document, "absolute", MOST_UNITS_PER_HOUR)
    return Treatment(
        event_type=str(document["eventType"]),
        insulin=_within(document, "insulin", MOST_UNITS),
        automatic=document.get("automatic") is True or document.get("isSMB") is True,
        carbs=_within(document, "carbs", MOST_CARBS_G),
        glucose=_within(document, "glucose", HIGHEST),
        glucose_type=str(document.get("glucoseType", "")),
        units=str(document.get("units", "")),
        minutes=_within(document, "duration", LONGEST_MIN),
        rate=_within(document, "rate", MOST_UNITS_PER_HOUR) if rate is None else rate,
        notes=str(document.get("notes") or ""),
    )


def _profile(document: Doc, frame: dict[str, Any]) -> DeviceSettings:
    store, name = document.get("store"), document.get("defaultProfile")
    stored = store.get(name) if isinstance(store, dict) and isinstance(name, str) else None
    said = (stored.get("units") if isinstance(stored, dict) else None) or document.get("units") or ""
    return DeviceSettings(key="settings", units=unit_in(str(said)), schedule_name=_word(name), **frame)


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
