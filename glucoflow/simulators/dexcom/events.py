"""What people enter (`events`) and what they calibrate (`calibrations`), as the cloud writes it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from glucoflow.simulators.chance import DAY, STEP, dice
from glucoflow.simulators.dexcom.blocks import Block, Ids, block_of_dicts, stamps, uploaded
from glucoflow.simulators.entered import Entry, entered, metered
from glucoflow.simulators.patient import PatientModel
from glucoflow.simulators.scenario import AddEvent, Change, DeleteEvents, Scenario, SimulatedPerson, UpdateEvents
from glucoflow.simulators.wallclock import epoch


def events_block(scenario: Scenario, patient: PatientModel, day: int, changes: Sequence[Change]) -> Block:
    """The events of a UTC day, as they are after `changes`."""
    person, start, end = patient.person, day * DAY, (day + 1) * DAY
    begin = max(start, epoch(person.since))
    entries = [entry for entry in entered(patient, start, end) if begin <= entry.at < end]
    rows = [
        (entry, _seen(scenario, person, entry.at), "created") for entry in sorted(entries, key=lambda entry: entry.at)
    ]
    for change in changes:
        if isinstance(change, AddEvent):
            at = epoch(change.time)
            if start <= at < end:
                entry = Entry(at, change.kind, change.subtype, change.value, change.unit, f"added {epoch(change.at)}")
                rows.append((entry, max(epoch(change.at), _seen(scenario, person, at)), "created"))
        elif isinstance(change, UpdateEvents | DeleteEvents):
            rows = [_changed(row, change) for row in rows]
    ids = Ids(scenario.seed, person.id, "event")
    return block_of_dicts([(row[0].at, row[1], _record(patient, ids, row[0], row[2])) for row in rows])


def calibrations_block(scenario: Scenario, patient: PatientModel, day: int) -> Block:
    """Calibrations of a UTC day: for a G6 two after each insertion and one on about every second day; else none."""
    person, start, end = patient.person, day * DAY, (day + 1) * DAY
    if person.generation != "g6":
        return block_of_dicts([])
    times = [one.first + wait for one in patient.sensors.worn(start - DAY, end) for wait in (140, 980)]
    if (rng := dice(scenario.seed, person.id, "calibration", day)).random() < 0.5:
        times.append(start + int(rng.integers(DAY)))
    ids = Ids(scenario.seed, person.id, "calibration")
    return block_of_dicts(
        [
            (at, _seen(scenario, person, at), _calibration(patient, ids, at))
            for at in sorted(set(times))
            if max(start, epoch(person.since)) <= at < end and patient.sensors.worn(at, at + 1)
        ]
    )


Row = tuple[Entry, int, str]


def _changed(row: Row, change: UpdateEvents | DeleteEvents) -> Row:
    entry, seen, status = row
    hit = epoch(change.start) <= entry.at < epoch(change.end) and entry.kind in change.kinds and status != "deleted"
    if not hit:
        return row
    seen = max(seen, epoch(change.at))
    if isinstance(change, DeleteEvents):
        return entry, seen, "deleted"
    value = None if entry.value is None else f"{float(entry.value) * change.factor:g}"
    return Entry(entry.at, entry.kind, entry.subtype, value, entry.unit, entry.name), seen, "updated"


def _seen(scenario: Scenario, person: SimulatedPerson, at: int) -> int:
    return int(uploaded(scenario, person, np.array([at], dtype=np.int64))[0])


def _record(patient: PatientModel, ids: Ids, entry: Entry, status: str) -> dict[str, Any]:
    person = patient.person
    times = stamps(person, entry.at)
    entered = stamps(person, entry.at + 60 + entry.at % 7 * STEP // 10)
    worn = patient.sensors.worn(entry.at, entry.at + 1)
    return {
        "recordId": ids.of(f"{entry.kind}/{entry.at}/{entry.name}"),
        **times,
        "recordedSystemTime": entered["systemTime"],
        "recordedDisplayTime": entered["displayTime"],
        "eventStatus": status,
        "eventType": entry.kind,
        "eventSubType": entry.subtype,
        "value": entry.value,
        "unit": entry.unit,
        "transmitterId": patient.sensors.transmitter_id(worn[0].transmitter) if worn else None,
        "transmitterGeneration": person.generation,
        "transmitterGenerationVariant": person.generation,
        "displayDevice": person.display_device,
    }


def _calibration(patient: PatientModel, ids: Ids, at: int) -> dict[str, Any]:
    person = patient.person
    worn = patient.sensors.worn(at, at + 1)[0]
    return {
        "recordId": ids.of(str(at)),
        **stamps(person, at),
        "unit": "mg/dL",
        "value": metered(patient, at),
        "displayDevice": person.display_device,
        "transmitterId": patient.sensors.transmitter_id(worn.transmitter),
        "transmitterTicks": at - worn.transmitter_start,
        "transmitterGeneration": person.generation,
    }
