"""What a Nightscout site holds: entries, treatments, device statuses and profiles of one made-up person.

Documents follow from the patient model; what a test puts, changes or deletes is kept over them.
"""

import hashlib
from datetime import datetime
from typing import Any

from glucoflow.simulators.chance import DAY
from glucoflow.simulators.dexcom.readings import trend_word
from glucoflow.simulators.entered import Entry, entered
from glucoflow.simulators.patient import PatientModel
from glucoflow.simulators.scenario import SimulatedPerson
from glucoflow.simulators.wallclock import epoch, moment, offset

Doc = dict[str, Any]
DIRECTIONS = {"none": "NONE", "rateOutOfRange": "RATE OUT OF RANGE"}


def iso(seconds: float) -> str:
    return moment(int(seconds)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def object_id(*what: str | int) -> str:
    """24 hex digits, as MongoDB has them."""
    return hashlib.sha256("/".join(map(str, what)).encode()).hexdigest()[:24]


class Documents:
    """One person's site. `put` adds or replaces by `_id`; `delete` marks or removes."""

    def __init__(self, person: SimulatedPerson, seed: int, device: str = "xDrip-DexcomG6") -> None:
        self._patient = PatientModel(person, seed)
        self._device = device
        self._put: dict[str, dict[str, Doc]] = {"entries": {}, "treatments": {}, "devicestatus": {}, "profile": {}}
        self._gone: set[str] = set()

    def put(self, collection: str, document: Doc) -> Doc:
        """Written through v1 where it has no `srvModified`."""
        document = {"_id": object_id(collection, repr(sorted(document.items(), key=repr))), **document}
        self._put[collection][document["_id"]] = document
        return document

    def delete(self, document_id: str) -> None:
        """As v1 does it: it is gone, and nothing says so."""
        self._gone.add(document_id)

    def of(self, collection: str, start: int, end: int, now: datetime) -> list[Doc]:
        """Documents whose time lies in [start, end) and not after `now`, newest first."""
        start, end = max(start, epoch(self._patient.person.since)), min(end, epoch(now) + 1)
        made: list[Doc] = []
        if start < end:
            made = {
                "entries": self._entries,
                "treatments": self._treatments,
                "devicestatus": self._statuses,
                "profile": self._profiles,
            }[collection](start, end)
        put = self._put[collection]
        found = [one for one in made if one["_id"] not in put]
        found += [one for one in put.values() if start <= time_of(collection, one) < end]
        found = [one for one in found if one["_id"] not in self._gone]
        return sorted(found, key=lambda one: (-time_of(collection, one), one["_id"]))

    def _entries(self, start: int, end: int) -> list[Doc]:
        person = self._patient.person
        found = []
        for day in range(start // DAY, (end - 1) // DAY + 1):
            readings = self._patient.readings(max(start, day * DAY), min(end, (day + 1) * DAY))
            for at, value, rate in zip(
                readings.times.tolist(), readings.values.tolist(), readings.rates.tolist(), strict=True
            ):
                word = trend_word(rate)
                found.append(
                    {
                        "_id": object_id(person.id, "entry", at),
                        "type": "sgv",
                        "sgv": value,
                        "date": at * 1000,
                        "dateString": iso(at),
                        "sysTime": iso(at),
                        "utcOffset": offset(person, at) // 60,
                        "direction": DIRECTIONS.get(word, word[0].upper() + word[1:]),
                        "device": self._device,
                        "noise": 1,
                        "rssi": 100,
                    }
                )
        found += [self._meter(entry) for entry in self._entered(start, end) if entry.kind == "bloodGlucose"]
        return found

    def _meter(self, entry: Entry) -> Doc:
        return {
            "_id": object_id(self._patient.person.id, "mbg", entry.at),
            "type": "mbg",
            "mbg": int(entry.value or 0),
            "date": entry.at * 1000,
            "dateString": iso(entry.at),
            "utcOffset": offset(self._patient.person, entry.at) // 60,
            "device": self._device,
        }

    def _treatments(self, start: int, end: int) -> list[Doc]:
        found = []
        for entry in self._entered(start, end):
            body = _treatment(entry)
            if body is not None:
                found.append(
                    {
                        "_id": object_id(self._patient.person.id, entry.kind, entry.at, entry.name),
                        "created_at": iso(entry.at),
                        "enteredBy": "xdrip",
                        "utcOffset": offset(self._patient.person, entry.at) // 60,
                        "carbs": None,
                        "insulin": None,
                        **body,
                    }
                )
        return found

    def _entered(self, start: int, end: int) -> list[Entry]:
        found = {
            (one.kind, one.at, one.name): one for one in entered(self._patient, start, end) if start <= one.at < end
        }
        return list(found.values())

    def _statuses(self, start: int, end: int) -> list[Doc]:
        every = 300
        times = range(-(-start // every) * every, end, every)
        return [
            {
                "_id": object_id(self._patient.person.id, "status", at),
                "created_at": iso(at),
                "device": self._device,
                "uploader": {"battery": 40 + at // every % 60},
                "utcOffset": 0,
            }
            for at in times[-600:]
        ]

    def _profiles(self, start: int, end: int) -> list[Doc]:
        since = epoch(self._patient.person.since)
        if not start <= since < end:
            return []
        units = "mmol" if self._patient.person.unit == "mmol/L" else "mg/dl"
        rows = [{"time": "00:00", "value": 0.8, "timeAsSeconds": 0}]
        store = {"dia": 4, "carbratio": rows, "sens": rows, "basal": rows, "timezone": self._patient.person.zone}
        return [
            {
                "_id": object_id(self._patient.person.id, "profile"),
                "startDate": iso(since),
                "created_at": iso(since),
                "defaultProfile": "Default",
                "store": {"Default": {**store, "units": units, "target_low": rows, "target_high": rows}},
            }
        ]


def time_of(collection: str, document: Doc) -> float:
    """Epoch seconds of a document's own time."""
    if collection == "entries":
        return float(document["date"]) / 1000
    said = document["startDate"] if collection == "profile" else document["created_at"]
    return datetime.fromisoformat(said).timestamp()


def _treatment(entry: Entry) -> Doc | None:
    value = float(entry.value) if entry.value and entry.kind != "notes" else None
    match entry.kind:
        case "carbs":
            return {"eventType": "Carb Correction", "carbs": value}
        case "insulin" if entry.subtype == "fastActing":
            return {"eventType": "Correction Bolus", "insulin": value}
        case "insulin":
            return {"eventType": "Note", "notes": f"basal {value:g} U"}
        case "exercise":
            return {"eventType": "Exercise", "duration": value, "notes": entry.subtype}
        case "notes":
            return {"eventType": "Note", "notes": entry.value}
    return None
