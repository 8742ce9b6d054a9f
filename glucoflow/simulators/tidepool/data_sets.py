"""Data sets that programs upload to: a record takes the place of that of its origin, and fields are strict."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

DELETES_ORIGIN = "org.tidepool.deduplicator.dataset.delete.origin"
BASE = frozenset({
    "annotations", "associations", "clockDriftOffset", "conversionOffset", "deviceId", "deviceTime", "id", "location",
    "notes", "origin", "payload", "source", "tags", "time", "timezone", "timezoneOffset", "type",
})  # fmt: skip
GLUCOSE = frozenset({"units", "value"})
FIELDS: dict[str, frozenset[str]] = {
    "cbg": GLUCOSE | {"trend", "trendRate", "trendRateUnits", "sampleInterval", "backfilled"},
    "smbg": GLUCOSE | {"subType"},
    "deviceEvent": GLUCOSE | {"subType"},
    "bolus": frozenset({
        "subType", "deliveryType", "normal", "extended", "expectedNormal", "expectedExtended", "duration",
        "expectedDuration",
    }),
    "basal": frozenset({"deliveryType", "rate", "duration", "expectedDuration"}),
    "insulin": frozenset({"dose", "formulation"}),
    "food": frozenset({"nutrition", "name"}),
    "physicalActivity": frozenset({"duration", "reportedIntensity"}),
    "reportedState": frozenset({"states"}),
}  # fmt: skip
NEEDED: dict[str, frozenset[str]] = {
    "cbg": GLUCOSE,
    "smbg": GLUCOSE,
    "deviceEvent": GLUCOSE | {"subType"},
    "bolus": frozenset({"subType"}),
    "basal": frozenset({"deliveryType", "duration"}),
}
ORIGIN = frozenset({"id", "name", "payload", "time", "type", "version"})
MOST_MMOL_L, MOST_MG_DL = 55.0, 1000.0


@dataclass
class DataSet:
    """One program's records in one account, by origin."""

    id: str
    person: str
    client: str
    records: dict[str, dict[str, Any]] = field(default_factory=dict)

    def add(self, sent: object) -> str | None:
        """Hold them all, or none; what is wrong with the first that is refused."""
        if not isinstance(sent, list):
            return "not an array"
        for one in sent:
            if (wrong := fault_of(one)) is not None:
                return wrong
        for one in sent:
            key = one["origin"]["id"]
            own = hashlib.sha256(f"{self.id}/{key}".encode()).hexdigest()[:32]
            self.records[key] = {**one, "id": own, "uploadId": self.id}
        return None

    def delete(self, sent: object) -> str | None:
        """Those of these ids or origins; what is wrong with the request."""
        if not isinstance(sent, list) or not all(isinstance(one, dict) for one in sent):
            return "not an array of objects"
        ids = {one.get("id") for one in sent} - {None}
        origins = {(one.get("origin") or {}).get("id") for one in sent}
        self.records = {key: one for key, one in self.records.items() if key not in origins and one["id"] not in ids}
        return None


def fault_of(one: object) -> str | None:
    """Why the platform's parsers and validators refuse a record; None where they take it."""
    if not isinstance(one, dict):
        return "not an object"
    kind = one.get("type")
    if kind not in FIELDS:
        return f"type {kind!r} is unknown"
    if unknown := set(one) - BASE - FIELDS[kind]:
        return f"{sorted(unknown)} not parsed"
    if missing := (NEEDED.get(kind, frozenset()) | {"time"}) - set(one):
        return f"{sorted(missing)} missing"
    origin = one.get("origin")
    if not isinstance(origin, dict) or set(origin) - ORIGIN or not 1 <= len(origin.get("id", "")) <= 100:
        return "origin"
    if origin.get("type") not in ("device", "manual", "service"):
        return "origin.type"
    if datetime.fromisoformat(one["time"]).tzinfo is None:
        return "time without a zone"
    if any(not note or len(note) > 1000 for note in one.get("notes", ())) or one.get("notes") == []:
        return "notes"
    return _glucose_fault(one) if "units" in FIELDS[kind] else None


def _glucose_fault(one: dict[str, Any]) -> str | None:
    most = {"mmol/L": MOST_MMOL_L, "mg/dL": MOST_MG_DL}.get(one["units"])
    if most is None:
        return "units"
    return None if 0 <= one["value"] <= most else "value out of range"
