"""What an answer of LibreLinkUp holds: a graph with the current value, and a log-book.

`FactoryTimestamp` is UTC and the moment; `Timestamp` is the owner's wall clock. The current value lies off the graph's
grid and moves on with each minute: it is one record, which the graph takes over.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from connectors.intervals import with_intervals
from connectors.lenient import LenientDecoder
from connectors.librelinkup.signing_in import TITLE
from connectors.understanding import NoValue, Understood, Word, compact, page, understand, within_clocks
from glucoflow.http import not_understood, understood
from glucoflow.model.errors import Rejected, Unreadable
from glucoflow.model.ingestion import RejectedRecord, Window
from glucoflow.model.records import Alert, Device, Reading
from glucoflow.model.units import MG_DL, to_mg_dl

LOWEST, HIGHEST = 40.0, 500.0
BELOW, ABOVE = 39.0, 501.0
"""What stands for LO and HI, as the sensor's limits want it."""
MOST_MG_DL = 1000.0
NULL = msgspec.Raw(b"null")
QUARTER = timedelta(minutes=15)
ARROWS = {5: "singleUp", 4: "fortyFiveUp", 3: "flat", 2: "fortyFiveDown", 1: "singleDown"}
ALARMS = {0: "urgentLow", 1: "low", 2: "high"}
FORMS = ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%Y-%m-%dT%H:%M:%S")


class _Item(
    msgspec.Struct,
    frozen=True,
    rename={
        "factory": "FactoryTimestamp",
        "shown": "Timestamp",
        "mg_dl": "ValueInMgPerDl",
        "value": "Value",
        "units": "GlucoseUnits",
        "arrow": "TrendArrow",
        "is_high": "isHigh",
        "is_low": "isLow",
        "alarm": "alarmType",
    },
):
    factory: Word | None = None
    shown: Word | None = None
    mg_dl: float | None = None
    value: float | None = None
    units: int | None = None
    arrow: int | None = None
    is_high: bool | None = None
    is_low: bool | None = None
    alarm: int | None = None


class _Sensor(msgspec.Struct):
    sn: str | None = None
    a: float | None = None


class _Connection(msgspec.Struct, rename={"current": "glucoseMeasurement"}):
    current: msgspec.Raw = NULL
    sensor: _Sensor | None = None


class _GraphData(msgspec.Struct, rename={"graph": "graphData"}):
    graph: list[msgspec.Raw]
    connection: _Connection | None = None


class _Graph(msgspec.Struct):
    data: _GraphData | None = None
    status: int = 0


class _Logbook(msgspec.Struct):
    data: list[msgspec.Raw] | None = None
    status: int = 0


class Held(msgspec.Struct):
    """What the cloud had a moment ago."""

    readings: list[Reading]
    current: Reading | None
    sensor: str | None
    rejected: list[RejectedRecord]
    without_value: int
    left_out: dict[str, int]


def graph_of(body: bytes, patient: str, now: datetime) -> Held:
    """What an answer holds. Raises Retryable for what is no graph, Unreadable where the person cannot be loaded."""
    found = understood(TITLE, compact(body), _Graph, "a graph that cannot be read")
    _checked(found.status)
    if found.data is None:
        raise not_understood(TITLE, body, "a graph without data")
    connection = found.data.connection
    sensor = connection.sensor.sn if connection and connection.sensor else None
    decoder = LenientDecoder(_Item, frozenset({"FactoryTimestamp"}))
    graph = understand(found.data.graph, lambda raw: _reading(*decoder.decode(raw), patient, sensor, now))
    readings = page(Window(now, now), with_intervals(graph.records), []).records
    current = None
    if connection and bytes(connection.current) != bytes(NULL):
        now_there = understand([connection.current], lambda raw: _current(*decoder.decode(raw), patient, sensor, now))
        last = readings[-1].time if readings else None
        current = next((one for one in now_there.records if last is None or one.time > last), None)
        graph.rejected += now_there.rejected
    return Held(
        readings=list(readings),  # type: ignore[arg-type]  # only readings went in
        current=current,
        sensor=sensor,
        rejected=graph.rejected,
        without_value=graph.without_value,
        left_out=dict(decoder.left_out),
    )


