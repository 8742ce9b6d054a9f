"""Documents of a site → our records. One treatment may be several: a meal and its bolus.

Only `date` (ms) and `created_at` are safe clocks; `dateString` is rewritten, malformed or missing. Values below 39 are
error codes of old receivers and no glucose (lib/plugins/errorcodes.js).
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from connectors.intervals import with_intervals
from connectors.lenient import LenientDecoder
from connectors.understanding import NoValue, Understood, Word, rejected_record, sized, understand, within_clocks
from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import Window
from glucoflow.model.ranges import SensorLimits
from glucoflow.model.records import (
    LONGEST_MIN,
    MOST_CARBS_G,
    MOST_UNITS,
    NO_PAYLOAD,
    Device,
    DeviceSettings,
    DeviceStatus,
    Fingerstick,
    Reading,
    Record,
)
from glucoflow.model.units import MG_DL
from glucoflow.nightscout.treatments import HIGHEST, MOST_UNITS_PER_HOUR, Treatment, treated, unit_in
from glucoflow.provider import Page

LOWEST = 39.0
HIGH_OF_FOUR_HUNDRED = 401.0
"""What uploaders of sensors that end at 400 write for HIGH."""
REACH = timedelta(minutes=20)
"""How far around its window a page is looked at, to see how densely a device reads."""

Text = str | None


class Common(msgspec.Struct, frozen=True, kw_only=True, rename={"own_id": "_id", "utc_offset": "utcOffset"}):
    own_id: Word | None = None
    identifier: Word | None = None
    date: float | None = None
    utc_offset: float | None = None
    device: Word | None = None


class Entry(
    Common, frozen=True, kw_only=True, rename={"own_id": "_id", "utc_offset": "utcOffset", "date_string": "dateString"}
):
    type: Word | None = None
    sgv: float | None = None
    mbg: float | None = None
    date_string: Word | None = None
    direction: Word | None = None


class _Treatment(
    Common,
    frozen=True,
    kw_only=True,
    rename={
        "own_id": "_id",
        "utc_offset": "utcOffset",
        "event_type": "eventType",
        "glucose_type": "glucoseType",
        "is_smb": "isSMB",
    },
):
    created_at: Word | None = None
    event_type: Word | None = None
    insulin: float | None = None
    carbs: float | None = None
    glucose: float | None = None
    glucose_type: Word | None = None
    units: Word | None = None
    duration: float | None = None
    absolute: float | None = None
    rate: float | None = None
    notes: Text = None
    automatic: bool | None = None
    is_smb: bool | None = None


class Status(Common, frozen=True, kw_only=True):
    created_at: Word | None = None


class Profile(
    Common,
    frozen=True,
    kw_only=True,
    rename={"own_id": "_id", "utc_offset": "utcOffset", "start_date": "startDate", "default": "defaultProfile"},
):
    created_at: Word | None = None
    start_date: Word | None = None
    default: Word | None = None
    store: dict[str, Any] | None = None
    units: Word | None = None


def readings_page(window: Window, raws: Sequence[msgspec.Raw], now: datetime) -> Page:
    """Readings of `entries`, which were asked for within `REACH` around the window."""
    decoder = LenientDecoder(Entry, frozenset({"date", "sgv", "type"}))

    def reading(raw: msgspec.Raw) -> Reading:
        wire, payload = decoder.decode(raw)
        if wire.type not in (None, "sgv"):
            raise NoValue
        time = _time(wire.date, wire.date_string, now)
        if wire.sgv is None or wire.sgv < LOWEST:
            raise NoValue
        if wire.sgv > HIGHEST:
            raise Rejected("sgv", "above 1000 mg/dL: no sensor measures that")
        capped = wire.sgv == HIGH_OF_FOUR_HUNDRED and "libre" not in (wire.device or "").lower()
        return Reading(
            time=time,
            **_frame(wire, payload),
            value=wire.sgv,
            unit=MG_DL,
            trend_word=wire.direction,
            sensor_limits=SensorLimits(40, 400) if capped else None,
        )

    found = understand(raws, reading)
    dense = with_intervals(found.records)
    inside = [one for one in dense if window.start <= one.time < window.end]
    kept = Understood(records=inside, rejected=found.rejected, without_value=found.without_value)
    return kept.page(window, decoder.left_out)


def meters_page(window: Window, raws: Sequence[msgspec.Raw], now: datetime) -> Page:
    """Values of blood-glucose meters among the entries."""
    decoder = LenientDecoder(Entry, frozenset({"date", "mbg"}))

    def meter(raw: msgspec.Raw) -> Fingerstick:
        wire, payload = decoder.decode(raw)
        if wire.type != "mbg" or wire.mbg is None:
            raise NoValue
        return Fingerstick(
            time=_time(wire.date, wire.date_string, now), **_frame(wire, payload), value=wire.mbg, unit=MG_DL
        )

    return understand(raws, meter).page(window, decoder.left_out)


def treatments_page(window: Window, raws: Iterable[msgspec.Raw], now: datetime) -> Page:
    """Meals, boluses, temporary rates, exercise, finger-sticks and notes."""
    decoder = LenientDecoder(_Treatment, frozenset({"created_at"}))
    found: Understood[Record] = Understood()
    for raw in raws:
        try:
            wire, payload = decoder.decode(sized(raw))
            frame = _frame(wire, payload) | {"time": _time(None, wire.created_at, now, "created_at")}
            made = list(treated(_treatment(wire), frame, f"{frame.pop('key')}/"))
        except (Rejected, msgspec.DecodeError, UnicodeDecodeError) as error:
            found.rejected.append(rejected_record(error, raw))
            continue
        found.records += made
        found.without_value += not made
    return found.page(window, decoder.left_out)


def statuses_page(window: Window, raws: Sequence[msgspec.Raw], now: datetime) -> Page:
    """The newest status of each device: all of them would be a document every few minutes."""
    decoder = LenientDecoder(Status, frozenset({"created_at"}))

    def status(raw: msgspec.Raw) -> DeviceStatus:
        wire, _ = decoder.decode(raw)
        time = _time(None, wire.created_at, now, "created_at")
        frame = _frame(wire, NO_PAYLOAD) | {"key": f"device/{wire.device or 'unknown'}", "record_id": None}
        return DeviceStatus(time=time, **frame, last_upload=time)

    found = understand(raws, status)
    found.records.sort(key=lambda one: one.time)  # of one device the last stays
    return found.page(window, decoder.left_out)


def profiles_page(window: Window, raws: Sequence[msgspec.Raw], now: datetime) -> Page:
    """Each profile as settings: its unit and name; basal rates and ratios stay in the payload."""
    decoder = LenientDecoder(Profile, frozenset({"startDate"}))

    def profile(raw: msgspec.Raw) -> DeviceSettings:
        wire, payload = decoder.decode(raw)
        time = _time(None, wire.start_date or wire.created_at, now, "startDate")
        stored = (wire.store or {}).get(wire.default or "")
        said = stored.get("units") if isinstance(stored, dict) else None
        return DeviceSettings(
            time=time, **_frame(wire, payload), units=unit_in(str(said or wire.units or "")), schedule_name=wire.default
        )

    return understand(raws, profile).page(window, decoder.left_out)


def _treatment(wire: _Treatment) -> Treatment:
    """Raises Rejected for a number that none can be."""
    rate = wire.absolute if wire.absolute is not None else wire.rate
    return Treatment(
        event_type=wire.event_type or "",
        insulin=_bounded("insulin", wire.insulin, MOST_UNITS),
        automatic=bool(wire.automatic or wire.is_smb),
        carbs=_bounded("carbs", wire.carbs, MOST_CARBS_G),
        glucose=_bounded("glucose", wire.glucose, HIGHEST),
        glucose_type=wire.glucose_type or "",
        units=wire.units or "",
        minutes=_bounded("duration", wire.duration, LONGEST_MIN),
        rate=_bounded("absolute", rate, MOST_UNITS_PER_HOUR),
        notes=wire.notes or "",
    )


def _frame(wire: Common, payload: msgspec.Raw) -> dict[str, Any]:
    name = wire.identifier or wire.own_id
    offset = wire.utc_offset
    good = offset is not None and -720 <= offset <= 840
    return {
        "key": name or f"{wire.date}/{wire.device}",
        "record_id": name,
        "offset_min": round(offset) if good and offset is not None else None,
        "device": Device(id=wire.device, name=wire.device) if wire.device else None,
        "payload": payload,
    }


def _time(ms: float | None, text: str | None, now: datetime, field: str = "date") -> datetime:
    """The instant. Raises Rejected."""
    try:
        if ms is not None:
            return within_clocks(datetime.fromtimestamp(ms / 1000, UTC), now, field)
        if text:
            time = datetime.fromisoformat(text.strip())
            return within_clocks(time.replace(tzinfo=time.tzinfo or UTC).astimezone(UTC), now, field)
    except (ValueError, OverflowError, OSError):
        raise Rejected(field, "not a time") from None
    raise Rejected(field, "missing")


def _bounded(field: str, value: float | None, most: float) -> float | None:
    if value is not None and not 0 <= value <= most:
        raise Rejected(field, f"outside 0 to {most:g}")
    return value


PageOf = Callable[[Window, Sequence[msgspec.Raw], datetime], Page]
