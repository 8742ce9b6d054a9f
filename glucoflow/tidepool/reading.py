"""Tidepool record → our record, from its API, from its export, or from ours.

Tidepool's export (not its API) writes `payload` and `annotations` as JSON within strings, and basal and bolus durations
in minutes: `unstrung` undoes both. Glucose keeps the record's units; trend rates say their own.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec

from glucoflow.model import records as r
from glucoflow.model.errors import Rejected
from glucoflow.model.localtime import MINUTE_MS
from glucoflow.model.ranges import WIDEST_LIMITS, SensorLimits, limit
from glucoflow.model.records import LONGEST_MIN, MOST_CARBS_G, MOST_UNITS
from glucoflow.model.units import MG_DL, Unit, in_mg_dl, parse_unit, to_mg_dl
from glucoflow.tidepool import cgm_settings
from glucoflow.tidepool.wire import INTENSITIES, STATES, TREND_WORDS, Quantity, TidepoolRecord

HIGHEST_MG_DL = 1000.0

NOT_HELD = frozenset(
    {
        "upload",
        "pumpSettings",
        "pumpStatus",
        "controllerSettings",
        "controllerStatus",
        "deviceStatus",
        "water",
        "dosingDecision",
        "bloodKetone",
    }
)
"""Types that glucoflow has no document for. They are counted, not rejected."""

_METERS: dict[str, Literal["manual", "linked", "scanned"]] = {
    "manual": "manual",
    "linked": "linked",
    "scanned": "scanned",
}
_DIRECTIONS = {word: direction for direction, word in TREND_WORDS.items()}
_STATES = {word: kind for kind, word in STATES.items()}
_INTENSITIES = {word: kind for kind, word in INTENSITIES.items()}


class _Peek(msgspec.Struct):
    type: str


_PEEK = msgspec.json.Decoder(_Peek)
_RECORD = msgspec.json.Decoder(TidepoolRecord)


def type_of(raw: bytes | msgspec.Raw) -> str:
    """The record's type. Raises Rejected for what is no record."""
    try:
        return _PEEK.decode(raw).type
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Rejected("type", "missing: this is no Tidepool record") from None


def to_record(raw: bytes | msgspec.Raw) -> r.Record | None:
    """Our record of a Tidepool record; None for types we do not hold. Raises Rejected with field and reason."""
    kind = type_of(raw)
    if kind in NOT_HELD:
        return None
    if kind == "cgmSettings":
        settings = cgm_settings.read(raw)
        if settings.time is None:
            raise Rejected("time", "missing")
        return cgm_settings.to_record(settings, settings.id or f"{settings.device_id}/{settings.time.isoformat()}")
    wire = _decoded(raw)
    if wire.time is None or wire.time.tzinfo is None:
        raise Rejected("time", "missing" if wire.time is None else "without a zone")
    return _typed(wire, _frame(wire, wire.time))


SIDE_FIELDS = frozenset(
    {"annotations", "backfilled", "clockDriftOffset", "conversionOffset", "deviceId", "deviceManufacturer",
     "deviceManufacturers", "deviceModel", "deviceName", "deviceSerialNumber", "deviceTime", "guid", "id", "origin",
     "payload", "sampleInterval", "subType", "timezone", "timezoneOffset", "trend", "trendRate", "trendRateUnits",
     "uploadId"}
)  # fmt: skip
"""No record is lost for one of these: where it is odd, it is left out."""


def _decoded(raw: bytes | msgspec.Raw) -> TidepoolRecord:
    """The record without those of its side fields that are odd. Raises Rejected naming a field that is needed."""
    fields: dict[str, Any] = {}
    for _ in range(len(SIDE_FIELDS) + 1):
        try:
            return msgspec.convert(fields, TidepoolRecord) if fields else _RECORD.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            text, _, path = str(error).partition(" - at `$")
            name = path.strip("`.").partition(".")[0].partition("[")[0]
            if name not in SIDE_FIELDS:
                raise Rejected(path.strip("`.") or "record", text) from None
            fields = fields or _untyped(raw)
            odd = fields.pop(name)
            if isinstance(odd, float) and odd.is_integer():
                fields[name] = int(odd)
    raise Rejected("record", "no record of Tidepool's")


