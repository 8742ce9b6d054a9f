"""The alerts a phone gave (`alerts`): they follow from the curve and from the settings that held at the time."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from glucoflow.simulators.chance import DAY, STEP, Ints
from glucoflow.simulators.dexcom.blocks import Block, Ids, block_of_dicts, stamps, uploaded
from glucoflow.simulators.dexcom.readings import DISPLAY_APP
from glucoflow.simulators.patient import PatientModel, Readings
from glucoflow.simulators.scenario import AlertSettings, Scenario, SimulatedPerson
from glucoflow.simulators.wallclock import epoch

QUIET = 6
"""Readings without the condition (half an hour) after which an alert is over."""


@dataclass(frozen=True)
class Ring:
    """A change of state of one alert."""

    at: int
    name: str
    state: str


def settings_at(person: SimulatedPerson, at: int) -> AlertSettings:
    """The alert settings in force at a moment; the first ones before that, defaults where there are none."""
    known = person.settings or (AlertSettings(since=person.since),)
    held = [settings for settings in sorted(known, key=lambda one: one.since) if epoch(settings.since) <= at]
    return held[-1] if held else known[0]


def alerts_block(scenario: Scenario, patient: PatientModel, day: int) -> Block:
    """The alerts of a UTC day."""
    person, start, end = patient.person, day * DAY, (day + 1) * DAY
    lead = start - (2 * QUIET + 2) * STEP
    readings = patient.readings(lead, end)
    rings = [ring for ring in _rings(person, readings, lead, end) if start <= ring.at < end]
    ids = Ids(scenario.seed, person.id, "alert")
    seen = uploaded(scenario, person, np.array([ring.at for ring in rings], dtype=np.int64)).tolist()
    transmitters = {one.number: patient.sensors.transmitter_id(one.transmitter) for one in readings.sessions}
    rows = []
    for ring, visible in zip(rings, seen, strict=True):
        worn = [session for session in readings.sessions if session.start <= ring.at]
        record = {
            "recordId": ids.of(f"{ring.name}/{ring.state}/{ring.at}"),
            **stamps(person, ring.at),
            "alertName": ring.name,
            "alertState": ring.state,
            "displayDevice": person.display_device,
            "transmitterGeneration": person.generation,
            "transmitterId": transmitters[worn[-1].number] if worn else None,
            "displayApp": None if person.display_device == "receiver" else DISPLAY_APP[person.generation],
        }
        rows.append((ring.at, visible, record))
    return block_of_dicts(rows)


def _rings(person: SimulatedPerson, readings: Readings, lead: int, end: int) -> Iterator[Ring]:
    if readings.times.size == 0:
        return
    settings = settings_at(person, int(readings.times[-1]))
    values, rates = readings.values, np.nan_to_num(readings.rates)
    conditions = {
        "urgentLow": values < settings.urgent_low,
        "low": values < settings.low,
        "high": values > settings.high,
        "rise": rates >= (99 if settings.rise is None else settings.rise),
        "fall": rates <= -settings.fall,
        "urgentLowSoon": (values < 80) & (values + 20 * rates < settings.urgent_low) & (values >= settings.urgent_low),
    }
    for name, condition in conditions.items():
        yield from _edges(name, readings.times, condition)
    before = [lead] if lead > epoch(person.since) else []
    yield from _losses([*before, *readings.times.tolist(), end], bool(before), settings.out_of_range_minutes * 60)


def _edges(name: str, times: Ints, condition: NDArray[np.bool_]) -> Iterator[Ring]:
    """Alarming where a condition begins after half an hour without, snoozed at the next reading, inactive when over."""
    padded = np.concatenate([np.zeros(QUIET, dtype=np.bool_), condition])
    held = np.lib.stride_tricks.sliding_window_view(padded, QUIET + 1).any(axis=1)
    edges = np.diff(held.astype(np.int8))
    for index in (np.flatnonzero(edges == 1) + 1).tolist():
        at = int(times[index])
        yield Ring(at, name, "activeAlarming")
        yield Ring(at + STEP - 40, name, "activeSnoozed")
    for index in (np.flatnonzero(edges == -1) + 1).tolist():
        yield Ring(int(times[index]), name, "inactive")


def _losses(times: list[int], unknown_before: bool, patience: int) -> Iterator[Ring]:
    """Signal loss: rings after `patience` seconds, ends with the next reading.

    The last of `times` is the end of the stretch, the first its begin if `unknown_before`: a loss that begins before or
    ends after the stretch gives the one ring that lies in it.
    """
    for index, (heard, again) in enumerate(pairwise(times)):
        if again - heard <= patience + STEP:
            continue
        if index > 0 or not unknown_before:
            yield Ring(heard + patience, "noReadings", "activeAlarming")
        if index + 2 < len(times):
            yield Ring(again, "noReadings", "inactive")
