"""Medtronic CareLink's CSV export: a preamble, then sections with a header each, newest first.

`Sensor Glucose` is the trace; `BG Reading` is a meter's value and `Sensor Calibration BG` a calibration.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.files.table import at, number, plain
from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.findings import UNPLACED, Findings
from glucoflow.file_reading.format import FileFormat
from glucoflow.file_reading.source import Head, Source
from glucoflow.file_reading.units import unit_in
from glucoflow.model import records as r
from glucoflow.model.units import MG_DL

_SENSOR = ("sensor glucose", "sensorglukose", "glucosa del sensor", "glucosa sensor", "glucose du capteur",
           "glucosio sensore", "sensorglucose", "glicose do sensor")  # fmt: skip
_METER = ("bg reading", "bz wert", "lectura de gs", "lecture de g", "bg meting")
_CALIBRATION = ("sensor calibration bg", "sensorkalibrierung")
_BOLUS = ("bolus volume delivered",)
_CARBS = ("bwz carb input", "carb input")


@dataclass(frozen=True)
class _Layout:
    """Where what stands in a section; None where it has no such column."""

    sensor: int
    meter: int | None
    calibration: int | None
    bolus: int | None
    carbs: int | None


def _layout(row: Sequence[str]) -> _Layout | None:
    names = [plain(name) for name in row]

    def column(words: Sequence[str]) -> int | None:
        return next((k for k, name in enumerate(names) if any(name.startswith(word) for word in words)), None)

    sensor = column(_SENSOR)
    if sensor is None or sensor < 3:
        return None
    return _Layout(sensor, column(_METER), column(_CALIBRATION), column(_BOLUS), column(_CARBS))


def _how_sure(head: Head) -> float:
    if not any(_layout(row) for row in head.rows):
        return 0.0
    return 0.95 if any(at(row, 0).startswith("-----") for row in head.rows) else 0.7


def _read(source: Source, found: Findings, _choices: Choices) -> None:
    layout: _Layout | None = None
    names: list[str] = []
    for line, row in source.rows():
        new = _layout(row)
        if new is not None:
            layout = new
            found.begin_section(unit_in(row[layout.sensor]), line)
        elif layout is None:
            _preamble(row, names, found)
        elif at(row, 1) and at(row, 2):
            _record(line, row, layout, found)
        elif not at(row, 0).startswith("-----"):
            found.aside("lines between sections")


def _preamble(row: Sequence[str], names: list[str], found: Findings) -> None:
    if plain(at(row, 0)) in ("last name", "nachname", "apellido", "apellidos", "nom", "cognome", "achternaam"):
        names[:] = ["next"]
    elif names == ["next"]:
        names[:] = []
        found.begin_person(f"{at(row, 1)} {at(row, 0)}")
    else:
        found.aside("lines above the first section")


def _record(line: int, row: Sequence[str], layout: _Layout, found: Findings) -> None:
    time = f"{at(row, 1)} {at(row, 2)}"
    kept = False
    if at(row, layout.sensor):
        kept = True
        found.reading(line, time, at(row, layout.sensor), found.device(r.Device(manufacturer="Medtronic")))
    if calibration := number(at(row, layout.calibration)):
        kept = True
        found.event(line, time, r.Calibration(**UNPLACED, value=calibration, unit=MG_DL), "calibrations")
    if meter := number(at(row, layout.meter)):
        kept = True
        found.event(line, time, r.Fingerstick(**UNPLACED, value=meter, unit=MG_DL, subtype="linked"), "finger-sticks")
    if bolus := number(at(row, layout.bolus)):
        kept = True
        found.event(line, time, r.Bolus(**UNPLACED, action="fast", normal=bolus), "insulin doses")
    if carbs := number(at(row, layout.carbs)):
        kept = True
        found.event(line, time, r.Food(**UNPLACED, carbs_g=carbs), "meals")
    if not kept:
        found.times.read(time)
        found.aside("rows about the pump")


FORMAT = FileFormat(name="carelink", title="Medtronic CareLink export", how_sure=_how_sure, read=_read)