def _untyped(raw: bytes | msgspec.Raw) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.json.decode(raw)
    if "payload" in fields:  # as it was sent
        fields["payload"] = msgspec.Raw(msgspec.json.encode(fields["payload"]))
    return fields


def _frame(wire: TidepoolRecord, time: datetime) -> dict[str, Any]:
    """What records of all types have."""
    maker = wire.device_manufacturer or (wire.device_manufacturers[0] if wire.device_manufacturers else None)
    device = r.Device(
        id=wire.device_id,
        model=wire.device_model,
        manufacturer=maker,
        name=wire.device_name or " ".join(part for part in (maker, wire.device_model) if part) or None,
        serial_number=wire.device_serial_number,
    )
    return {
        "time": time,
        "key": wire.id or f"{wire.device_id}/{time.isoformat()}/{wire.type}",
        "offset_min": wire.timezone_offset,
        "zone": wire.timezone,
        "record_id": wire.id,
        "device": device,
        "annotations": wire.annotations,
        "payload": wire.payload,
    }


def _typed(wire: TidepoolRecord, frame: dict[str, Any]) -> r.Record | None:
    match wire.type:
        case "cbg":
            return _reading(wire, frame)
        case "smbg":
            value, unit = _glucose(wire)
            return r.Fingerstick(**frame, value=value, unit=unit, subtype=_METERS.get(wire.sub_type or ""))
        case "deviceEvent" if wire.sub_type == "calibration":
            value, unit = _glucose(wire)
            return r.Calibration(**frame, value=value, unit=unit)
        case "bolus":
            return _bolus(wire, frame)
        case "basal":
            return r.Basal(
                **frame,
                delivery_type=wire.delivery_type or "unknown",
                rate=_bounded("rate", wire.rate, 100),
                duration_ms=_ms("duration", wire.duration),
                expected_duration_ms=_ms("expectedDuration", wire.expected_duration),
            )
        case "insulin":
            return _insulin(wire, frame)
        case "food" | "wizard":
            eaten = wire.nutrition.carbohydrate if wire.nutrition else None
            carbs = wire.carb_input if wire.type == "wizard" else eaten.net if eaten else None
            if wire.type == "wizard" and not carbs:
                return None
            return r.Food(**frame, carbs_g=_bounded("nutrition.carbohydrate.net", carbs, MOST_CARBS_G))
        case "physicalActivity":
            intensity = _INTENSITIES.get(wire.reported_intensity or "", wire.reported_intensity)
            return r.Exercise(**frame, intensity=intensity, duration_ms=_activity_ms(wire.duration))
        case "reportedState":
            return _state(wire, frame)
        case "alert":
            return r.Alert(**frame, name=wire.name or "unknown", state="unknown")
    return None


def _reading(wire: TidepoolRecord, frame: dict[str, Any]) -> r.Reading:
    value, unit = _glucose(wire)
    rate = wire.trend_rate
    if rate is not None and (wire.trend_rate_units or MG_DL).lower().startswith("mmol"):
        rate = to_mg_dl(rate) if rate >= 0 else -to_mg_dl(-rate)
    word = wire.trend and _DIRECTIONS.get(wire.trend, wire.trend)
    limits = _limits(wire)
    if limits and limit(in_mg_dl(value, unit), limits):  # then enrichment says so itself
        frame["annotations"] = tuple(note for note in wire.annotations if note.code != "bg/out-of-range")
    return r.Reading(
        **frame,
        value=value,
        unit=unit,
        trend_word=word or None,
        trend_rate=rate,
        interval_ms=wire.sample_interval,
        backfilled=wire.backfilled,
        sensor_limits=limits,
    )


def _limits(wire: TidepoolRecord) -> SensorLimits | None:
    """Where the sensor of a reading beyond it ends, as the reading says itself."""
    for note in wire.annotations:
        if note.code == "bg/out-of-range" and note.threshold is not None:
            low, high = WIDEST_LIMITS
            return SensorLimits(note.threshold, high) if note.value == "low" else SensorLimits(low, note.threshold)
    return None


