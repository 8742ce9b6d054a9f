"""Dexcom Clarity's CSV export, in every language and of every year: 11 to 15 columns.

Columns are found by their headings: the one of the time holds its pattern, the one of glucose its unit. Rows without a
time are a preamble (names, devices, alerts). Times are local and without zone; Transmitter Time counts the seconds of
the transmitter, where it is not masked.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.files import clarity_words as w
from connectors.files.table import at, glucose_headings, minutes_ms, number, plain
from glucoflow.file_reading.choices import Choices
from glucoflow.file_reading.findings import UNPLACED, Findings
from glucoflow.file_reading.format import FileFormat
from glucoflow.file_reading.source import Head, Source
from glucoflow.file_reading.units import unit_in
from glucoflow.file_reading.values import is_number, read_value
from glucoflow.model import records as r
from glucoflow.model.units import MG_DL

_TIME_HEADING = re.compile(r"\(\s*\w{4}-\w{2}-\w{2}\W?\w{1,3}:\w{2}:\w{2}\s*\)")
_RATE_HEADING = re.compile(r"(mg|mmol).*/\s*min", re.IGNORECASE)


@dataclass(frozen=True)
class _Layout:
    """Where what stands."""

    width: int
    time: int
    event: int
    glucose: int
    rate: int | None
    ticks: int | None
    transmitter: int | None


def _layout(row: Sequence[str]) -> _Layout | None:
    """The columns of a header; None for a row that is none."""
    units = glucose_headings(row)
    times = [k for k, heading in enumerate(row) if _TIME_HEADING.search(heading)]
    rates = [k for k, heading in enumerate(row) if _RATE_HEADING.search(heading)]
    if not 9 <= len(row) <= 16 or not units or not (times or rates):
        return None
    glucose = units[0]
    time = times[0] if times else 1
    if time >= glucose:
        return None
    rate = rates[0] if rates else None
    after = rate + 1 if rate is not None else glucose + 4
    return _Layout(
        width=len(row),
        time=time,
        event=time + 1,
        glucose=glucose,
        rate=rate,
        ticks=after if after < len(row) else None,
        transmitter=after + 1 if after + 1 < len(row) else None,
    )


def _how_sure(head: Head) -> float:
    return 0.95 if any(_layout(row) for row in head.rows[:4]) else 0.0


def _sensor_words(head: Head, layout: _Layout) -> frozenset[str]:
    """What a sensor's rows are called. Where no row of the beginning has a known word, the commonest unknown one."""
    words: Counter[str] = Counter()
    known = w.CALIBRATION | w.CARBS | w.INSULIN | w.EXERCISE | w.HEALTH | w.PREAMBLE | w.FIRST | w.LAST | w.ENTERED
    for row in head.rows:
        word = plain(at(row, layout.event))
        if at(row, layout.time) and is_number(at(row, layout.glucose)) and word not in known:
            words[word] += 1
    if not words or w.SENSOR & set(words):
        return w.SENSOR
    return w.SENSOR | {words.most_common(1)[0][0]}


def _read(source: Source, found: Findings, _choices: Choices) -> None:
    layout: _Layout | None = None
    words = w.SENSOR
    names: list[str] = []
    for line, row in source.rows():
        if (layout is None or len(row) != layout.width or not row[0][:1].isdigit()) and (new := _layout(row)):
            words = _sensor_words(source.head, new) if layout is None else words
            layout = new
            found.begin_section(unit_in(row[layout.glucose]), line)
        elif layout is not None:
            if at(row, layout.time):
                if names:
                    found.begin_person(" ".join(names))
                    names = []
                _timed(line, row, layout, words, found)
            else:
                _preamble(row, layout, names, found)


def _preamble(row: Sequence[str], layout: _Layout, names: list[str], found: Findings) -> None:
    word = plain(at(row, layout.event))
    said = next((field.strip() for field in row[layout.event + 1 :] if field.strip()), "")
    if word in w.FIRST:
        names[:] = [said]
    elif word in w.LAST:
        names.append(said)
    elif any(field.strip() for field in row[1:]):
        found.aside("lines about devices and alerts")


def _timed(line: int, row: Sequence[str], layout: _Layout, words: frozenset[str], found: Findings) -> None:
    word, glucose = plain(at(row, layout.event)), at(row, layout.glucose)
    if word in words:
        subtype = at(row, layout.event + 1)
        if read_value(glucose) is None and read_value(subtype) is not None and not is_number(subtype):
            glucose = subtype  # the value's word is not known, the event's is
        ticks = at(row, layout.ticks)
        tick = int(ticks) if ticks.isascii() and ticks.isdigit() and len(ticks) < 13 else -1
        found.reading(line, at(row, layout.time), glucose, _device(row, layout, found), tick)
    else:
        _other(line, row, layout, word, found)


def _device(row: Sequence[str], layout: _Layout, found: Findings) -> int:
    display = at(row, layout.glucose - 1) if layout.glucose - layout.event > 2 else ""
    transmitter = at(row, layout.transmitter)
    return found.device(r.Device(manufacturer="Dexcom", transmitter_id=transmitter or None, display=display or None))


def _other(line: int, row: Sequence[str], layout: _Layout, word: str, found: Findings) -> None:
    """Events: each is kept as what it is, or left aside by its name."""
    time, subtype, glucose = at(row, layout.time), plain(at(row, layout.event + 1)), number(at(row, layout.glucose))
    if word in w.CALIBRATION and glucose:
        found.event(line, time, r.Calibration(**UNPLACED, value=glucose, unit=MG_DL), "calibrations")
    elif word in w.CARBS:
        grams = number(at(row, layout.glucose + 2))
        found.event(line, time, r.Food(**UNPLACED, carbs_g=grams), "meals")
    elif word in w.INSULIN and (units := number(at(row, layout.glucose + 1))):
        if "long" in subtype or "basal" in subtype or "lang" in subtype:
            found.event(
                line, time, r.Basal(**UNPLACED, delivery_type="manual", action="long", amount=units), "insulin doses"
            )
        else:
            found.event(line, time, r.Bolus(**UNPLACED, action="fast", normal=units), "insulin doses")
    elif word in w.EXERCISE:
        length = minutes_ms(at(row, layout.glucose + 3))
        found.event(line, time, r.Exercise(**UNPLACED, intensity=subtype or None, duration_ms=length), "activities")
    elif word in w.HEALTH:
        kind = {"low symptoms": "lowSymptoms", "high symptoms": "highSymptoms"}.get(subtype, subtype or "other")
        found.event(line, time, r.Health(**UNPLACED, kind=kind), "notes on health")
    elif glucose and at(row, layout.ticks).isdigit() and word not in w.ENTERED:
        kind = at(row, layout.event)[:40]
        found.unread_other(line, f"a value of a transmitter in a row of a type that is not known, “{kind}”", time)
    else:
        found.times.read(time)
        found.aside(f"rows of the type “{at(row, layout.event)[:40]}”" if word else "rows without a type")


FORMAT = FileFormat(name="clarity", title="Dexcom Clarity export", how_sure=_how_sure, read=_read)
