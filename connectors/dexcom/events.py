"""What a person notes and what a device says: `events`, `calibrations` and `alerts`.

`events` → Bolus, Basal, Food, Exercise, Health, Note, Fingerstick; deleted events → the keys to remove.

Long-acting insulin is a Basal of one `amount` (delivery type `manual`, after Tidepool's partner guide), fast-acting a
Bolus. `value` is text on the wire, and real people's apps leave it out: insulin and carbs without a value are kept
as noted without an amount, an exercise of "-1" has no duration, a health event's value says nothing.

`calibrations` → Calibration, the finger-stick values by which a sensor was calibrated; G7 users often have none.
`alerts` → Alert, in Dexcom's words (high, urgentLow …; inactive, activeSnoozed, activeAlarming).
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from connectors.dexcom.answers import Common, Devices, instant, natural_key, plain
from connectors.dexcom.receivers import Receivers
from connectors.dexcom.times import system_time
from connectors.lenient import LenientDecoder
from connectors.understanding import NoValue, Word, page, rejected_record, sized, understand
from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import RejectedRecord, Window
from glucoflow.model.localtime import MINUTE_MS
from glucoflow.model.records import (
    LONGEST_MIN,
    LONGEST_NOTE,
    MOST_CARBS_G,
    MOST_UNITS,
    Alert,
    Basal,
    Bolus,
    Calibration,
    Exercise,
    Fingerstick,
    Food,
    Health,
    Note,
    Record,
)
from glucoflow.model.units import MG_DL, MMOL_L, Unit, in_mg_dl, parse_unit
from glucoflow.provider import Page

LOWEST, HIGHEST = 10.0, 1000.0
"""mg/dL that a blood-glucose meter can show."""

UNITS, GRAMS, MINUTES = ("units", "unit", "u", "iu"), ("grams", "gram", "g"), ("minutes", "minute", "min", "mins")


class _Event(Common, frozen=True, rename="camel", gc=False):
    recorded_system_time: Word | None = None
    event_status: Word | None = None
    event_type: Word | None = None
    event_sub_type: Word | None = None
    value: str | float | None = None
    unit: Word | None = None


_EVENT_NEEDS = frozenset({"systemTime", "value", "eventType", "eventStatus"})
_RANK = {"deleted": 2, "updated": 1}
"""Of several versions of one event in an answer the last word counts."""


class _Frames:
    """What records take from what they came in."""

    def __init__(self, now: datetime, receivers: Receivers | None) -> None:
        self._now = now
        self._devices = Devices()
        self._receivers = receivers or Receivers()

    def time(self, wire: Common) -> datetime:
        return instant(wire.system_time, self._now)

    def of(self, wire: Common, time: datetime, key: str, payload: msgspec.Raw) -> dict[str, Any]:
        return {
            "time": time,
            "key": key,
            "offset_min": self._receivers.offset(wire.display_time, time, key, wire.display_device),
            "record_id": wire.record_id or None,
            "device": self._devices.of(wire),
            "payload": payload,
        }


class Events:
    """Converts pages of events."""

    endpoint, record_type = "events", "event"

    def __init__(self, now: datetime, receivers: Receivers | None = None) -> None:
        self._frames = _Frames(now, receivers)
        self._decoder = LenientDecoder(_Event, _EVENT_NEEDS)

    def page(self, window: Window, raws: Sequence[msgspec.Raw]) -> Page:
        """The newest version of each event in time order, and the keys of those deleted."""
        newest: dict[str, tuple[tuple[int, str], Record | None]] = {}
        rejected: list[RejectedRecord] = []
        for raw in raws:
            try:
                key, version, record = self._event(sized(raw))
            except (Rejected, msgspec.DecodeError, UnicodeDecodeError) as error:
                rejected.append(rejected_record(error, raw))
                continue
            if key not in newest or version >= newest[key][0]:
                newest[key] = (version, record)
        records = [record for _, record in newest.values() if record is not None]
        deleted = sorted(key for key, (_, record) in newest.items() if record is None)
        left_out = dict(self._decoder.left_out)
        self._decoder.left_out.clear()
        return msgspec.structs.replace(page(window, records, rejected, deleted), left_out=left_out)

    def _event(self, raw: msgspec.Raw) -> tuple[str, tuple[int, str], Record | None]:
        """Key, version, and the record, None if it was deleted."""
        wire, payload = self._decoder.decode(raw)
        kind = plain(wire.event_type)
        status = plain(wire.event_status)
        version = (_RANK.get(status, 0), _recorded(wire.recorded_system_time))
        if status == "deleted" and wire.record_id:
            return wire.record_id, version, None  # whatever else it says, it is to go
        time = self._frames.time(wire)
        key = natural_key(wire, time, f"event/{kind}/{wire.event_sub_type or ''}")
        if status == "deleted":
            return key, version, None
        return key, version, _record(wire, kind, self._frames.of(wire, time, key, payload))


def _recorded(text: str | None) -> str:
    try:
        return system_time(text).isoformat() if text else ""
    except ValueError:
        return ""


def _record(wire: _Event, kind: str, own: Mapping[str, Any]) -> Record:
    sub = wire.event_sub_type
    match kind:
        case "insulin":
            units = _amount(wire, UNITS, MOST_UNITS)
            if plain(sub) == "longacting":
                return Basal(**own, delivery_type="manual", action="long", amount=units)
            return Bolus(**own, action="fast" if plain(sub) == "fastacting" else None, normal=units)
        case "carbs":
            return Food(**own, carbs_g=_amount(wire, GRAMS, MOST_CARBS_G))
        case "exercise":
            minutes = _amount(wire, MINUTES, LONGEST_MIN, minus_is_none=True)
            duration = None if minutes is None else round(minutes * MINUTE_MS)
            return Exercise(**own, intensity=sub, duration_ms=duration)
        case "health":
            return Health(**own, kind=sub or "unknown")
        case "note" | "notes":
            text = str(wire.value or "").strip()
            if not text:
                raise Rejected("value", "a note without text")
            if len(text) > LONGEST_NOTE:
                raise Rejected("value", f"a note of more than {LONGEST_NOTE} characters")
            return Note(**own, text=text)
        case "bloodglucose":
            value, unit = meter_value(_number(wire.value), wire.unit)
            return Fingerstick(**own, value=value, unit=unit, subtype="manual")
    raise Rejected("eventType", "missing" if not kind else "a kind of event that is not known")


def _number(value: str | float | None) -> float | None:
    """A number that may be written as text. Raises Rejected."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    try:
        number = float(value)
    except ValueError:
        raise Rejected("value", "not a number") from None
    if not math.isfinite(number):
        raise Rejected("value", "not a number")
    return number


