"""What the cloud holds: records by person, kind and window, as they can be seen at a moment."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, Protocol

import orjson

from glucoflow.simulators.chance import DAY
from glucoflow.simulators.dexcom.alerts import alerts_block
from glucoflow.simulators.dexcom.blocks import Block, in_force, stamps, touched
from glucoflow.simulators.dexcom.devices import devices_of
from glucoflow.simulators.dexcom.events import calibrations_block, events_block
from glucoflow.simulators.dexcom.readings import readings_block
from glucoflow.simulators.patient import PatientModel
from glucoflow.simulators.scenario import Change, Client, ReviseReadings, Scenario, SimulatedPerson
from glucoflow.simulators.wallclock import epoch

RecordKind = Literal["egvs", "events", "calibrations", "alerts", "devices"]

OLDEST_LAST_SYNC = timedelta(days=100)


class Holdings(Protocol):
    """What a cloud holds. `client` is the app that asks."""

    def page(
        self, person_id: str, kind: RecordKind, start: datetime, end: datetime, as_of: datetime, client: str = Client.id
    ) -> bytes:
        """The JSON array of the records with start <= systemTime < end that can be seen at `as_of`, newest first.

        Raises KeyError for an unknown person. For `devices` the window is ignored.
        """
        ...

    def data_range(self, person_id: str, as_of: datetime, since: datetime | None) -> dict[str, Any]:
        """First and last record of the kinds that `dataRange` knows; with `since`, of those updated after it."""
        ...


class Archive:
    """All records of a scenario, the same for every app that asks.

    Days are made when first asked for, and the last few hundred kept.
    """

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self._patients = {person.id: PatientModel(person, scenario.seed) for person in scenario.people}
        self._blocks = lru_cache(maxsize=768)(self._block)

    def page(
        self, person_id: str, kind: RecordKind, start: datetime, end: datetime, as_of: datetime, client: str = Client.id
    ) -> bytes:
        """See `Holdings`."""
        del client  # the same ids for all
        if kind == "devices":
            return orjson.dumps(self._devices(person_id, epoch(as_of)))
        pieces = self._pieces(person_id, kind, epoch(start), epoch(end), epoch(as_of))
        return b"[" + b",".join(pieces) + b"]"

    def truth(
        self, person_id: str, kind: RecordKind, start: datetime, end: datetime, as_of: datetime
    ) -> list[dict[str, Any]]:
        """What a perfect client holds at `as_of`: the newest form of each record, without the deleted, oldest first."""
        records: list[dict[str, Any]] = orjson.loads(self.page(person_id, kind, start, end, as_of))
        return [record for record in reversed(records) if record.get("eventStatus") != "deleted"]

    def data_range(self, person_id: str, as_of: datetime, since: datetime | None) -> dict[str, Any]:
        """First and last record of the kinds that `dataRange` knows; with `since`, of those updated after it.

        A `since` over 100 days old gives a range that starts too late, as is seen with the real one
        (tidepool-org/platform, dexcom/fetch/runner.go).
        """
        if since is not None:
            since = max(since, as_of - OLDEST_LAST_SYNC)
        kinds: tuple[RecordKind, ...] = ("calibrations", "egvs", "events")
        return {kind: self._extent(person_id, kind, epoch(as_of), epoch(since) if since else None) for kind in kinds}

    def _extent(self, person_id: str, kind: RecordKind, as_of: int, since: int | None) -> dict[str, Any] | None:
        patient = self._patients[person_id]
        if kind == "calibrations" and patient.person.generation != "g6":
            return None
        days = _candidates(self.scenario, patient.person, as_of, since)
        bounds = []
        for order in (days, list(reversed(days))):
            for day in order:
                block = self._at(person_id, kind, day, as_of)
                seen = block.seen(0, as_of + 1, as_of, since)
                if seen.size:
                    bounds.append(int(block.times[seen[-1]] if order is days else block.times[seen[0]]))
                    break
        if len(bounds) < 2:
            return None
        return {"start": stamps(patient.person, bounds[0]), "end": stamps(patient.person, bounds[1])}

    def _pieces(self, person_id: str, kind: RecordKind, start: int, end: int, as_of: int) -> Iterator[bytes]:
        first = max(start, epoch(self._patients[person_id].person.since)) // DAY
        last = min(end - 1, as_of) // DAY
        for day in range(last, first - 1, -1):
            yield from self._at(person_id, kind, day, as_of).pieces(start, end, as_of)

    def _at(self, person_id: str, kind: RecordKind, day: int, as_of: int) -> Block:
        changes = [
            change
            for change in in_force(self._patients[person_id].person, as_of)
            if touched(change)[0] < (day + 1) * DAY and touched(change)[1] > day * DAY and _alters(change, kind)
        ]
        return self._blocks(person_id, kind, day, tuple(changes))

    def _block(self, person_id: str, kind: RecordKind, day: int, changes: tuple[Change, ...]) -> Block:
        patient = self._patients[person_id]
        if kind == "egvs":
            return readings_block(self.scenario, patient, day, changes)
        if kind == "events":
            return events_block(self.scenario, patient, day, changes)
        if kind == "calibrations":
            return calibrations_block(self.scenario, patient, day)
        return alerts_block(self.scenario, patient, day)

    def _devices(self, person_id: str, as_of: int) -> list[dict[str, Any]]:
        extent = self._extent(person_id, "egvs", as_of, None)
        if extent is None:
            return devices_of(self._patients[person_id], None, as_of)
        newest = datetime.fromisoformat(extent["end"]["systemTime"]).replace(tzinfo=UTC)
        return devices_of(self._patients[person_id], epoch(newest), as_of)


def _alters(change: Change, kind: RecordKind) -> bool:
    return kind == ("egvs" if isinstance(change, ReviseReadings) else "events")


def _candidates(scenario: Scenario, person: SimulatedPerson, as_of: int, since: int | None) -> list[int]:
    """The UTC days that can hold records updated after `since` (all days without it), ascending."""
    first, last = epoch(person.since) // DAY, as_of // DAY
    if since is None:
        return list(range(first, last + 1))
    days = set(range((since - int(scenario.upload_delay.total_seconds())) // DAY, last + 1))
    for offline in person.offline:
        if since < epoch(offline.end) <= as_of:
            days |= set(range(epoch(offline.start) // DAY, epoch(offline.end) // DAY + 1))
    for change in in_force(person, as_of):
        if epoch(change.at) > since:
            begin, end = touched(change)
            days |= set(range(begin // DAY, end // DAY + 1))
    return sorted(day for day in days if first <= day <= last)
