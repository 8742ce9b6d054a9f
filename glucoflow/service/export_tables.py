"""The CSV tables: one a kind, a column a field, named as in the document (`glucose.mg_dl`).

RFC 4180: comma, CRLF, quotes where needed, a header line; UTF-8. Times are UTC (`@timestamp`) and the owner's wall
clock (`time.local`); glucose and alert levels stand in both units; an empty field is not known.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, get_args

import msgspec

from glucoflow.model.documents import Dataset, Document, Source
from glucoflow.model.units import to_mmol_l

DERIVED = ("summary.day", "summary.period", "episode", "insight")
"""Computed from the rest and computed again after an import; in `ndjson` only."""

_OWN: dict[Dataset, tuple[str, ...]] = {
    "cgm.reading": ("glucose", "trend", "sample"),
    "cgm.calibration": ("glucose",),
    "glucose.fingerstick": ("glucose", "fingerstick"),
    "insulin.bolus": ("insulin",),
    "insulin.basal": ("insulin",),
    "food": ("food",),
    "exercise": ("exercise",),
    "health": ("health",),
    "note": ("note",),
    "device.alert": ("alert",),
    "device.status": ("status",),
    "device.settings": ("settings",),
}
TABLES = tuple(_OWN)
"""The datasets that have a table."""

_MMOL_TWINS = {"level_mg_dl": "level_mmol_l", "rate_mg_dl_min": "rate_mmol_l_min"}

Getter = Callable[[Document], Any]


def columns(dataset: Dataset) -> dict[str, Getter]:
    """Names and getters of a table's columns, in order."""
    found: dict[str, Getter] = {
        "_id": lambda document: document.id,
        "@timestamp": lambda document: document.source.timestamp,
        "time.local": _local,
        "time.utc_offset_min": _at("time", "utc_offset_min"),
        "time.zone": _at("time", "zone"),
    }
    for section in (*_OWN[dataset], "device"):
        found |= _leaves((section,), Source)
    return found | {
        "annotations": _annotations,
        "event.provider": _at("event", "provider"),
        "event.id": _at("event", "id"),
        "connection.id": _at("connection", "id"),
    }


def cells(getters: dict[str, Getter], document: Document) -> list[str]:
    """One row."""
    return [_text(get(document)) for get in getters.values()]


def _leaves(path: tuple[str, ...], parent: type[msgspec.Struct]) -> dict[str, Getter]:
    """Every value below `path`, with twins in mmol/L for settings in mg/dL."""
    field = next(field for field in msgspec.structs.fields(parent) if field.name == path[-1])
    struct = _struct_of(field.type)
    if struct is None:
        twin = _MMOL_TWINS.get(path[-1])
        own: dict[str, Getter] = {".".join(path): _at(*path)}
        return own | ({".".join((*path[:-1], twin)): _mmol(path)} if twin else {})
    found: dict[str, Getter] = {}
    for inner in msgspec.structs.fields(struct):
        found |= _leaves((*path, inner.name), struct)
    return found


def _struct_of(annotation: Any) -> type[msgspec.Struct] | None:
    for part in (annotation, *get_args(annotation)):
        if isinstance(part, type) and issubclass(part, msgspec.Struct):
            return part
    return None


def _at(*path: str) -> Getter:
    def get(document: Document) -> Any:
        value: Any = document.source
        for name in path:
            if value is None:
                return None
            value = getattr(value, name)
        return value

    return get


def _mmol(path: tuple[str, ...]) -> Getter:
    mg_dl = _at(*path)

    def get(document: Document) -> float | None:
        value = mg_dl(document)
        return None if value is None else to_mmol_l(value)

    return get


def _local(document: Document) -> str:
    local = document.source.timestamp + timedelta(minutes=document.source.time.utc_offset_min)
    return local.replace(tzinfo=None).isoformat()


def _annotations(document: Document) -> str:
    notes = document.source.annotations
    return ";".join(f"{note.code}={note.value}" if note.value else note.code for note in notes)


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case tuple():
            return ";".join(value)
    return str(value)
