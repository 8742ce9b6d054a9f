"""Document → Tidepool record in client form.

Long-acting doses and insulin without an amount are `insulin` records, since `basal` needs a rate and `bolus` an amount;
health events are `reportedState`, as in Tidepool's own import from Dexcom; notes a `reportedState` with notes and no
state; a device's last upload is an `upload`. Summaries and episodes are figures of ours and have no Tidepool form.
"""

import base64
import hashlib
from datetime import datetime, timedelta
from typing import Any

import msgspec

from glucoflow.model.documents import Document, InsulinFields, SettingsFields, Source
from glucoflow.model.localtime import MINUTE_MS
from glucoflow.model.records import Device, DeviceSettings
from glucoflow.model.units import MG_DL, Unit, to_mmol_l
from glucoflow.tidepool import cgm_settings
from glucoflow.tidepool.cgm_settings.schema import CgmSettings, Origin
from glucoflow.tidepool.wire import (
    INTENSITIES,
    MG_DL_PER_MINUTE,
    MMOL_L_PER_MINUTE,
    STATES,
    TREND_WORDS,
    Dose,
    Formulation,
    Nutrition,
    Quantity,
    Simple,
    State,
    TidepoolRecord,
)

VERSION = "1"
"""Of how we write records; in every `origin.version`."""


def tidepool_record(document: Document, units: Unit | None = None) -> TidepoolRecord | CgmSettings | None:
    """The record of a document, glucose in `units` (None: as received). None for summaries and episodes."""
    source = document.source
    if source.settings is not None:
        return _settings(document, source.settings, units)
    own = _own(source, units)
    if own is None:
        return None
    device = source.device or Device()
    return msgspec.structs.replace(
        own,
        **_common(document),
        device_manufacturer=device.manufacturer,
        device_model=device.model,
        device_name=device.name,
        device_serial_number=device.serial_number,
    )


def tidepool_id(document_id: str) -> str:
    """32 hexadecimal characters for an `_id`: the same 16 bytes, so `document_id_of` gives it back."""
    try:
        raw = base64.urlsafe_b64decode(document_id + "==")
        if len(raw) == 16 and document_id_of(raw.hex()) == document_id:
            return raw.hex()
    except ValueError:
        pass
    return hashlib.blake2b(document_id.encode(), digest_size=16).hexdigest()


def document_id_of(tidepool_id: str) -> str:
    """The `_id` that `tidepool_id` was made from. Raises ValueError if it is no such id."""
    return base64.urlsafe_b64encode(bytes.fromhex(tidepool_id)).decode().rstrip("=")


def _common(document: Document) -> dict[str, object]:
    """The base fields, for either kind of record."""
    source = document.source
    upload = hashlib.blake2b(source.connection.id.encode(), digest_size=16).hexdigest()
    return {
        "id": tidepool_id(document.id),
        "time": source.timestamp,
        "device_time": _wall_clock(source.timestamp, source.time.utc_offset_min),
        "timezone": source.time.zone,
        "timezone_offset": source.time.utc_offset_min,
        "device_id": (source.device.id if source.device else None) or "unknown",
        "upload_id": upload,
        "annotations": source.annotations,
        "payload": source.payload,
        "origin": Origin(
            id=(source.event.id or tidepool_id(document.id))[:100],
            name=source.event.provider,
            type="service",
            version=VERSION,
            time=source.timestamp,
        ),
    }


def _wall_clock(time: datetime, offset_min: int) -> str:
    return (time + timedelta(minutes=offset_min)).strftime("%Y-%m-%dT%H:%M:%S")


