"""Data views, the tag and the saved lists that the dashboards stand on."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from glucoflow.kibana.person import KibanaPerson
from glucoflow.kibana.template import Json, text
from glucoflow.languages import ENGLISH, Language, language
from glucoflow.model import episode_words
from glucoflow.model.glycemia import EPISODE_KINDS
from glucoflow.model.said import Said, capital, joined
from glucoflow.model.target_bands import NAMES
from glucoflow.model.trends import ARROWS

VERSION: Final = 7
"""Of the dashboards as a whole. Raise it with every change that people should get on the next provision."""

WEEKDAYS = {"1": "Mon", "2": "Tue", "3": "Wed", "4": "Thu", "5": "Fri", "6": "Sat", "7": "Sun"}
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
    "insight": "What stands out",
}

Lists = Mapping[str, tuple[str, str, tuple[str, ...]]]
"""Saved lists: title, query, columns."""

LISTS: Final[Lists] = {
    "episodes": (
        "Each episode",
        'event.dataset : "episode"',
        ("time.date", "time.minute_of_day", "episode.kind", "episode.minutes", "{extreme}"),
    ),
    "events": (
        "What was noted",
        'event.dataset : ("food" or "insulin.bolus" or "insulin.basal" or "exercise" or "health" or "note")',
        (
            "time.date",
            "time.minute_of_day",
            "message",
        ),
    ),
    "calibrations": (
        "Calibrations and fingersticks",
        'event.dataset : ("cgm.calibration" or "glucose.fingerstick")',
        ("time.date", "time.minute_of_day", "event.dataset", "{glucose}", "device.transmitter_id"),
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

LABELS = {
    "@timestamp": "Your clock",
    "time.date": "Day",
    "time.minute_of_day": "Local time",
    "event.dataset": "Kind",
    "episode.kind": "Kind",
    "episode.minutes": "Length",
    "episode.extreme_mg_dl": "Lowest or highest mg/dL",
    "episode.extreme_mmol_l": "Lowest or highest mmol/L",
    "glucose.mg_dl": "Glucose mg/dL",
    "glucose.mmol_l": "Glucose mmol/L",
    "message": "What",
    "food.carbs_g": "Carbohydrate g",
    "insulin.normal": "Bolus U",
    "insulin.extended": "Extended U",
    "insulin.amount": "Long-acting U",
    "exercise.intensity": "Activity",
    "exercise.duration_ms": "For",
    "health.kind": "Health",
    "note.text": "Note",
    "device.transmitter_id": "Transmitter",
    "alert.name": "Alert",
}
"""Headings of lists: in place of the names of fields."""
OPERATOR_LABELS = {
    "@timestamp": "Last seen",
    "user.id": "Person",
    "event.provider": "Provider",
    "connection.state": "State",
    "connection.newest": "Newest reading",
    "connection.last_success": "Last success",
    "connection.next_poll": "Asked next",
    "connection.failures": "Failures in a row",
    "connection.error": "What is wrong",
}
ALERTS = {
    "high": "High",
    "low": "Low",
    "urgentLow": "Urgent low",
    "urgentLowSoon": "Urgent low soon",
    "rise": "Rising fast",
    "fall": "Falling fast",
    "outOfRange": "Signal loss",
    "noReadings": "No readings",
    "fixedLow": "Fixed low",
}
CLOCK = "D MMM YYYY, HH:mm"
"""Of moments: no seconds and no thousandths, in the zone of Kibana's space."""
ID_LETTERS = 8
"""As much of a long id as tells two apart."""

DURATIONS = (
    "exercise.duration_ms",
    "insulin.duration_ms",
    "sample.interval_ms",
    "sample.gap_ms",
    "settings.low_alert.snooze_ms",
    "settings.high_alert.snooze_ms",
    "settings.out_of_range_alert.threshold_ms",
)
MOMENTS = ("@timestamp", "connection.newest", "connection.last_success", "connection.next_poll")
STATES = {
    "connected": "Connected",
    "needs_reauthorization": "Needs a new sign-in",
    "paused": "Paused",
    "disconnected": "Disconnected",
}


def tag(key: str, objects: Sequence[Json]) -> Json:
    """The tag that marks what is ours and says which version it is, and which `objects` it came with."""
    content = hashlib.blake2b("".join(map(text, objects)).encode(), digest_size=8).hexdigest()
    attributes = {"name": "glucoflow", "description": f"version {VERSION}, content {content}", "color": "#1F8F86"}
    return _object("tag", f"cgm-tag-{key}", "8.0.0", [], attributes)


