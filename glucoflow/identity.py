"""What makes two records the same thing: a reading is its moment and its sensor, an event its moment and its sort.

A provider's record id is no such thing: another app, a second phone or a new upload gives the same reading another one.
It stays the key by which the provider changes and deletes (`event.id`).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from glucoflow.model import records as r
from glucoflow.model.ingestion import RejectedRecord
from glucoflow.model.localtime import epoch_ms
from glucoflow.provider import Page

_COMMON = frozenset(r.Record.__struct_fields__)
_BY_KEY = (r.DeviceStatus, r.DeviceSettings)
"""States of a device: their connector knows best which is which."""


def once(page: Page) -> Page:
    """The page with each thing once. Its twins go unsaid, since they are held already; of two readings of one sensor
    and moment that differ in value, one is rejected with its reason. The choice never depends on what comes first.
    """
    if _are_plain_readings(page.records):
        return page
    standing: list[r.Record] = []
    contrary: list[RejectedRecord] = []
    twins: list[str] = []
    for same in _grouped(page.records, _thing):
        best, *others = sorted(same, key=_preferred)
        standing.append(best)
        contrary += [_contrary(one) for one in others if isinstance(best, r.Reading) and _value(one) != _value(best)]
    standing = _with_named_sensors(standing, twins)
    if len(standing) == len(page.records):
        return page
    standing.sort(key=lambda one: (one.time, one.key))
    return msgspec.structs.replace(
        page, records=standing, rejected=[*page.rejected, *contrary], deleted=[*page.deleted, *twins]
    )


def identified(records: Iterable[r.Record]) -> list[tuple[r.Record, str]]:
    """Each record of a page that holds each thing once, and what makes it the same whatever page, run or app it is in.

    Two meals of one moment that differ are numbered by their content.
    """
    records = list(records)
    if _are_plain_readings(records):
        return [(one, f"{epoch_ms(one.time)}/Reading/{one.device.transmitter_id}") for one in records]  # type: ignore[union-attr]
    numbers: dict[int, int] = {}
    for same in _grouped(records, _place):
        if len(same) > 1:
            same.sort(key=lambda one: (repr(_content(one)), one.key))
            numbers |= {id(one): n for n, one in enumerate(same)}
    return [(one, _identity(one, numbers.get(id(one), 0))) for one in records]


def sensor_of(record: r.Record) -> str:
    """The sensor as far as the record names it: two readings of it at one moment are one."""
    return (record.device.transmitter_id or "") if record.device else ""


def _are_plain_readings(records: Sequence[r.Record]) -> bool:
    """Whether these are readings of named sensors, each of another moment: a year of them is 105,120."""
    places = set()
    for one in records:
        if type(one) is not r.Reading or one.device is None or not one.device.transmitter_id:
            return False
        places.add((one.time, one.device.transmitter_id))
    return len(places) == len(records)


def _is_by_key(record: r.Record) -> bool:
    """Whether nothing else is sure to stay: a record that the provider gives no id has a key made of what it says."""
    if isinstance(record, r.Reading) and sensor_of(record):
        return False
    return record.record_id is None or isinstance(record, _BY_KEY)


def _identity(record: r.Record, number: int) -> str:
    if _is_by_key(record):
        return record.key  # what its connector says that the provider never changes
    sort, at, *rest = _place(record)
    return "/".join([str(at), sort, *map(str, rest), *([str(number)] if number else [])])


def _place(record: r.Record) -> tuple[Any, ...]:
    """Moment and sort: what stays when a record is corrected."""
    at, sort = epoch_ms(record.time), type(record).__name__
    match record:
        case r.Reading():
            sensor = sensor_of(record)
            return (sort, at, sensor) if sensor else (sort, at, "", *_value(record))
        case r.Calibration():
            return sort, at, sensor_of(record)
        case r.Bolus():
            return sort, at, record.delivery_type, record.action
        case r.Basal():
            return sort, at, record.delivery_type
        case r.Health():
            return sort, at, record.kind
        case r.Alert():
            return sort, at, record.name, record.state
    return sort, at


def _thing(record: r.Record) -> tuple[Any, ...]:
    """What tells it from any other of its page: its place, and for all but a reading its content."""
    if _is_by_key(record):
        return (record.key,)
    return _place(record) if isinstance(record, r.Reading) else (*_place(record), _content(record))


def _content(record: r.Record) -> tuple[Any, ...]:
    """What the record itself says, besides when, where and by which id."""
    return tuple(getattr(record, name) for name in record.__struct_fields__ if name not in _COMMON)


def _value(record: r.Record) -> tuple[Any, ...]:
    assert isinstance(record, r.Reading)  # noqa: S101 – for the type
    return record.value, record.unit


def _preferred(record: r.Record) -> tuple[bool, str]:
    """Of twins, the one that knows its owner's clock; else the smallest key, every time."""
    return record.offset_min is None, record.key


def _with_named_sensors(records: list[r.Record], twins: list[str]) -> list[r.Record]:
    """Without readings of no named sensor that are held from a named one: some apps leave it out for a while."""
    named = {(one.time, *_value(one)) for one in records if isinstance(one, r.Reading) and sensor_of(one)}
    standing = []
    for one in records:
        if isinstance(one, r.Reading) and not sensor_of(one) and (one.time, *_value(one)) in named:
            twins.append(one.key)  # it may have been there alone before
        else:
            standing.append(one)
    return standing


def _contrary(record: r.Record) -> RejectedRecord:
    return RejectedRecord(
        field="systemTime",
        reason="another record has another value at the same moment of the same transmitter",
        key=record.key,
        payload=bytes(record.payload),
    )


def _grouped(records: Iterable[r.Record], by: Any) -> list[list[r.Record]]:
    groups: dict[tuple[Any, ...], list[r.Record]] = defaultdict(list)
    for record in records:
        groups[by(record)].append(record)
    return list(groups.values())
