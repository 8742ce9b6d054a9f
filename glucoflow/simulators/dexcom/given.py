"""Accounts whose records are given one by one: what a test wants this cloud to say, from the moment it wants it said.

Nothing is checked or put right: a record may be as odd as a real one can be. Ids and the account's `userId` are per
app, as Dexcom states of both: the app that asked first sees the ids as given, any other app sees ids of its own.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from glucoflow.simulators.dexcom.archive import RecordKind
from glucoflow.simulators.scenario import Client, Scenario, SimulatedPerson

_NAMESPACE = uuid.UUID("b0a7e0a5-0a5e-5d0f-9d7c-6a1b6c0f2f11")
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Edit:
    """From `at` on, these fields of a record are other ones."""

    at: datetime
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class GivenRecord:
    """A record as it is to be sent. It is there from `up` (None: from its own time) until `gone` (None: for ever)."""

    kind: RecordKind
    fields: Mapping[str, Any]
    up: datetime | None = None
    edits: tuple[Edit, ...] = ()
    gone: datetime | None = None

    @property
    def time(self) -> datetime | None:
        """Its systemTime, None where that cannot be read: such a record is in every window."""
        text = self.fields.get("systemTime")
        try:
            moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        except ValueError:
            return None
        return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment

    def updated(self, as_of: datetime) -> datetime | None:
        """When it came to be as it is at `as_of`; None where it cannot be seen then."""
        up = self.up or self.time or _EVER
        if up > as_of or (self.gone is not None and self.gone <= as_of):
            return None
        return max([up, *(edit.at for edit in self.edits if edit.at <= as_of)])

    def seen(self, as_of: datetime) -> dict[str, Any]:
        """Its fields at `as_of`."""
        now = dict(self.fields)
        for edit in sorted(self.edits, key=lambda edit: edit.at):
            if edit.at <= as_of:
                now |= edit.fields
        return now


@dataclass
class GivenArchive:
    """`archive.Holdings` of the given accounts. `ranges`: what `dataRange` answers, by account, where that is given."""

    accounts: Mapping[str, Sequence[GivenRecord]]
    ranges: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    first_client: str = Client.id

    @property
    def scenario(self) -> Scenario:
        """The accounts as people of a scenario, so that they can be connected."""
        return Scenario(tuple(SimulatedPerson(id=name, name=name, zone="UTC", since=_EVER) for name in self.accounts))

    def page(
        self, person_id: str, kind: RecordKind, start: datetime, end: datetime, as_of: datetime, client: str = Client.id
    ) -> bytes:
        """See `archive.Holdings`."""
        found = []
        for record in self.accounts[person_id]:
            time = record.time
            inside = kind == "devices" or time is None or start <= time < end
            if record.kind == kind and inside and record.updated(as_of):
                found.append((time or end, self._with_id(record.seen(as_of), client)))
        found.sort(key=lambda one: one[0], reverse=True)
        return orjson.dumps([record for _, record in found])

    def data_range(self, person_id: str, as_of: datetime, since: datetime | None) -> dict[str, Any]:
        """See `archive.Holdings`."""
        if person_id in self.ranges:
            return dict(self.ranges[person_id])
        answer: dict[str, Any] = {}
        for kind in ("calibrations", "egvs", "events"):
            times = [
                record.time
                for record in self.accounts[person_id]
                if record.kind == kind
                and record.time is not None
                and (updated := record.updated(as_of))
                and (since is None or updated > since)
            ]
            answer[kind] = {"start": _stamps(min(times)), "end": _stamps(max(times))} if times else None
        return answer

    def _with_id(self, record: dict[str, Any], client: str) -> dict[str, Any]:
        own = record.get("recordId")
        if own is None or client == self.first_client:
            return record
        return record | {"recordId": str(uuid.uuid5(_NAMESPACE, f"{client}/{own}"))}


def _stamps(at: datetime) -> dict[str, str]:
    plain = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return {"systemTime": plain, "displayTime": plain}
