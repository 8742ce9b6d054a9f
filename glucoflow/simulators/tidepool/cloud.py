"""What the double of Tidepool holds: accounts and their sessions, and everybody's records as Tidepool writes them."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from glucoflow.model.units import to_mmol_l
from glucoflow.simulators.chance import DAY
from glucoflow.simulators.entered import Entry, entered
from glucoflow.simulators.fault_injection import Faults
from glucoflow.simulators.faulty_wire import Asked
from glucoflow.simulators.patient import PatientModel
from glucoflow.simulators.scenario import Scenario
from glucoflow.simulators.settable_clock import Clock
from glucoflow.simulators.tidepool.data_sets import DataSet
from glucoflow.simulators.wallclock import epoch, moment, offset

SESSION_S = 24 * 3600


@dataclass
class Cloud:
    """Accounts, sessions, who shares with whom, and what a test puts into them."""

    scenario: Scenario
    clock: Clock
    faults: Faults = field(default_factory=Faults)
    requests: list[Asked] = field(default_factory=list)
    shares: dict[str, list[str]] = field(default_factory=dict)
    """Whose data an account may see besides its own."""
    put: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Records that a test adds to a person's."""
    gone: set[str] = field(default_factory=set)
    data_sets: dict[str, DataSet] = field(default_factory=dict)
    """What programs uploaded, by the data set's id."""
    may_not_write: set[str] = field(default_factory=set)
    """Whose account takes no data, as that of somebody who shares it for looking only."""
    logins: int = 0
    _sessions: dict[str, tuple[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.patients = {one.id: PatientModel(one, self.scenario.seed) for one in self.scenario.people}

    def password(self, person: str) -> str:
        return f"{person}-tidepool"

    def expire(self) -> None:
        """All sessions end."""
        self._sessions.clear()

    def session(self, person: str) -> str:
        token = _hex(person, self.clock().timestamp(), self.logins)
        self._sessions[token] = (person, self.clock().timestamp() + SESSION_S)
        return token

    def person_of(self, token: str) -> str | None:
        person, until = self._sessions.get(token, (None, 0.0))
        return person if until > self.clock().timestamp() else None

    def records(self, person: str, start: int, end: int) -> Iterator[dict[str, Any]]:
        """All records of [start, end] in no order, those of the model and those put."""
        first, last = max(start, epoch(self.patients[person].person.since)), min(end, epoch(self.clock()))
        if first <= last:
            for day in range(first // DAY, last // DAY + 1):
                yield from self._day(person, max(first, day * DAY), min(last + 1, (day + 1) * DAY))
        for one in self.put.get(person, []):
            if start <= datetime.fromisoformat(one["time"]).timestamp() <= end:
                yield one
        for data_set in self.data_sets.values():
            for one in data_set.records.values() if data_set.person == person else ():
                if start <= datetime.fromisoformat(one["time"]).timestamp() <= end:
                    yield one

    def new_data_set(self, person: str, client: str) -> DataSet:
        made = DataSet(_hex("data set", person, len(self.data_sets))[:32], person, client)
        self.data_sets[made.id] = made
        return made

    def _day(self, person: str, start: int, end: int) -> Iterator[dict[str, Any]]:
        patient = self.patients[person]
        found = patient.readings(start, end)
        for at, value, rate in zip(found.times.tolist(), found.values.tolist(), found.rates.tolist(), strict=True):
            body: dict[str, Any] = {"units": "mmol/L", "value": to_mmol_l(value)}
            if rate == rate:
                body |= {
                    "trendRate": round(rate / 18.01559, 5),
                    "trendRateUnits": "mmol/L/minute",
                    "trend": _trend(rate),
                }
            if value in (39, 401):
                low = value == 39
                note = {"code": "bg/out-of-range", "value": "low" if low else "high", "threshold": 40 if low else 400}
                body["annotations"] = [note]
            yield self._record(person, "cbg", at, **body, sampleInterval=300_000)
        seen = {(one.kind, one.at, one.name): one for one in entered(patient, start, end) if start <= one.at < end}
        for entry in seen.values():
            if (made := _entered(entry)) is not None:
                kind, body = made
                yield self._record(person, kind, entry.at, entry.name, **body)
        if start % DAY == 0:
            yield self._record(person, "upload", start, timezone=patient.person.zone, deviceModel="Dexcom G7")

    def _record(self, person: str, kind: str, at: int, name: str = "", **body: Any) -> dict[str, Any]:
        ahead = offset(self.patients[person].person, at) // 60
        return {
            "id": _hex(person, kind, at, name)[:32],
            "type": kind,
            "time": _iso(at),
            "deviceTime": _iso(at + ahead * 60)[:-1],
            "timezoneOffset": ahead,
            "deviceId": "DexG7_made-up",
            "uploadId": _hex(person, "upload")[:32],
            "origin": {"id": _hex("origin", person, kind, at)[:36], "name": "org.tidepool.made-up", "type": "service"},
            **body,
        }


def user_id(person: str) -> str:
    """Ten hex digits, as Tidepool has them."""
    return _hex("user", person)[:10]


def _entered(entry: Entry) -> tuple[str, dict[str, Any]] | None:
    value = float(entry.value) if entry.value and entry.kind != "notes" else None
    match entry.kind:
        case "carbs":
            return "food", {"nutrition": {"carbohydrate": {"net": value, "units": "grams"}}}
        case "insulin" if entry.subtype == "fastActing":
            return "bolus", {"subType": "normal", "normal": value}
        case "insulin":
            return "insulin", {
                "dose": {"total": value, "units": "Units"},
                "formulation": {"simple": {"actingType": "long"}},
            }
        case "exercise":
            intensity = {"light": "low", "medium": "medium", "heavy": "high"}[entry.subtype or "light"]
            return "physicalActivity", {
                "duration": {"value": value, "units": "minutes"},
                "reportedIntensity": intensity,
            }
        case "bloodGlucose":
            return "smbg", {"subType": "manual", "units": "mmol/L", "value": to_mmol_l(value or 0)}
        case "notes":
            return "reportedState", {"notes": [entry.value]}
    return None


def _trend(rate: float) -> str:
    size = abs(rate)
    if size < 1:
        return "constant"
    word = "slow" if size < 2 else "moderate" if size < 3 else "rapid"
    return word + ("Rise" if rate > 0 else "Fall")


def _iso(seconds: int) -> str:
    return moment(seconds).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _hex(*what: str | int | float) -> str:
    return hashlib.sha256("/".join(map(str, what)).encode()).hexdigest()