def _amount(wire: _Event, words: tuple[str, ...], most: float, *, minus_is_none: bool = False) -> float | None:
    """A value from 0 to `most` in the first of the unit's `words`; None where none was noted. A missing or `unknown`
    unit is accepted; another one is not, since an amount in it is another amount."""
    unit = words[0]
    if plain(wire.unit) not in ("", "unknown", *words):
        raise Rejected("unit", f"not {unit}, which this kind of event has")
    number = _number(wire.value)
    if number is None or (minus_is_none and number < 0):
        return None
    if not 0 <= number <= most:
        raise Rejected("value", f"outside 0 to {most:g} {unit}")
    return number


class _Calibration(Common, frozen=True, rename="camel", gc=False):
    value: float | None = None
    unit: Word | None = None
    transmitter_ticks: int | None = None


_CALIBRATION_NEEDS = frozenset({"systemTime", "value"})


class Calibrations:
    """Converts pages of calibrations."""

    endpoint, record_type = "calibrations", "calibration"

    def __init__(self, now: datetime, receivers: Receivers | None = None) -> None:
        self._frames = _Frames(now, receivers)
        self._decoder = LenientDecoder(_Calibration, _CALIBRATION_NEEDS)

    def page(self, window: Window, raws: Sequence[msgspec.Raw]) -> Page:
        return understand(raws, self.calibration).page(window, self._decoder.left_out)

    def calibration(self, raw: msgspec.Raw) -> Calibration:
        """One calibration. Raises Rejected or msgspec.DecodeError."""
        wire, payload = self._decoder.decode(raw)
        time = self._frames.time(wire)
        if wire.value is None:
            raise NoValue
        value, unit = meter_value(wire.value, wire.unit)
        key = natural_key(wire, time, "calibration", wire.transmitter_ticks)
        return Calibration(**self._frames.of(wire, time, key, payload), value=value, unit=unit)


def meter_value(value: float | None, unit_word: str | None) -> tuple[float, Unit]:
    """A meter's value and unit. Where no unit is named that we know it is mg/dL, as everywhere in this API, unless the
    value can only be mmol/L. Raises Rejected."""
    if value is None:
        raise Rejected("value", "missing")
    try:
        unit = parse_unit(unit_word or "")
    except ValueError:
        unit = MMOL_L if value < LOWEST and not float(value).is_integer() else MG_DL
    if not LOWEST <= in_mg_dl(value, unit) <= HIGHEST:
        raise Rejected("value", "outside 10 to 1000 mg/dL")
    return value, unit


class _Alert(Common, frozen=True, rename="camel", gc=False):
    alert_name: Word | None = None
    alert_state: Word | None = None


_ALERT_NEEDS = frozenset({"systemTime", "alertName"})


class Alerts:
    """Converts pages of alerts."""

    endpoint, record_type = "alerts", "alert"

    def __init__(self, now: datetime, receivers: Receivers | None = None) -> None:
        self._frames = _Frames(now, receivers)
        self._decoder = LenientDecoder(_Alert, _ALERT_NEEDS)

    def page(self, window: Window, raws: Sequence[msgspec.Raw]) -> Page:
        return understand(raws, self.alert).page(window, self._decoder.left_out)

    def alert(self, raw: msgspec.Raw) -> Alert:
        """One alert. Raises Rejected or msgspec.DecodeError. Names and states that we do not know are kept."""
        wire, payload = self._decoder.decode(raw)
        time = self._frames.time(wire)
        if not wire.alert_name:
            raise Rejected("alertName", "missing")
        own = self._frames.of(wire, time, natural_key(wire, time, f"alert/{wire.alert_name}"), payload)
        return Alert(**own, name=wire.alert_name, state=wire.alert_state or "unknown")
