"""Bruno, whose phone is offline for four weeks, and who then revises and deletes: at a fake of Dexcom's cloud."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from glucoflow.model.ingestion import Kind
from glucoflow.simulators.dexcom import DeleteEvents, Offline, ReviseReadings, SimulatedPerson, UpdateEvents
from glucoflow.simulators.dexcom.archive import RecordKind

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)
OFFLINE = Offline(NOW - 28 * DAY, NOW)
CHANGES = (
    ReviseReadings(at=NOW + DAY, start=NOW - 20 * DAY, end=NOW - 19 * DAY),
    UpdateEvents(at=NOW + DAY, start=NOW - 12 * DAY, end=NOW - 10 * DAY),
    DeleteEvents(at=NOW + 2 * DAY, start=NOW - 11 * DAY, end=NOW - 9 * DAY),
)
ENDPOINTS: dict[Kind, RecordKind] = {
    "readings": "egvs",
    "events": "events",
    "calibrations": "calibrations",
    "alerts": "alerts",
    "devices": "devices",
}


def offline(bruno: SimulatedPerson) -> SimulatedPerson:
    """The same with all that."""
    return replace(bruno, offline=(OFFLINE,), changes=CHANGES)
