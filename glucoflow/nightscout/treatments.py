"""What one treatment of a Nightscout site is, whoever reads it: a meal, a bolus, a finger-stick, a rate, a note."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from glucoflow.model.localtime import MINUTE_MS
from glucoflow.model.records import LONGEST_NOTE, Basal, Bolus, Exercise, Fingerstick, Food, Note, Record
from glucoflow.model.units import MG_DL, MMOL_L, Unit

MOST_UNITS_PER_HOUR = 100.0
HIGHEST = 1000.0
"""mg/dL: above measures no sensor and no meter."""

LOWEST_SHOWN_MG_DL = 20.0
"""No meter shows less in mg/dL: a smaller number is mmol/L, whatever is said."""

HIGHEST_SHOWN_MMOL_L = 55.0
"""1000 mg/dL: a larger number is mg/dL."""

_SAYS_NOTHING = ("", "note", "<none>")


class Treatment(msgspec.Struct, frozen=True, kw_only=True):
    """A treatment's fields that are known, each within what it can be."""

    event_type: str = ""
    insulin: float | None = None
    automatic: bool = False
    carbs: float | None = None
    glucose: float | None = None
    glucose_type: str = ""
    units: str = ""
    minutes: float | None = None
    rate: float | None = None
    notes: str = ""

    @property
    def said(self) -> str:
        """Its kind and its note in a line, empty where neither says anything."""
        word = "" if self.event_type.lower() in _SAYS_NOTHING else self.event_type
        return ": ".join(part for part in (word, self.notes) if part)[:LONGEST_NOTE]


def treated(one: Treatment, frame: Mapping[str, Any], key: str = "") -> Iterator[Record]:
    """The records of a treatment, each with `key` and the part that it is as its key; none where nothing is said."""
    found = list(_parts(one, frame, key))
    yield from found
    if one.said and (one.notes or not found):
        yield Note(key=f"{key}note", text=one.said, **frame)


def unit_in(words: str) -> Unit:
    """The unit that is said; mg/dL where none is."""
    return MMOL_L if "mmol" in words.lower() else MG_DL


def _parts(one: Treatment, frame: Mapping[str, Any], key: str) -> Iterator[Record]:
    word = one.event_type.lower()
    length = round(one.minutes * MINUTE_MS) if one.minutes else None
    if one.insulin:
        delivery = "automated" if one.automatic else "normal"
        yield Bolus(key=f"{key}insulin", action="fast", delivery_type=delivery, normal=one.insulin, **frame)
    if one.carbs:
        yield Food(key=f"{key}carbs", carbs_g=one.carbs, **frame)
    if one.glucose and one.glucose_type.lower() != "sensor":  # a sensor's value beside a bolus is no finger-stick
        yield Fingerstick(key=f"{key}glucose", value=one.glucose, unit=_meter_unit(one.glucose, one.units), **frame)
    if word == "temp basal" and (one.rate is not None or length is not None):
        yield Basal(key=f"{key}basal", delivery_type="temp", rate=one.rate, duration_ms=length, **frame)
    if word == "exercise":
        yield Exercise(key=f"{key}exercise", duration_ms=length, **frame)


def _meter_unit(value: float, words: str) -> Unit:
    if value < LOWEST_SHOWN_MG_DL:
        return MMOL_L
    return MG_DL if value > HIGHEST_SHOWN_MMOL_L else unit_in(words)