def _glucose(wire: TidepoolRecord) -> tuple[float, Unit]:
    """Value and unit; a mg/dL value within a whisker of a whole one is that one, since exports do not round."""
    if wire.value is None:
        raise Rejected("value", "missing")
    try:
        unit = parse_unit(wire.units or "")
    except ValueError:
        raise Rejected("units", "neither mg/dL nor mmol/L") from None
    value = wire.value
    if unit == MG_DL and abs(value - round(value)) < 1e-4:
        value = float(round(value))
    if not 0 < in_mg_dl(value, unit) <= HIGHEST_MG_DL:
        raise Rejected("value", f"outside 0 to {HIGHEST_MG_DL:g} mg/dL")
    return value, unit


def _bolus(wire: TidepoolRecord, frame: dict[str, Any]) -> r.Bolus:
    amounts = {
        "normal": wire.normal,
        "extended": wire.extended,
        "expected_normal": wire.expected_normal,
        "expected_extended": wire.expected_extended,
    }
    return r.Bolus(
        **frame,
        **{name: _bounded(name, amount, MOST_UNITS) for name, amount in amounts.items()},  # type: ignore[arg-type]
        delivery_type=wire.delivery_type or wire.sub_type or "normal",
        duration_ms=_ms("duration", wire.duration),
        expected_duration_ms=_ms("expectedDuration", wire.expected_duration),
    )


def _insulin(wire: TidepoolRecord, frame: dict[str, Any]) -> r.Record:
    acting = wire.formulation.simple.acting_type if wire.formulation and wire.formulation.simple else None
    total = _bounded("dose.total", wire.dose.total if wire.dose else None, MOST_UNITS)
    if acting in ("long", "intermediate"):
        return r.Basal(**frame, delivery_type="manual", action="long", amount=total)
    return r.Bolus(**frame, action="fast" if acting in ("rapid", "short") else None, normal=total)


def _state(wire: TidepoolRecord, frame: dict[str, Any]) -> r.Record:
    if wire.states:
        state = wire.states[0]
        return r.Health(**frame, kind=_STATES.get(state.state) or state.state_other or state.state)
    if wire.notes:
        return r.Note(**frame, text="\n".join(wire.notes))
    raise Rejected("states", "neither a state nor a note")


def _bounded(field: str, value: float | None, most: float) -> float | None:
    if value is not None and not 0 <= value <= most:
        raise Rejected(field, f"outside 0 to {most:g}")
    return value


def _ms(field: str, value: float | Quantity | None) -> int | None:
    if value is None:
        return None
    if isinstance(value, Quantity) or not 0 <= value <= 7 * 86_400_000:
        raise Rejected(field, "not a number of milliseconds up to a week")
    return round(value)


def _activity_ms(duration: float | Quantity | None) -> int | None:
    if not isinstance(duration, Quantity) or duration.value is None:
        return None
    factor = {"seconds": 1_000, "minutes": MINUTE_MS, "hours": 60 * MINUTE_MS}.get(duration.units or "")
    if factor is None or not 0 <= duration.value * factor <= 7 * 86_400_000:
        raise Rejected("duration", "not a time up to a week in seconds, minutes or hours")
    return round(duration.value * factor)


def unstrung(raw: bytes | msgspec.Raw) -> bytes:
    """A record of Tidepool's export in the API's form: JSON within strings taken out, minutes made ms."""
    fields = msgspec.json.decode(raw)
    for name in ("payload", "annotations", "origin"):
        if isinstance(fields.get(name), str):
            try:
                fields[name] = msgspec.json.decode(fields[name])
            except msgspec.DecodeError:  # it is needed for nothing
                del fields[name]
    if fields.get("type") in ("basal", "bolus"):
        for name in ("duration", "expectedDuration"):
            length = fields.get(name)
            if isinstance(length, int | float) and 0 <= length <= LONGEST_MIN:  # more are milliseconds already
                fields[name] = round(length * MINUTE_MS)
    return msgspec.json.encode(fields)
