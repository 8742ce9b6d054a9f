"""Tidepool's `cgmSettings` v1: read, check, convert, and write in each of its three forms.

Source: Tidepool's schema "Continuous Glucose Monitor Settings: Dexcom" (cgmsettings.v1 over base.v1). The schema calls
the rate alerts `rateOfChangeAlert`, its own examples `rateOfChangeAlerts`: both are read, the schema's is written.
`outOfRangeAlerts.snooze` is no snooze but how long the signal must be lost, as the schema's page says.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from glucoflow.model.errors import Rejected
from glucoflow.model.records import NO_PAYLOAD, Annotation
from glucoflow.model.units import MG_DL, MG_DL_PER_MMOL_L, MMOL_L, Unit, in_mg_dl, in_unit

Form = Literal["client", "ingestion", "storage"]
"""client: what people's programs read. ingestion: what a device's program sends, without id. storage: as Tidepool keeps
it, glucose in mmol/L, with its own bookkeeping fields."""

Text = Annotated[str, Meta(min_length=1, max_length=100)]
DayMs = Annotated[int, Meta(ge=0, le=86_400_000)]
LocalTime = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$")]

HIGHEST_LEVEL = 1000.0
FASTEST = 10.0
"""mg/dL and mg/dL/min: the schema's bounds (its 0.55 mmol/L/min is this, rounded)."""


class _Camel(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, rename="camel"):
    pass


class Level(_Camel, frozen=True, kw_only=True):
    """A high or low alert; level in the record's units, snooze in ms."""

    enabled: bool
    level: Annotated[float, Meta(ge=0)]
    snooze: DayMs


class SignalLoss(_Camel, frozen=True, kw_only=True):
    enabled: bool
    snooze: Annotated[float, Meta(ge=0, le=86_400_000)]


class Rate(_Camel, frozen=True, kw_only=True):
    """A rate in the record's units per minute, negative for a fall."""

    enabled: bool | None = None
    rate: float | None = None


class Rates(_Camel, frozen=True, kw_only=True):
    fall_rate: Rate
    rise_rate: Rate


class Deduplicator(_Camel, frozen=True, kw_only=True):
    name: str
    version: str
    hash: str | None = None


class Association(_Camel, frozen=True, kw_only=True):
    type: Literal["blob", "datum", "image", "url"]
    id: str | None = None
    url: str | None = None
    reason: Annotated[str, Meta(min_length=1, max_length=1000)] | None = None


class Origin(_Camel, frozen=True, kw_only=True):
    """Where a record came from. `payload` may hold anything."""

    id: Text | None = None
    name: Text | None = None
    payload: msgspec.Raw = NO_PAYLOAD
    time: datetime | None = None
    type: Literal["application", "device", "manual", "service"] | None = None
    version: Text | None = None


class Base(_Camel, frozen=True, kw_only=True):
    """Tidepool's base.v1: what records of all types have. Parts that we only pass on stay as they are."""

    type: str
    id: str | None = None
    time: datetime | None = None
    annotations: tuple[Annotation, ...] = ()
    archived_dataset_id: str | None = None
    archived_time: datetime | None = None
    associations: tuple[Association, ...] = ()
    clock_drift_offset: Annotated[int, Meta(ge=-86_400_000, le=86_400_000)] | None = None
    conversion_offset: int | None = None
    created_time: datetime | None = None
    created_user_id: str | None = None
    deduplicator: Deduplicator | None = None
    deleted_time: datetime | None = None
    deleted_user_id: str | None = None
    device_id: Annotated[str, Meta(min_length=1)] | None = None
    device_time: LocalTime | None = None
    guid: str | None = None
    history: msgspec.Raw = NO_PAYLOAD
    location: msgspec.Raw = NO_PAYLOAD
    modified_time: datetime | None = None
    modified_user_id: str | None = None
    notes: tuple[str, ...] = ()
    origin: Origin | None = None
    payload: msgspec.Raw = NO_PAYLOAD
    source: str | None = None
    tags: tuple[str, ...] = ()
    timezone: str | None = None
    timezone_offset: Annotated[int, Meta(ge=-10_080, le=10_080)] | None = None
    upload_id: str | None = None


