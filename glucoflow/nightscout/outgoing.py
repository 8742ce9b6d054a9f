"""A stored document → Nightscout's, as its v1 and v3 interfaces give it: what an app uploaded, or any provider's."""

import base64
from collections.abc import Mapping
from typing import Any

import msgspec

from glucoflow.model.documents import EVENT_DATASETS, Dataset, Source
from glucoflow.model.localtime import MINUTE_MS, epoch_ms
from glucoflow.nightscout.directions import NUMBERS, nightscout_direction
from glucoflow.nightscout.incoming import Collection, Doc
from glucoflow.nightscout.moments import utc_text

DATASETS: Mapping[Collection, tuple[Dataset, ...]] = {
    "entries": ("cgm.reading",),
    "treatments": (*EVENT_DATASETS, "cgm.calibration"),
    "devicestatus": (),
    "profile": (),
    "activity": (),
}
"""What of other providers' documents stands in a collection; all else is only what apps sent."""


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A document as stored: its `_id` in the index, and when it was written (epoch ms)."""

    id: str
    source: Source
    written_ms: int


def common_form(stored: Stored, collection: Collection) -> Doc:
    """The document with everything that both interfaces show; v1 and v3 differ in what they add and leave out."""
    source = stored.source
    ms = epoch_ms(source.timestamp)
    if source.app is not None:
        document: Doc = msgspec.json.decode(source.payload) if source.payload else {}
    else:
        document = _made(source, collection, ms) | {"_id": foreign_id(stored.id)}
    document["srvModified"] = stored.written_ms
    if collection == "entries":
        document["mills"] = ms
        if document.get("type") == "sgv":
            document["direction"] = nightscout_direction(document.get("direction"))
    return document


def v1_form(document: Doc, collection: Collection) -> Doc:
    """As v1 gives it: carbs and insulin stand there as null where there are none."""
    for name in ("srvCreated", "subject", "modifiedBy"):
        document.pop(name, None)
    if collection == "treatments":
        document.setdefault("carbs", None)
        document.setdefault("insulin", None)
        document.setdefault("enteredBy", "")
        if not document.get("timestamp"):
            document["timestamp"] = document.get("created_at")
    return document


def v3_form(document: Doc, ms: int, *, deleted: bool = False) -> Doc:
    """As v3 gives it. AndroidAPS refuses a page with an ISO `timestamp` or a fraction where it expects none."""
    document.setdefault("identifier", document["_id"])
    document["date"] = ms
    document["utcOffset"] = _whole(document.get("utcOffset")) or 0
    document.setdefault("app", document.get("enteredBy") or document.get("device") or "glucoflow")
    document.setdefault("srvCreated", document["srvModified"])
    document["isValid"] = not deleted
    if not isinstance(document.get("timestamp"), int):
        document.pop("timestamp", None)
    for name in ("duration", "durationInMilliseconds", "protein", "fat", "preBolus", "timestamp"):
        if name in document:
            whole = _whole(document[name])
            if whole is None:
                del document[name]
            else:
                document[name] = whole
    return document


def foreign_id(document_id: str) -> str:
    """32 hex digits for the `_id` of a document that no app uploaded; `document_id_of` gives it back."""
    try:
        return base64.urlsafe_b64decode(document_id + "==").hex()
    except ValueError:
        return document_id


def document_id_of(foreign: str) -> str | None:
    """The `_id` in the index that `foreign_id` was made from, or None."""
    try:
        raw = bytes.fromhex(foreign)
    except ValueError:
        return None
    return base64.urlsafe_b64encode(raw).decode().rstrip("=") if len(raw) == 16 else None


def _whole(value: Any) -> int | None:
    return round(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _made(source: Source, collection: Collection, ms: int) -> Doc:
    device = source.device
    named = (device.name or device.model or device.id) if device else None
    shared = {"utcOffset": source.time.utc_offset_min, "device": named or source.event.provider}
    if collection == "entries":
        return {**_entry(source, ms), **shared}
    return {"created_at": utc_text(ms), "enteredBy": source.event.provider, **_treatment(source), **shared}


def _entry(source: Source, ms: int) -> Doc:
    glucose, trend = source.glucose, source.trend
    direction = nightscout_direction(trend.direction if trend else None)
    text = utc_text(ms)
    return {
        "type": "sgv",
        "sgv": round(glucose.mg_dl) if glucose else None,
        "date": ms,
        "dateString": text,
        "sysTime": text,
        "direction": direction,
        "trend": NUMBERS[direction],
    }


def _treatment(source: Source) -> Doc:
    insulin = source.insulin
    match source.event.dataset:
        case "insulin.bolus" if insulin:
            parts = [one for one in (insulin.normal, insulin.extended, insulin.amount) if one is not None]
            amount = round(sum(parts), 4) if parts else None
            return _filled({"eventType": "Bolus", "insulin": amount, "duration": _minutes(insulin.duration_ms)})
        case "insulin.basal" if insulin:
            if insulin.rate is None:
                return _filled({"eventType": "Note", "notes": f"Basal insulin: {insulin.amount} U"})
            rate = {"rate": insulin.rate, "absolute": insulin.rate, "temp": "absolute"}
            return _filled({"eventType": "Temp Basal", **rate, "duration": _minutes(insulin.duration_ms)})
        case "food":
            return _filled({"eventType": "Carb Correction", "carbs": source.food.carbs_g if source.food else None})
        case "exercise":
            length = source.exercise.duration_ms if source.exercise else None
            return _filled({"eventType": "Exercise", "duration": _minutes(length)})
        case "glucose.fingerstick" | "cgm.calibration" if source.glucose:
            word = "Sensor Calibration" if source.event.dataset == "cgm.calibration" else "BG Check"
            unit = "mmol" if source.glucose.unit == "mmol/L" else "mg/dl"
            return {"eventType": word, "glucose": source.glucose.value, "glucoseType": "Finger", "units": unit}
        case "health":
            return _filled({"eventType": "Note", "notes": source.health.kind if source.health else None})
    return _filled({"eventType": "Note", "notes": source.note.text if source.note else None})


def _minutes(ms: int | None) -> float | None:
    return None if ms is None else round(ms / MINUTE_MS, 2)


def _filled(fields: Doc) -> Doc:
    return {name: value for name, value in fields.items() if value is not None}
