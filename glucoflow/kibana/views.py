"""Data views, the tag and the saved lists that the dashboards stand on."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from glucoflow.kibana.template import Json, text
from glucoflow.model.target_bands import NAMES
from glucoflow.model.trends import ARROWS

VERSION: Final = 3
"""Of the dashboards as a whole. Raise it with every change that people should get on the next provision."""

WEEKDAYS = {"1": "Mon", "2": "Tue", "3": "Wed", "4": "Thu", "5": "Fri", "6": "Sat", "7": "Sun"}
EPISODES = {
    "low_l1": "Low",
    "low_l2": "Very low",
    "low_extended": "Low, over 2 hours",
    "high_l1": "High",
    "high_l2": "Very high",
    "high_extended": "Very high, over 90 min",
}
KINDS = {
    "cgm.reading": "Reading",
    "cgm.calibration": "Calibration",
    "glucose.fingerstick": "Fingerstick",
    "insulin.bolus": "Bolus",
    "insulin.basal": "Basal",
    "food": "Food",
    "exercise": "Activity",
    "health": "Health",
    "note": "Note",
    "device.alert": "Alert",
    "device.status": "Device",
    "device.settings": "Settings",
    "summary.day": "Summary of a day",
    "summary.period": "Summary of a period",
    "episode": "Episode",
}

Lists = Mapping[str, tuple[str, str, tuple[str, ...]]]
"""Saved lists: title, query, columns."""

LISTS: Final[Lists] = {
    "episodes": (
        "Each episode",
        'event.dataset : "episode"',
        ("time.date", "episode.kind", "episode.minutes", "{extreme}", "episode.night"),
    ),
    "events": (
        "What was noted",
        'event.dataset : ("food" or "insulin.bolus" or "insulin.basal" or "exercise" or "health" or "note")',
        (
            "event.dataset",
            "food.carbs_g",
            "insulin.normal",
            "insulin.extended",
            "insulin.amount",
            "exercise.intensity",
            "exercise.duration_ms",
            "health.kind",
            "note.text",
        ),
    ),
    "calibrations": (
        "Calibrations and fingersticks",
        'event.dataset : ("cgm.calibration" or "glucose.fingerstick")',
        ("event.dataset", "{glucose}", "device.transmitter_id"),
    ),
}
OPERATOR_LISTS: Final[Lists] = {
    "connections": (
        "Connections",
        'event.dataset : "glucoflow.connection"',
        (
            "user.id",
            "event.provider",
            "connection.state",
            "connection.newest",
            "connection.last_success",
            "connection.next_poll",
            "connection.failures",
            "connection.error",
        ),
    ),
}

DURATIONS = (
    "exercise.duration_ms",
    "insulin.duration_ms",
    "sample.interval_ms",
    "sample.gap_ms",
    "settings.low_alert.snooze_ms",
    "settings.high_alert.snooze_ms",
    "settings.out_of_range_alert.threshold_ms",
)
STATES = {
    "connected": "Connected",
    "needs_reauthorization": "Needs a new sign-in",
    "paused": "Paused",
    "disconnected": "Disconnected",
}


def tag(key: str, objects: Sequence[Json]) -> Json:
    """The tag that marks what is ours and says which version it is, and which `objects` it came with."""
    content = hashlib.blake2b("".join(map(text, objects)).encode(), digest_size=8).hexdigest()
    attributes = {"name": "glucoflow", "description": f"version {VERSION}, content {content}", "color": "#209280"}
    return _object("tag", f"cgm-tag-{key}", "8.0.0", [], attributes)


def person_view(key: str, name: str, index: str) -> Json:
    """Documents of one person."""
    formats: Json = {field: _duration() for field in DURATIONS}
    formats |= {
        "glucose.mg_dl": _number("0"),
        "glucose.mmol_l": _number("0.0"),
        "episode.extreme_mg_dl": _number("0"),
        "episode.extreme_mmol_l": _number("0.0"),
        "glucose.range": _lookup(NAMES),
        "trend.direction": _lookup(ARROWS, "?"),
        "time.weekday": _lookup(WEEKDAYS),
        "episode.kind": _lookup(EPISODES),
        "event.dataset": _lookup(KINDS),
    }
    return _view(f"cgm-view-{key}", f"Glucose: {name}", index, formats)


def runs_view(key: str, index: str) -> Json:
    """What the pipeline did, and how it stands."""
    formats = {"connection.state": _lookup(STATES), "run.lag_hours": _number("0.0")}
    sizes = ("storage.bytes", "storage.year_bytes", "disk.bytes", "disk.year_bytes", "disk.free_bytes")
    formats |= {field: {"id": "bytes", "params": {"pattern": "0,0.[0]b"}} for field in sizes}
    return _view(f"cgm-runs-{key}", "glucoflow runs", index, formats)


def lists(key: str, made_of: Lists, view_id: str) -> list[Json]:
    """Saved lists over a data view, newest first; the placeholders in them are still to be filled."""
    made = []
    name = "kibanaSavedObjectMeta.searchSourceJSON.index"
    for which, (title, query, columns) in made_of.items():
        source = {"query": {"query": query, "language": "kuery"}, "filter": [], "indexRefName": name}
        attributes = {
            "title": f"{title}: {{name}}",
            "description": "",
            "columns": list(columns),
            "sort": [["@timestamp", "desc"]],
            "kibanaSavedObjectMeta": {"searchSourceJSON": text(source)},
        }
        references = [
            {"type": "index-pattern", "id": view_id, "name": name},
            {"type": "tag", "id": f"cgm-tag-{key}", "name": f"tag-ref-cgm-tag-{key}"},
        ]
        made.append(_object("search", f"cgm-{which}-list-{key}", "8.0.0", references, attributes))
    return made


def _object(kind: str, object_id: str, version: str, references: list[Json], attributes: Json) -> Json:
    return {
        "type": kind,
        "id": object_id,
        "managed": False,
        "coreMigrationVersion": "8.8.0",
        "typeMigrationVersion": version,
        "references": references,
        "attributes": attributes,
    }


def _view(view_id: str, name: str, index: str, formats: Json) -> Json:
    attributes = {
        "title": index,
        "name": name,
        "timeFieldName": "@timestamp",
        "allowNoIndex": True,
        "fields": "[]",
        "fieldAttrs": "{}",
        "fieldFormatMap": text(formats),
        "runtimeFieldMap": "{}",
        "sourceFilters": "[]",
        "typeMeta": "{}",
    }
    return _object("index-pattern", view_id, "8.0.0", [], attributes)


def _number(pattern: str) -> Json:
    return {"id": "number", "params": {"pattern": pattern}}


def _duration() -> Json:
    params: dict[str, Any] = {
        "inputFormat": "milliseconds",
        "outputFormat": "humanizePrecise",
        "outputPrecision": 0,
        "useShortSuffix": True,
    }
    return {"id": "duration", "params": params}


def _lookup(words: Mapping[Any, str], unknown: str = "") -> Json:
    entries = [{"key": key, "value": value} for key, value in words.items()]
    return {"id": "static_lookup", "params": {"lookupEntries": entries, "unknownKeyValue": unknown}}
