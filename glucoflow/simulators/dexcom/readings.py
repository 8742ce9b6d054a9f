"""Readings as the cloud writes them (`egvs`)."""

from collections.abc import Sequence
from math import isnan

import numpy as np

from glucoflow.simulators.chance import DAY, Floats, Ints
from glucoflow.simulators.dexcom.blocks import Block, Ids, block_of, uploaded
from glucoflow.simulators.patient import HIGHEST, LOWEST, PatientModel
from glucoflow.simulators.scenario import Change, ReviseReadings, Scenario, SimulatedPerson
from glucoflow.simulators.wallclock import epoch, offsets, suffix

DISPLAY_APP = {"g6": "G6", "g7": "G7"}


def readings_block(scenario: Scenario, patient: PatientModel, day: int, changes: Sequence[Change]) -> Block:
    """The readings of a UTC day, as they are after `changes`."""
    person = patient.person
    readings = patient.readings(day * DAY, (day + 1) * DAY)
    times, values = readings.times, readings.values
    updated = uploaded(scenario, person, times)
    for change in changes:
        if isinstance(change, ReviseReadings):
            hit = (times >= epoch(change.start)) & (times < epoch(change.end))
            values = np.where(hit, np.clip(values + change.by, LOWEST, HIGHEST), values)
            updated = np.where(hit, np.maximum(updated, epoch(change.at)), updated)
    worn = [readings.sessions[index] for index in readings.session.tolist()]
    names = {one.transmitter: patient.sensors.transmitter_id(one.transmitter) for one in readings.sessions}
    rendered = _render(
        person,
        Ids(scenario.seed, person.id, "egv"),
        times,
        values,
        np.where((values <= LOWEST) | (values >= HIGHEST), np.nan, readings.rates),
        [at - session.transmitter_start for at, session in zip(times.tolist(), worn, strict=True)],
        [names[session.transmitter] for session in worn],
    )
    return block_of(times[::-1], updated[::-1], rendered[::-1])


def trend_word(rate: float) -> str:
    """The arrow for a rate in mg/dL/min (providers' bands: 1, 2 and 3; beyond 8 out of range); NaN: none."""
    if isnan(rate):
        return "none"
    if abs(rate) > 8:
        return "rateOutOfRange"
    names = ("flat", "fortyFive", "single", "double")
    name = names[min(3, int(abs(rate)))]
    return name if name == "flat" else name + ("Up" if rate > 0 else "Down")


def _render(
    person: SimulatedPerson,
    ids: Ids,
    times: Ints,
    values: Ints,
    rates: Floats,
    ticks: list[int],
    transmitters: list[str],
) -> list[str]:
    ahead = offsets(person, times)
    system = _iso(times)
    if person.display_device == "receiver":
        display = system
    else:
        zones = {seconds: suffix(seconds) for seconds in set(ahead.tolist())}
        display = [text + zones[at] for text, at in zip(_iso(times + ahead), ahead.tolist(), strict=True)]
        system = [text + "Z" for text in system]
    tail = (
        f'"unit":"mg/dL","rateUnit":"mg/dL/min","displayDevice":"{person.display_device}",'
        f'"transmitterGeneration":"{person.generation}","transmitterGenerationVariant":"{person.generation}",'
        f'"displayApp":{_app(person)}}}'
    )
    return [
        f'{{"recordId":"{ids.of(str(at))}","systemTime":"{utc}","displayTime":"{local}","transmitterId":"{transmitter}",'
        f'"transmitterTicks":{tick},"value":{value},{_feel(value, rate)},{tail}'
        for at, utc, local, transmitter, tick, value, rate in zip(
            times.tolist(), system, display, transmitters, ticks, values.tolist(), rates.tolist(), strict=True
        )
    ]


def _feel(value: int, rate: float) -> str:
    status = '"low"' if value <= LOWEST else '"high"' if value >= HIGHEST else "null"
    trend = trend_word(rate)
    known = trend not in ("none", "rateOutOfRange")
    return f'"status":{status},"trend":"{trend}","trendRate":{rate if known else "null"}'


def _app(person: SimulatedPerson) -> str:
    return "null" if person.display_device == "receiver" else f'"{DISPLAY_APP[person.generation]}"'


def _iso(times: Ints) -> list[str]:
    return [str(text) for text in np.datetime_as_string(times.astype("datetime64[s]")).tolist()]