def logbook_of(body: bytes, patient: str, now: datetime) -> Understood[Alert]:
    found = understood(TITLE, compact(body), _Logbook, "a log-book that cannot be read")
    _checked(found.status)
    if found.data is None:
        raise not_understood(TITLE, body, "a log-book without data")
    decoder = LenientDecoder(_Item, frozenset({"FactoryTimestamp"}))
    return understand(found.data, lambda raw: _alert(*decoder.decode(raw), patient, now))


def _checked(status: int) -> None:
    if status != 0:
        raise Unreadable(
            f"{TITLE} cannot load this person ({status}): perhaps they do not share with this account any more.",
            remedy="Look into the LibreLinkUp app whether it still shows them; else have it invited again.",
        )


def _reading(wire: _Item, payload: msgspec.Raw, patient: str, sensor: str | None, now: datetime) -> Reading:
    time = _time(wire.factory, now)
    return Reading(
        time=time,
        key=f"{patient}/{time.isoformat()}",
        offset_min=_offset_min(wire.shown, time),
        device=device_of(sensor, transmitter=True),
        payload=payload,
        value=_mg_dl(wire),
        unit=MG_DL,
    )


def _current(wire: _Item, payload: msgspec.Raw, patient: str, sensor: str | None, now: datetime) -> Reading:
    """The one record of now. It names no sensor, so that it is the same record a minute later."""
    reading = _reading(wire, payload, patient, sensor, now)
    return msgspec.structs.replace(
        reading, key=f"{patient}/current", device=device_of(sensor), trend_word=ARROWS.get(wire.arrow or 0)
    )


def _alert(wire: _Item, payload: msgspec.Raw, patient: str, now: datetime) -> Alert:
    time = _time(wire.factory, now)
    name = ALARMS.get(-1 if wire.alarm is None else wire.alarm) or (
        "low" if wire.is_low else "high" if wire.is_high else None
    )
    value = wire.mg_dl
    if name is None and value is not None:
        name = "low" if value < 70 else "high" if value > 240 else None
    if name is None:
        raise NoValue  # a scan: the graph has its value
    key = f"{patient}/logbook/{time.isoformat()}/{name}"
    return Alert(
        time=time, key=key, offset_min=_offset_min(wire.shown, time), payload=payload, name=name, state="active"
    )


def _mg_dl(wire: _Item) -> float:
    """LO and HI are the sensor's limit with its flag. Raises NoValue, Rejected."""
    value = wire.mg_dl
    if value is None and wire.value is not None:
        value = wire.value if wire.units == 1 else to_mg_dl(wire.value)
    if value is None:
        raise NoValue
    if value >= HIGHEST and wire.is_high:
        return ABOVE
    if value <= LOWEST and wire.is_low:
        return BELOW
    if not 0 < value <= MOST_MG_DL:
        raise Rejected("ValueInMgPerDl", "outside 0 to 1000 mg/dL")
    return value


def _time(text: str | None, now: datetime) -> datetime:
    if not text:
        raise Rejected("FactoryTimestamp", "missing")
    time = _wall(text)
    if time is None:
        raise Rejected("FactoryTimestamp", "not a time")
    return within_clocks(time.replace(tzinfo=UTC), now, "FactoryTimestamp")


def _wall(text: str) -> datetime | None:
    for form in FORMS:
        try:
            return datetime.strptime(text.strip(), form)  # noqa: DTZ007 – a wall clock; its callers know whose
        except ValueError:
            continue
    return None


def _offset_min(shown: str | None, time: datetime) -> int | None:
    """What the owner's clock is ahead of UTC, to a quarter of an hour."""
    wall = _wall(shown) if shown else None
    if wall is None:
        return None
    minutes = round((wall.replace(tzinfo=UTC) - time) / QUARTER) * 15
    return minutes if -720 <= minutes <= 840 else None


def device_of(sensor: str | None, *, transmitter: bool = False) -> Device:
    made: dict[str, Any] = {"manufacturer": "Abbott", "name": "FreeStyle Libre"}
    if sensor is None:
        return Device(**made)
    return Device(**made, id=f"Libre_{sensor}", serial_number=sensor, transmitter_id=sensor if transmitter else None)
