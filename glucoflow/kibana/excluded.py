"""Spans that a person excluded: filters of their dashboards, each with a name that says which span it is.

They take away readings only. What was noted, settings and alerts of that time stay in the lists; summaries and episodes
are computed without those readings in the first place.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from glucoflow.kibana.person import KibanaPerson
from glucoflow.kibana.template import Json
from glucoflow.languages import language
from glucoflow.model.glycemia import ExcludedSpan
from glucoflow.model.said import Said, Speaking, said


def without(dashboard: Json, person: KibanaPerson) -> Json:
    """The dashboard with a filter for each span that the person excluded; as it is when there are none."""
    if not person.exclusions:
        return dashboard
    attributes = dashboard["attributes"]
    source = attributes["kibanaSavedObjectMeta"]["searchSourceJSON"]
    spans = sorted(person.exclusions, key=lambda one: (one.start, one.end))
    spoken = language(person.language)
    names = [f"kibanaSavedObjectMeta.searchSourceJSON.filter[{at}].meta.index" for at in range(len(spans))]
    filters = [
        _filter(one, spoken.of(said("Excluded: %(span)s", span=words_for(one.start, one.end, person.zone))), name)
        for one, name in zip(spans, names, strict=True)
    ]
    references = [{"type": "index-pattern", "id": f"cgm-view-{person.user_id}", "name": name} for name in names]
    meta = {"searchSourceJSON": {**source, "filter": filters}}
    return {
        **dashboard,
        "references": [*dashboard["references"], *references],
        "attributes": {**attributes, "kibanaSavedObjectMeta": meta},
    }


def _filter(span: ExcludedSpan, alias: str, name: str) -> Json:
    inside = {"range": {"@timestamp": {"gte": span.start.isoformat(), "lt": span.end.isoformat()}}}
    readings = {"bool": {"filter": [{"term": {"event.dataset": "cgm.reading"}}, inside]}}
    query = {"bool": {"must_not": [readings]}}  # not `negate`, which would put NOT before the name
    meta = {
        "alias": alias,
        "disabled": False,
        "negate": False,
        "type": "custom",
        "key": "query",
        "indexRefName": name,
    }
    return {"meta": meta, "query": query, "$state": {"store": "appState"}}


def words_for(start: datetime, end: datetime, zone: str) -> Said:
    """`3 Nov 2026 08:00 – 12:00`, `3 Nov 08:00 – 5 Nov 2026 12:00`, by the wearer's clock."""
    first, last = start.astimezone(ZoneInfo(zone)), end.astimezone(ZoneInfo(zone))
    return Said(_span(first, last), lambda language: _span_in(language, first, last))


def _span_in(language: Speaking, first: datetime, last: datetime) -> str:
    if first.date() == last.date():
        day = language.day(first, year=True, weekday=False)
        return f"{day} {language.clock(first)} – {language.clock(last)}"
    end = f"{language.day(last, year=True, weekday=False)} {language.clock(last)}"
    return f"{language.day(first, weekday=False)} {language.clock(first)} – {end}"


def _span(first: datetime, last: datetime) -> str:
    if first.date() == last.date():
        return f"{_day(first)} {first:%Y %H:%M} – {last:%H:%M}"
    year = "" if first.year == last.year else f" {first.year}"
    return f"{_day(first)}{year} {first:%H:%M} – {_day(last)} {last:%Y %H:%M}"


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b}"