def _own(source: Source, units: Unit | None) -> TidepoolRecord | None:
    """What only this type of record has."""
    match source.event.dataset:
        case "cgm.reading":
            return _reading(source, units)
        case "cgm.calibration":
            return TidepoolRecord(type="deviceEvent", sub_type="calibration", **_glucose(source, units))
        case "glucose.fingerstick":
            sub_type = source.fingerstick.subtype if source.fingerstick else None
            return TidepoolRecord(type="smbg", sub_type=sub_type, **_glucose(source, units))
        case "insulin.bolus" | "insulin.basal":
            return _insulin(source.insulin or InsulinFields(), basal=source.event.dataset == "insulin.basal")
        case "food":
            carbs = source.food.carbs_g if source.food else None
            eaten = Nutrition(carbohydrate=Quantity(net=carbs, units="grams")) if carbs is not None else None
            return TidepoolRecord(type="food", nutrition=eaten)
        case "exercise":
            return _exercise(source)
        case "health":
            return TidepoolRecord(type="reportedState", states=(_state(source.health.kind if source.health else ""),))
        case "note":
            return TidepoolRecord(type="reportedState", notes=(source.note.text,) if source.note else ())
        case "device.alert":
            return TidepoolRecord(type="alert", name=source.alert.name if source.alert else None)
        case "device.status":
            maker = (source.device.manufacturer,) if source.device and source.device.manufacturer else ()
            return TidepoolRecord(type="upload", data_set_type="continuous", device_manufacturers=maker)
    return None


def _glucose(source: Source, units: Unit | None) -> dict[str, Any]:
    glucose = source.glucose
    if glucose is None:
        return {}
    if units is None or units == glucose.unit:
        return {"units": glucose.unit, "value": glucose.value}
    return {"units": units, "value": glucose.mg_dl if units == MG_DL else glucose.mmol_l}


def _reading(source: Source, units: Unit | None) -> TidepoolRecord:
    glucose = _glucose(source, units)
    trend, sample = source.trend, source.sample
    rate = trend.rate if trend else None
    mg_dl = glucose.get("units") == MG_DL
    return TidepoolRecord(
        type="cbg",
        trend=TREND_WORDS.get(trend.direction) if trend else None,
        trend_rate=rate if rate is None or mg_dl else to_mmol_l(rate),
        trend_rate_units=None if rate is None else MG_DL_PER_MINUTE if mg_dl else MMOL_L_PER_MINUTE,
        sample_interval=sample.interval_ms if sample else None,
        backfilled=sample.backfilled if sample else None,
        **glucose,
    )


def _insulin(insulin: InsulinFields, *, basal: bool) -> TidepoolRecord:
    delivered = (insulin.normal, insulin.extended, insulin.expected_normal, insulin.expected_extended)
    if (basal and insulin.rate is None) or (not basal and delivered == (None,) * 4):
        acting = {"long": "long", "fast": "rapid"}.get(insulin.action or "")
        return TidepoolRecord(
            type="insulin",
            dose=Dose(total=insulin.amount) if insulin.amount is not None else None,
            formulation=Formulation(simple=Simple(acting_type=acting)) if acting else None,
        )
    timing: dict[str, Any] = {"duration": insulin.duration_ms, "expected_duration": insulin.expected_duration_ms}
    if basal:
        return TidepoolRecord(type="basal", delivery_type=insulin.delivery_type, rate=insulin.rate, **timing)
    return TidepoolRecord(
        type="bolus",
        sub_type=_bolus_type(insulin),
        delivery_type=insulin.delivery_type,
        normal=insulin.normal,
        extended=insulin.extended,
        expected_normal=insulin.expected_normal,
        expected_extended=insulin.expected_extended,
        **timing,
    )


def _bolus_type(insulin: InsulinFields) -> str:
    if insulin.delivery_type == "automated":
        return "automated"
    if insulin.extended is None:
        return "normal"
    return "square" if insulin.normal is None else "dual/square"


def _exercise(source: Source) -> TidepoolRecord:
    exercise = source.exercise
    duration = exercise.duration_ms if exercise else None
    return TidepoolRecord(
        type="physicalActivity",
        duration=None if duration is None else Quantity(value=duration / MINUTE_MS, units="minutes"),
        reported_intensity=INTENSITIES.get((exercise.intensity if exercise else None) or ""),
    )


def _state(kind: str) -> State:
    known = STATES.get(kind)
    return State(state=known) if known else State(state="other", state_other=kind[:100] or None)


def _settings(document: Document, settings: SettingsFields, units: Unit | None) -> CgmSettings:
    source = document.source
    record = DeviceSettings(
        time=source.timestamp,
        key=document.id,
        device=source.device,
        **{name: getattr(settings, name) for name in settings.__struct_fields__},
    )
    v1 = cgm_settings.of_record(record)
    return msgspec.structs.replace(cgm_settings.in_units(v1, units) if units else v1, **_common(document))
