"""`devices` → DeviceStatus (one a device), and DeviceSettings (one for each content of each alert schedule).

Devices have no record id. A status is keyed by what names the device, settings by what shows them and a hash of their
content: read again unchanged, they are the same document; changed, they are a new one, and the old one stays as
history. What changes by
itself (which schedule is active, an override that runs out) is left out of the content.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec

from connectors.dexcom.answers import MANUFACTURER, Common, Devices, instant, plain
from connectors.dexcom.receivers import Receivers
from connectors.lenient import LenientDecoder
from connectors.understanding import EARLIEST, Word, page, rejected_record, sized
from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import RejectedRecord, Window
from glucoflow.model.localtime import MINUTE_MS
from glucoflow.model.records import DeviceSettings, DeviceStatus, LevelAlert, OutOfRangeAlert, RateAlert, Record
from glucoflow.model.units import MG_DL, in_mg_dl, parse_unit
from glucoflow.provider import Page

LONGEST_MIN = 7 * 1440.0


_EMPTY = msgspec.Raw(b"{}")


class _Setting(msgspec.Struct, frozen=True, rename="camel"):
    alert_name: Word | None = None
    enabled: bool = False
    value: float | None = None
    unit: Word | None = None
    snooze: float | None = None
    system_time: Word | None = None
    display_time: Word | None = None


class _ScheduleHead(msgspec.Struct, frozen=True, rename="camel"):
    alert_schedule_name: Word | None = None
    is_default_schedule: bool | None = None


class _Schedule(msgspec.Struct, frozen=True, rename="camel"):
    alert_schedule_settings: msgspec.Raw = _EMPTY
    alert_settings: list[msgspec.Raw] | None = None


class _Device(Common, frozen=True, rename="camel"):
    last_upload_date: Word | None = None


class _Schedules(msgspec.Struct, frozen=True, rename="camel"):
    alert_schedules: list[msgspec.Raw] | None = None


_SCHEDULES = msgspec.json.Decoder(_Schedules)
_SCHEDULE = msgspec.json.Decoder(_Schedule)
_LEVELS = {
    "low": "low_alert",
    "high": "high_alert",
    "urgentlow": "urgent_low_alert",
    "fixedlow": "urgent_low_alert",
    "urgentlowsoon": "urgent_low_soon_alert",
}
_SILENCE = {"outofrange", "noreadings"}
_FAULTS = (Rejected, msgspec.DecodeError, UnicodeDecodeError)


class DeviceStates:
    """Converts the answer about all known devices. What cannot be understood in a schedule loses only itself."""

    endpoint, record_type = "devices", "device"

    def __init__(self, now: datetime, receivers: Receivers | None = None) -> None:
        self._now = now
        self._devices = Devices()
        self._receivers = receivers or Receivers()
        self._device = LenientDecoder(_Device, frozenset({"lastUploadDate"}))
        self._head = LenientDecoder(_ScheduleHead, frozenset())
        self._setting = LenientDecoder(_Setting, frozenset({"alertName", "value", "systemTime"}))

    def page(self, window: Window, raws: Sequence[msgspec.Raw]) -> Page:
        """One page; times are uploads' and settings' changes, so they may lie outside the window."""
        records: list[Record] = []
        rejected: list[RejectedRecord] = []
        for wire, uploaded, raw in self._oldest_upload_first(raws, rejected):
            if uploaded is not None:
                records.append(self._status(wire, uploaded, raw))
            for number, schedule in enumerate(_schedules(raw, rejected)):
                try:
                    settings = self._settings(wire, uploaded, schedule, rejected)
                except _FAULTS as error:
                    rejected.append(rejected_record(error, schedule, f"alertSchedules[{number}]."))
                else:
                    records += [] if settings is None else [settings]
        left_out = self._device.left_out + self._head.left_out + self._setting.left_out
        for decoder in (self._device, self._head, self._setting):
            decoder.left_out.clear()
        return msgspec.structs.replace(page(window, records, rejected), left_out=dict(left_out))

    def _oldest_upload_first(
        self, raws: Iterable[msgspec.Raw], rejected: list[RejectedRecord]
    ) -> list[tuple[_Device, datetime | None, msgspec.Raw]]:
        """The devices understood, so that of two with the same settings the one in use has the last word."""
        devices: list[tuple[_Device, datetime | None, msgspec.Raw]] = []
        for raw in raws:
            try:
                wire, kept = self._device.decode(sized(raw))
                said = wire.last_upload_date
                devices.append((wire, instant(said, self._now, "lastUploadDate") if said else None, kept))
            except _FAULTS as error:
                rejected.append(rejected_record(error, raw))
        return sorted(devices, key=lambda device: (device[1] or EARLIEST, device[0].transmitter_id or ""))

    def _status(self, wire: _Device, uploaded: datetime, raw: msgspec.Raw) -> DeviceStatus:
        return DeviceStatus(
            time=uploaded,
            key=f"status/{_hash(wire.transmitter_id, *_identity(wire))}",
            device=self._devices.of(wire),
            last_upload=uploaded,
            payload=_without(raw, "alertSchedules"),
        )

    def _settings(
        self, wire: _Device, uploaded: datetime | None, raw: msgspec.Raw, rejected: list[RejectedRecord]
    ) -> DeviceSettings | None:
        """The settings of one schedule; None for a schedule without any, as receivers send."""
        schedule = _SCHEDULE.decode(raw)
        if not schedule.alert_settings:
            return None
        alerts: dict[str, LevelAlert | OutOfRangeAlert | RateAlert] = {}
        changed: tuple[datetime, str | None] | None = None
        for setting, time in _newest_of_each(self._understood(schedule.alert_settings, rejected)):
            alerts.update(_alert(setting, alerts))
            if time is not None and (changed is None or time > changed[0]):
                changed = (time, setting.display_time)
        if changed is None:
            if uploaded is None:
                raise Rejected("lastUploadDate", "missing, and no alert setting has a time")
            changed = (uploaded, None)
        content = _content(raw)
        key = f"settings/{_hash(*_identity(wire), content.decode())}"
        return DeviceSettings(
            time=changed[0],
            key=key,
            offset_min=self._receivers.offset(changed[1], changed[0], key, wire.display_device),
            device=self._devices.of(wire),
            payload=msgspec.Raw(content),
            manufacturers=(MANUFACTURER,),
            schedule_name=self._name_of(schedule),
            **alerts,  # type: ignore[arg-type]
        )

    def _name_of(self, schedule: _Schedule) -> str | None:
        try:
            return self._head.decode(schedule.alert_schedule_settings)[0].alert_schedule_name
        except _FAULTS:
            return None

    def _understood(
        self, raws: Iterable[msgspec.Raw], rejected: list[RejectedRecord]
    ) -> Iterator[tuple[_Setting, datetime | None]]:
        for number, raw in enumerate(raws):
            try:
                setting, _ = self._setting.decode(raw)
                time = instant(setting.system_time, self._now) if setting.system_time else None
                if not setting.alert_name:
                    raise Rejected("alertName", "missing")
                _alert(setting, {})
            except _FAULTS as error:
                rejected.append(rejected_record(error, raw, f"alertSettings[{number}]."))
            else:
                yield setting, time


def _schedules(raw: msgspec.Raw, rejected: list[RejectedRecord]) -> list[msgspec.Raw]:
    try:
        return _SCHEDULES.decode(raw).alert_schedules or []
    except _FAULTS as error:
        rejected.append(rejected_record(error, raw))
        return []


def _newest_of_each(
    settings: Iterable[tuple[_Setting, datetime | None]],
) -> list[tuple[_Setting, datetime | None]]:
    """One setting for each alert: the newest, where an answer holds several (Tidepool saw that)."""
    newest: dict[str, tuple[_Setting, datetime | None]] = {}
    for setting, time in settings:
        name = setting.alert_name or ""
        held = newest.get(name)
        if held is None or held[1] is None or (time is not None and time >= held[1]):
            newest[name] = (setting, time)
    return list(newest.values())


def _alert(setting: _Setting, known: dict[str, Any]) -> dict[str, LevelAlert | OutOfRangeAlert | RateAlert]:
    """The field and value of our settings that it means; nothing for an alert we have no field for. Raises Rejected."""
    name = plain(setting.alert_name)
    snooze = _minutes(setting.snooze, "snooze")
    if name in _LEVELS:
        if name == "fixedlow" and "urgent_low_alert" in known:
            return {}
        return {_LEVELS[name]: LevelAlert(enabled=setting.enabled, level_mg_dl=_level(setting), snooze_ms=snooze)}
    if name in _SILENCE:
        if name == "noreadings" and "out_of_range_alert" in known:
            return {}
        threshold = _minutes(setting.value, "value")
        alert = OutOfRangeAlert(enabled=setting.enabled, threshold_ms=threshold, snooze_ms=snooze)
        return {"out_of_range_alert": alert}
    if name in ("rise", "fall"):
        rate = setting.value
        if rate is not None and not abs(rate) <= 10:
            raise Rejected("value", "beyond 10 mg/dL/min")
        if rate is not None:
            rate = abs(rate) if name == "rise" else -abs(rate)  # fall rates come with either sign
        return {f"{name}_alert": RateAlert(enabled=setting.enabled, rate_mg_dl_min=rate)}
    return {}


def _level(setting: _Setting) -> float | None:
    if setting.value is None:
        return None
    try:
        unit = parse_unit(setting.unit or "")
    except ValueError:
        unit = MG_DL  # as everywhere in this API
    level = in_mg_dl(setting.value, unit)
    if not 0 <= level <= 1000:
        raise Rejected("value", "outside 0 to 1000 mg/dL")
    return level


def _minutes(value: float | None, field: str) -> int | None:
    """Minutes as ms."""
    if value is None:
        return None
    if not 0 <= value <= LONGEST_MIN:
        raise Rejected(field, f"outside 0 to {LONGEST_MIN:g} minutes")
    return round(value * MINUTE_MS)


def _identity(wire: _Device) -> tuple[str | None, ...]:
    """What shows the readings. Not the transmitter: a G7 has a new one every ten days, and the same settings."""
    return (wire.display_device, wire.display_app, wire.transmitter_generation)


def _hash(*parts: str | None) -> str:
    return hashlib.sha256("\x1f".join(part or "" for part in parts).encode()).hexdigest()[:32]


def _loads(raw: msgspec.Raw) -> Any:
    try:
        return json.loads(bytes(raw))
    except ValueError:  # an integer of thousands of digits, which JSON allows and Python refuses
        raise Rejected("record", "not readable") from None


def _content(raw: msgspec.Raw) -> bytes:
    """A schedule without what changes by itself, in one order of its keys and settings."""
    schedule = _loads(raw)
    head = schedule.get("alertScheduleSettings")
    if isinstance(head, dict):
        head.pop("isActive", None)
        head.pop("override", None)
    if isinstance(schedule.get("alertSettings"), list):
        schedule["alertSettings"].sort(key=lambda setting: json.dumps(setting, sort_keys=True))
    return json.dumps(schedule, sort_keys=True, separators=(",", ":")).encode()


def _without(raw: msgspec.Raw, name: str) -> msgspec.Raw:
    device = _loads(raw)
    device.pop(name, None)
    return msgspec.Raw(json.dumps(device, sort_keys=True, separators=(",", ":")).encode())