def person_view(person: KibanaPerson) -> Json:
    """Documents of one person, with their bands and kinds by name and every moment as a person reads it."""
    spoken = language(person.language)

    def named(words: Mapping[Any, str], unknown: str = "") -> Json:
        return _lookup({key: spoken.of(word) for key, word in words.items()}, unknown)

    formats: Json = {field: _duration("milliseconds") for field in DURATIONS}
    formats |= {
        "@timestamp": _date(),
        "glucose.mg_dl": _number("0"),
        "glucose.mmol_l": _number("0.0"),
        "episode.extreme_mg_dl": _number("0"),
        "episode.extreme_mmol_l": _number("0.0"),
        "episode.minutes": _duration("minutes", 1),
        "device.transmitter_id": {"id": "truncate", "params": {"fieldLength": ID_LETTERS}},
        "glucose.range": named(NAMES),
        "trend.direction": _lookup(ARROWS, "?"),
        "time.weekday": named(WEEKDAYS),
        "time.minute_of_day": _lookup({at: f"{at // 60:02}:{at % 60:02}" for at in range(24 * 60)}),
        "episode.kind": named(episode_names(person)),
        "event.dataset": named(KINDS),
        "alert.name": named(ALERTS),
    }
    labels = {field: spoken.of(label) for field, label in LABELS.items()}
    title = f"{spoken.of('Glucose')}: {person.display_name}"
    return _view(f"cgm-view-{person.user_id}", title, person.index_alias, formats, labels)


def texts() -> list[str]:
    """What objects say that is in no template, for the catalogues."""
    named = (WEEKDAYS, KINDS, LABELS, ALERTS, OPERATOR_LABELS, STATES)
    titles = [title for title, _, _ in (*LISTS.values(), *OPERATOR_LISTS.values())]
    return [*(text for words in named for text in words.values()), *titles, "glucoflow runs"]


def episode_names(person: KibanaPerson) -> dict[str, Said]:
    """Each kind of episode with when it counts: `Low: below 70 for 15 min`."""
    return {
        kind: joined(": ", (capital(episode_words.NAMES[kind]), episode_words.rule(kind, person.targets, person.unit)))
        for kind in EPISODE_KINDS
    }


def runs_view(key: str, index: str, spoken: Language = ENGLISH) -> Json:
    """What the pipeline did, and how it stands."""
    states = {code: spoken.of(word) for code, word in STATES.items()}
    formats = {"connection.state": _lookup(states), "run.lag_hours": _number("0.0")}
    formats |= {field: _date() for field in MOMENTS}
    sizes = ("storage.bytes", "storage.year_bytes", "disk.bytes", "disk.year_bytes", "disk.free_bytes")
    formats |= {field: {"id": "bytes", "params": {"pattern": "0,0.[0]b"}} for field in sizes}
    labels = {field: spoken.of(label) for field, label in OPERATOR_LABELS.items()}
    return _view(f"cgm-runs-{key}", spoken.of("glucoflow runs"), index, formats, labels)


def lists(key: str, made_of: Lists, view_id: str, spoken: Language = ENGLISH) -> list[Json]:
    """Saved lists over a data view, newest first; the placeholders in them are still to be filled."""
    made = []
    name = "kibanaSavedObjectMeta.searchSourceJSON.index"
    for which, (title, query, columns) in made_of.items():
        source = {"query": {"query": query, "language": "kuery"}, "filter": [], "indexRefName": name}
        attributes = {
            "title": f"{spoken.of(title)}: {{name}}",
            "description": "",
            "columns": list(columns),
            "sort": [["@timestamp", "desc"]],
            "rowHeight": 0,
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


def _view(view_id: str, name: str, index: str, formats: Json, labels: Mapping[str, str]) -> Json:
    attributes = {
        "title": index,
        "name": name,
        "timeFieldName": "@timestamp",
        "allowNoIndex": True,
        "fields": "[]",
        "fieldAttrs": text({field: {"customLabel": label} for field, label in labels.items()}),
        "fieldFormatMap": text(formats),
        "runtimeFieldMap": "{}",
        "sourceFilters": "[]",
        "typeMeta": "{}",
    }
    return _object("index-pattern", view_id, "8.0.0", [], attributes)


def _number(pattern: str) -> Json:
    return {"id": "number", "params": {"pattern": pattern}}


def _date() -> Json:
    return {"id": "date", "params": {"pattern": CLOCK}}


def _duration(given_in: str, decimals: int = 0) -> Json:
    params: dict[str, Any] = {
        "inputFormat": given_in,
        "outputFormat": "humanizePrecise",
        "outputPrecision": decimals,
        "useShortSuffix": True,
    }
    return {"id": "duration", "params": params}


def _lookup(words: Mapping[Any, str], unknown: str = "") -> Json:
    """Names for codes. Kibana shows a code that has none as it is, unless `unknown` stands for it."""
    entries = [{"key": str(key), "value": value} for key, value in words.items()]
    return {"id": "static_lookup", "params": {"lookupEntries": entries, "unknownKeyValue": unknown}}
