"""Medtronic CareLink's CSV export and iPro's: a preamble, then sections with a header each, newest first.

`Sensor Glucose` is the trace; `BG Reading` is a meter's value and `Sensor Calibration BG` a calibration.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.files.table import at, glucose_headings, number, plain, plain_words
from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.findings import UNPLACED, Findings
from glucoflow.file_reading.format import FileFormat
from glucoflow.file_reading.source import Head, Source
from glucoflow.file_reading.units import unit_in
from glucoflow.model import records as r
from glucoflow.model.units import MG_DL

_SENSOR = re.compile(
    r"sensor|capteur|sonda|senzor|szenzor|anturi|czujnik|αισθητηρ|сенсор|датчик|センサ|센서|传感|傳感|חיישן"
)
"""A sensor in the languages of the portal, in plain letters."""
_CALIBRATED = re.compile(r"[ck]alib|etalon|калибр|校|보정|כיול")
_LAST_NAME = plain_words("Last Name|Nachname|Apellido|Apellidos|Nom|Cognome|Achternaam|Efternamn|Efternavn|Etternavn|"
                         "Sukunimi|Nazwisko|Příjmení|Vezetéknév|Soyadı|Sobrenome|Apelido|Фамилия|姓")  # fmt: skip
_METER = ("bg reading", "bz messwert", "bz wert", "lectura de gs", "lectura de g", "lecture de g", "lecture glyc",
          "bg meting", "bg waarde", "lettura g", "leitura de g", "bs varde", "bs maling")  # fmt: skip
_BOLUS = ("bolus volume delivered", "abgegebenes bolusvolumen", "volumen de bolus suministrado", "volume bolo erogato",
          "volume de bolus administre", "toegediend bolusvolume")  # fmt: skip
_CARBS = ("bwz carb input", "carb input", "carb amount", "bolusexpert: kohlenhydrateingabe")


_SIGNS = ("-----", "Medtronic Diabetes ")
NARROWEST = 6


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

    sensors = [k for k in glucose_headings(row) if k > 2 and "=" not in names[k] and _SENSOR.search(names[k])]
    traces = [k for k in sensors if not _CALIBRATED.search(names[k])]
    if not traces or len(row) < NARROWEST:
        return None
    calibrations = [k for k in sensors if k not in traces]
    return _Layout(traces[0], column(_METER), calibrations[0] if calibrations else None, column(_BOLUS), column(_CARBS))


def _how_sure(head: Head) -> float:
    if not any(_layout(row) for row in head.rows):
        return 0.0
    return 0.95 if any(at(row, 0).startswith(_SIGNS) for row in head.rows) else 0.7


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
    """Whose it is; and days of the span and of the export, which are in the same order as those of the rows."""
    days = [moment for text in row if (moment := found.times.date(text.strip().split(" ")[0])) is not None]
    if len(days) == 1 and len([text for text in row if text.strip()]) == 2:
        found.exported = days[0]
    if plain(at(row, 0)) in _LAST_NAME:
        names[:] = ["next"]
    elif names == ["next"]:
        names[:] = []
        found.begin_person(f"{at(row, 1)} {at(row, 0)}")
    elif plain(at(row, 0)) == "name" and not days:
        found.begin_person(re.sub(r"\(.*", "", at(row, 1)))
    else:
        found.aside("lines above the first section")


def _record(line: int, row: Sequence[str], layout: _Layout, found: Findings) -> None:
    time = f"{at(row, 1).removesuffix(' 00:00:00')} {at(row, 2)}"
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