class CgmSettings(Base, frozen=True, kw_only=True):
    """One cgmSettings record. Levels and rates are in `units`."""

    type: Literal["cgmSettings"] = msgspec.field(default_factory=lambda: "cgmSettings")  # factories: always written
    units: Unit = msgspec.field(default_factory=lambda: MG_DL)
    firmware_version: Text | None = None
    hardware_version: Text | None = None
    software_version: Text | None = None
    manufacturers: Annotated[tuple[Text, ...], Meta(max_length=10)] = ()
    model: Text | None = None
    name: Text | None = None
    serial_number: Text | None = None
    transmitter_id: str | None = None
    high_alerts: Level | None = None
    low_alerts: Level | None = None
    out_of_range_alerts: SignalLoss | None = None
    rate_of_change_alert: Rates | None = None
    rate_of_change_alerts: Rates | None = None


class Storage(msgspec.Struct, frozen=True, kw_only=True):
    """What Tidepool's storage adds to a record."""

    group_id: str
    active: bool = True
    schema_version: int = 0
    version: int = 0


def read(data: bytes | msgspec.Raw | Mapping[str, Any]) -> CgmSettings:
    """A record in any of the three forms. Raises Rejected with field and reason for what the schema does not allow."""
    try:
        if isinstance(data, Mapping):
            data = msgspec.json.encode(data)
        settings = msgspec.json.decode(data, type=CgmSettings)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        text, _, path = str(error).partition(" - at `$")
        raise Rejected(path.strip("`.") or "cgmSettings", text) from None
    either = settings.rate_of_change_alert or settings.rate_of_change_alerts
    settings = msgspec.structs.replace(settings, rate_of_change_alert=either, rate_of_change_alerts=None)
    _check(settings)
    return settings


def _check(settings: CgmSettings) -> None:
    for name, alert in (("highAlerts", settings.high_alerts), ("lowAlerts", settings.low_alerts)):
        if alert is not None and in_mg_dl(alert.level, settings.units) > HIGHEST_LEVEL + 0.01:
            raise Rejected(f"{name}.level", f"above {HIGHEST_LEVEL:g} mg/dL")
    rates = settings.rate_of_change_alert
    if rates is None:
        return
    factor = 1.0 if settings.units == MG_DL else MG_DL_PER_MMOL_L
    for name, rate, sign in (("fallRate", rates.fall_rate, -1), ("riseRate", rates.rise_rate, 1)):
        if rate.rate is not None and not 0 < sign * rate.rate * factor <= FASTEST + 0.01:
            side = "negative" if sign < 0 else "positive"
            raise Rejected(f"rateOfChangeAlert.{name}.rate", f"must be {side} and at most {FASTEST:g} mg/dL/min")


def in_units(settings: CgmSettings, units: Unit) -> CgmSettings:
    """The same settings with glucose in `units`: five decimals in mmol/L, whole mg/dL where they came from one."""
    if settings.units == units:
        return settings

    def level(alert: Level | None) -> Level | None:
        if alert is None:
            return None
        return msgspec.structs.replace(alert, level=in_unit(in_mg_dl(alert.level, settings.units), units))

    def rate(one: Rate) -> Rate:
        if one.rate is None:
            return one
        size = in_unit(in_mg_dl(abs(one.rate), settings.units), units)
        return msgspec.structs.replace(one, rate=-size if one.rate < 0 else size)

    rates = settings.rate_of_change_alert
    return msgspec.structs.replace(
        settings,
        units=units,
        high_alerts=level(settings.high_alerts),
        low_alerts=level(settings.low_alerts),
        rate_of_change_alert=rates and Rates(fall_rate=rate(rates.fall_rate), rise_rate=rate(rates.rise_rate)),
    )


def write(settings: CgmSettings, form: Form, storage: Storage | None = None) -> dict[str, Any]:
    """The record as JSON-ready fields. Client and ingestion keep its units; storage has mmol/L and needs `storage`."""
    if form == "storage":
        if storage is None:
            raise ValueError("the storage form needs its bookkeeping fields")
        fields = _fields(in_units(settings, MMOL_L))
        return fields | {f"_{name}": value for name, value in _camel(msgspec.structs.asdict(storage)).items()}
    fields = _fields(settings)
    if form == "ingestion":
        for name in ("id", "guid", "createdTime", "modifiedTime"):
            fields.pop(name, None)
    return fields


def _fields(settings: CgmSettings) -> dict[str, Any]:
    fields: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(settings))
    return fields


def _camel(fields: dict[str, Any]) -> dict[str, Any]:
    return {"".join(w if n == 0 else w.title() for n, w in enumerate(k.split("_"))): v for k, v in fields.items()}
