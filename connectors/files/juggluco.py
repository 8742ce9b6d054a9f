"""Juggluco's export: tab separated, a row a reading, with the sensor's id, the epoch second and the offset in hours."""

from collections.abc import Sequence

from connectors.files.table import at, plain
from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.findings import Findings
from glucoflow.file_reading.format import FileFormat
from glucoflow.file_reading.source import Head, Source
from glucoflow.file_reading.units import unit_in
from glucoflow.file_reading.values import is_number, read_value
from glucoflow.model import records as r
from glucoflow.model.ranges import SensorLimits


def _columns(row: Sequence[str]) -> dict[str, int]:
    return {plain(name): k for k, name in enumerate(row)}


def _value(row: Sequence[str]) -> int | None:
    return next((k for k, name in enumerate(row) if unit_in(name)), None)


def _how_sure(head: Head) -> float:
    columns = _columns(head.rows[0]) if head.rows else {}
    return 0.95 if {"sensorid", "unixtime"} <= set(columns) and _value(head.rows[0]) is not None else 0.0


def _read(source: Source, found: Findings, _choices: Choices) -> None:
    columns: dict[str, int] = {}
    value: int | None = None
    for line, row in source.rows():
        if "sensorid" in (names := _columns(row)):
            columns, value = names, _value(row)
            found.begin_section(unit_in(at(row, value)), line)
        elif columns:
            sensor = at(row, columns["sensorid"]) or None
            device = found.device(r.Device(manufacturer="Abbott", id=sensor, serial_number=sensor))
            _record(line, row, columns, at(row, value), device, found)


def _record(line: int, row: Sequence[str], columns: dict[str, int], value: str, device: int, found: Findings) -> None:
    """The instant is the epoch's; the hours beside it say what the person's clock showed."""
    moment, hours = found.times.read(at(row, columns["unixtime"])), at(row, columns.get("tz")).lstrip("+")
    amount = read_value(value)
    if moment is None or amount is None or not is_number(hours.lstrip("-")):
        found.reading(line, at(row, columns["unixtime"]), value, device)
        return
    offset = round(float(hours.replace(",", ".")) * 60)
    found.person.rows += 1
    found.take(line, (moment[0], offset), amount, device)


FORMAT = FileFormat(
    name="juggluco",
    title="Juggluco export",
    how_sure=_how_sure,
    read=_read,
    sensor_limits=SensorLimits(40.0, 500.0),
)
