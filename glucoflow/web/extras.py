"""What a page shows besides charts: days, episodes, events, alerts, the history of settings. One search a page."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from glucoflow.analytics.data_sufficiency import ACTIVE_NEEDED
from glucoflow.es.answers import USUAL_INTERVAL_MS
from glucoflow.model import episode_words
from glucoflow.model.documents import EVENT_DATASETS
from glucoflow.model.goals import ShownShares, shown_shares
from glucoflow.model.localtime import DAY_MS
from glucoflow.model.ranges import BANDS, Band
from glucoflow.model.said import digits, joined, said
from glucoflow.model.target_bands import band_ranges
from glucoflow.model.targets import Targets
from glucoflow.model.units import Unit, glucose_unit
from glucoflow.service.excluding import ExcludingQueries
from glucoflow.store import Person
from glucoflow.web.dashboard_pages import DashboardPage
from glucoflow.web.metrics import READING
from glucoflow.web.settings_history import changes, settings_agg
from glucoflow.web.span import Span

MOST = 100
"""Rows of a list: what Elasticsearch gives in one top_hits."""


class DayRow(msgspec.Struct, frozen=True, kw_only=True):
    """One local date. Shares of worn time; active in percent of 24 hours. Without readings the figures are None."""

    date: str
    n: int = 0
    active: float = 0.0
    shares: ShownShares | None = None
    mean_mg_dl: float | None = None
    low_mg_dl: float | None = None
    high_mg_dl: float | None = None

    @property
    def part(self) -> bool:
        """Worn for less than 70 % of it: what it comes to is of a part of the day."""
        return self.active < ACTIVE_NEEDED


class EpisodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """One episode; its end is the first moment after it."""

    kind: str
    date: str
    start: datetime
    offset_min: int
    minutes: int
    extreme_mg_dl: float
    night: bool
    around: tuple[str, ...] = ()
    """Meals, boluses and activity within 2 hours of its start, in words."""


class NotedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One thing the person noted or a pump did, in words."""

    time: datetime
    offset_min: int
    date: str
    what: str
    amount: str


