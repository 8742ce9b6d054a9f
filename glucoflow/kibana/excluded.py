"""Spans that a person excluded: filters of their dashboards, each with a name that says which span it is.

They take away readings only. What was noted, settings and alerts of that time stay in the lists; summaries and episodes
are computed without those readings in the first place.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from glucoflow.kibana.person import KibanaPerson
from glucoflow.kibana.template import Json
from glucoflow.model.glycemia import ExcludedSpan


def without(dashboard: Json, person: KibanaPerson) -> Json:
    """The dashboard with a filter for each span that the person excluded; as it is when there are none."""
    if not person.exclusions:
        return dashboard
    attributes = dashboard["attributes"]
    source = attributes["kibanaSavedObjectMeta"]["searchSourceJSON"]
    spans = sorted(person.exclusions, key=lambda one: (one.start, one.end))
    names = [f"kibanaSavedObjectMeta.searchSourceJSON.filter[{at}].meta.index" for at in range(len(spans))]
    filters = [_filter(one, person.zone, name) for one, name in zip(spans, names, strict=True)]
    references = [{"type": "index-pattern", "id": f"cgm-view-{person.user_id}", "name": name} for name in names]
    meta = {"searchSourceJSON": {**source, "filter": filters}}
    return {
        **dashboard,
        "references": [*dashboard["references"], *references],
        "attributes": {**attributes, "kibanaSavedObjectMeta": meta},
    }


def _filter(span: ExcludedSpan, zone: str, name: str) -> Json:
    inside = {"range": {"@timestamp": {"gte": span.start.isoformat(), "lt": span.end.isoformat()}}}
    readings = {"bool": {"filter": [{"term": {"event.dataset": "cgm.reading"}}, inside]}}
    query = {"bool": {"must_not": [readings]}}  # not `negate`, which would put NOT before the name
    meta = {
        "alias": f"Excluded: {words_for(span.start, span.end, zone)}",
        "disabled": False,
        "negate": False,
        "type": "custom",
        "key": "query",
        "indexRefName": name,
    }
    return {"meta": meta, "query": query, "$state": {"store": "appState"}}


def words_for(start: datetime, end: datetime, zone: str) -> str:
    """`3 Nov 2026 08:00 – 12:00`, `3 Nov 08:00 – 5 Nov 2026 12:00`, by the wearer's clock."""
    first, last = start.astimezone(ZoneInfo(zone)), end.astimezone(ZoneInfo(zone))
    if first.date() == last.date():
        return f"{_day(first)} {first:%Y %H:%M} – {last:%H:%M}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{_day(first)}{year} {first:%H:%M} – {_day(last)} {last:%Y %H:%M}"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b}"