class AlertRow(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    count: int
    last: datetime


class SensorRow(msgspec.Struct, frozen=True, kw_only=True):
    """A transmitter, and when its readings begin and end in the span."""

    name: str
    n: int
    first: datetime
    last: datetime


def part_of(chosen: DashboardPage, queries: ExcludingQueries, person: Person, unit: Unit, span: Span) -> dict[str, Any]:
    """The values for the template part of a page; empty for a page of charts only."""
    known: dict[str, Callable[[ExcludingQueries, Person, Unit, Span], dict[str, Any]]] = {
        "days": _days,
        "episodes": _episodes,
        "events": _events,
        "sensor": _sensor,
    }
    make = known.get(chosen.part or "")
    return make(queries, person, unit, span) if make else {}


def _days(queries: ExcludingQueries, person: Person, _unit: Unit, span: Span) -> dict[str, Any]:
    interval = {"sum": {"field": "sample.interval_ms", "missing": USUAL_INTERVAL_MS}}
    by_day = {
        "terms": {"field": "time.date", "size": span.whole_days + 2, "order": {"_key": "desc"}},
        "aggs": {
            "stats": {"stats": {"field": "glucose.mg_dl"}},
            "worn": interval,
            "bands": {**band_ranges(person.targets), "aggs": {"worn": interval}},
        },
    }
    found = _search(queries, person, span, {"readings": {"filter": READING, "aggs": {"days": by_day}}})
    held = {b["key"]: _day(b, person.targets) for b in found.get("readings", {}).get("days", {}).get("buckets", ())}
    if not held:
        return {"days": []}
    # A day without data keeps its place.
    dates = [(span.last - timedelta(days=k)).isoformat() for k in range((span.last - span.first).days + 1)]
    return {"days": [held.get(day, DayRow(date=day)) for day in sorted({*dates, *held}, reverse=True)]}


def _day(bucket: Mapping[str, Any], targets: Targets) -> DayRow:
    worn = bucket["worn"]["value"] or 1
    held = {band: bucket["bands"]["buckets"][band]["worn"]["value"] for band in BANDS}
    total = sum(held.values())
    exact: dict[Band, float] = {band: 100 * value / total for band, value in held.items()} if total else {}
    stats = bucket["stats"]
    return DayRow(
        date=bucket["key"],
        n=bucket["doc_count"],
        active=min(100.0, 100 * worn / DAY_MS),
        shares=shown_shares(exact, targets) if exact else None,
        mean_mg_dl=stats["avg"],
        low_mg_dl=stats["min"],
        high_mg_dl=stats["max"],
    )


def _episodes(queries: ExcludingQueries, person: Person, _unit: Unit, span: Span) -> dict[str, Any]:
    of_kind = {"term": {"event.dataset": "episode"}}
    aggs = {"kinds": {"terms": {"field": "episode.kind"}}, "newest": _newest(["@timestamp", "time", "episode"])}
    found = _search(queries, person, span, {"episodes": {"filter": of_kind, "aggs": aggs}}).get("episodes", {})
    counts = {b["key"]: b["doc_count"] for b in found.get("kinds", {}).get("buckets", ())}
    rows = [_episode(hit) for hit in _hits(found)]
    return {
        "episodes": rows,
        "episode_counts": counts,
        "episode_words": episode_words.NAMES,
        "episodes_counted": episode_words.counted(counts),
    }


def _episode(source: Mapping[str, Any]) -> EpisodeRow:
    episode, time = source["episode"], source.get("time", {})
    start = _time(episode.get("start") or source["@timestamp"])
    return EpisodeRow(
        kind=episode["kind"],
        date=time.get("date") or f"{start:%Y-%m-%d}",
        start=start,
        offset_min=time.get("utc_offset_min", 0),
        minutes=round(episode["minutes"]),
        extreme_mg_dl=episode["extreme_mg_dl"],
        night=bool(episode.get("night")),
        around=tuple(_near(one) for one in episode.get("around", ())),
    )


_NEAR = {
    "meal": (said("meal"), said("meal %(n)s g", n="")),
    "bolus": (said("bolus"), said("bolus %(n)s U", n="")),
    "exercise": (said("exercise"), said("exercise %(n)s min", n="")),
}
"""What is near an episode, without and with its amount; the second is for the catalogues."""


def _near(event: Mapping[str, Any]) -> str:
    """`meal 45 g, 60 min before`"""
    minutes, kind, amount = round(event["minutes"]), event["kind"], event.get("amount")
    units = {"meal": "g", "bolus": "U", "exercise": "min"}
    what: str = _NEAR[kind][0] if kind in _NEAR else kind
    if amount and kind in units:
        what = said(f"{kind} %(n)s {units[kind]}", n=digits(f"{amount:g}"))
    if minutes < 0:
        return said("%(what)s, %(n)s min before", what=what, n=abs(minutes))
    return said("%(what)s, %(n)s min after", what=what, n=minutes)


INTENSITY = {"light": said("light"), "medium": said("medium"), "heavy": said("heavy")}
HEALTH = {
    "illness": said("illness"),
    "stress": said("stress"),
    "highSymptoms": said("high symptoms"),
    "lowSymptoms": said("low symptoms"),
    "cycle": said("cycle"),
    "alcohol": said("alcohol"),
}


def _events(queries: ExcludingQueries, person: Person, unit: Unit, span: Span) -> dict[str, Any]:
    fields = ["@timestamp", "time", "event.dataset", "insulin", "food", "exercise", "health", "note", "glucose.mg_dl"]
    of_kind = {"terms": {"event.dataset": list(EVENT_DATASETS)}}
    found = _search(queries, person, span, {"events": {"filter": of_kind, "aggs": {"newest": _newest(fields)}}})
    events = found.get("events", {})
    return {"events": [_event(hit, unit) for hit in _hits(events)], "event_count": events.get("doc_count", 0)}


def _event(source: Mapping[str, Any], unit: Unit) -> NotedRow:
    what, amount = _described(source, unit)
    time = source["time"]
    return NotedRow(
        time=_time(source["@timestamp"]), offset_min=time["utc_offset_min"], date=time["date"], what=what, amount=amount
    )


def _described(source: Mapping[str, Any], unit: Unit) -> tuple[str, str]:
    match source["event"]["dataset"]:
        case "food":
            grams = source.get("food", {}).get("carbs_g")
            return said("Meal"), "" if grams is None else said("%(n)s g carbohydrate", n=digits(f"{grams:g}"))
        case "insulin.bolus" | "insulin.basal" as dataset:
            return _insulin(dataset, source.get("insulin", {}))
        case "exercise":
            own = source.get("exercise", {})
            minutes = digits(f"{own['duration_ms'] / 60_000:.0f} min") if own.get("duration_ms") else ""
            return said("Activity"), joined(", ", filter(None, (INTENSITY.get(own.get("intensity", ""), ""), minutes)))
        case "health":
            return said("Health"), HEALTH.get(source["health"]["kind"], source["health"]["kind"])
        case "glucose.fingerstick":
            return said("Finger stick"), glucose_unit(source["glucose"]["mg_dl"], unit)
    return said("Note"), source.get("note", {}).get("text", "")


def _insulin(dataset: str, insulin: Mapping[str, Any]) -> tuple[str, str]:
    if insulin.get("rate") is not None:
        return said("Basal rate"), said("%(n)s U/h", n=digits(f"{insulin['rate']:g}"))
    units = insulin.get("amount")
    if units is None:
        units = (insulin.get("normal") or 0) + (insulin.get("extended") or 0)
    long = dataset == "insulin.basal" or insulin.get("action") == "long"
    return said("Basal insulin") if long else said("Bolus"), said("%(n)s U", n=digits(f"{units:g}"))


def _sensor(queries: ExcludingQueries, person: Person, unit: Unit, span: Span) -> dict[str, Any]:
    last = {"max": {"field": "@timestamp"}}
    alerts = {"terms": {"field": "alert.name", "size": 30}, "aggs": {"last": last}}
    sensors = {
        "terms": {"field": "device.transmitter_id", "size": 30},
        "aggs": {"first": {"min": {"field": "@timestamp"}}, "last": last},
    }
    found = _search(
        queries, person, span, {"alerts": alerts, "readings": {"filter": READING, "aggs": {"sensors": sensors}}}
    )
    history = queries.aggregate(person.id, settings_agg(span.end)).get("aggregations", {}).get("settings", {})
    return {
        "alerts": [
            AlertRow(name=b["key"], count=b["doc_count"], last=_ms_time(b["last"])) for b in _buckets(found, "alerts")
        ],
        "sensors": _sensors(found.get("readings", {})),
        # Whatever the span: the settings in force are often older than it.
        "settings": list(reversed(changes(_hits(history), unit))),
    }


def _sensors(found: Mapping[str, Any]) -> list[SensorRow]:
    rows = [
        SensorRow(name=b["key"], n=b["doc_count"], first=_ms_time(b["first"]), last=_ms_time(b["last"]))
        for b in _buckets(found, "sensors")
    ]
    return sorted(rows, key=lambda row: row.last, reverse=True)


def _search(queries: ExcludingQueries, person: Person, span: Span, aggs: dict[str, Any]) -> Mapping[str, Any]:
    limits = {"range": {"@timestamp": {"gte": span.start.isoformat(), "lt": span.end.isoformat()}}}
    body = {"size": 0, "query": {"bool": {"filter": [limits]}}, "aggs": aggs}
    found: Mapping[str, Any] = queries.aggregate(person.id, body).get("aggregations", {})
    return found


def _newest(fields: Sequence[str]) -> dict[str, Any]:
    return {"top_hits": {"size": MOST, "sort": [{"@timestamp": "desc"}], "_source": list(fields)}}


def _hits(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [hit["_source"] for hit in found.get("newest", {}).get("hits", {}).get("hits", ())]


def _buckets(found: Mapping[str, Any], name: str) -> Sequence[Mapping[str, Any]]:
    buckets: Sequence[Mapping[str, Any]] = found.get(name, {}).get("buckets", ())
    return buckets


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _ms_time(aggregate: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(aggregate["value"] / 1000, UTC)
