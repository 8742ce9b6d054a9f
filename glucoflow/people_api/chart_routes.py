"""Charts as JSON, filled with their data, and the pulse by which a page notices a sync."""

from typing import Any

import msgspec
from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import Response

from glucoflow.model.said import said
from glucoflow.people_api.access import InPerson
from glucoflow.people_api.forms import tagged
from glucoflow.store import Person
from glucoflow.web.access import InServices, Services
from glucoflow.web.charts import View, filled, meta_for
from glucoflow.web.excluded_spans import shaded
from glucoflow.web.pages import language_of, unit_of
from glucoflow.web.span import BadSpan, read_span

router = APIRouter(prefix="/api/people", include_in_schema=False)


@router.get("/{user_id}/charts/{name}")
def chart(request: Request, services: InServices, person: InPerson, name: str) -> Response:
    """One chart of a person over the span of the address: specification with data, title, table columns."""
    spec = services.charts.get(name)
    if spec is None:
        raise HTTPException(404, said("There is no chart called “%(name)s”.", name=name[:40]))
    try:
        span = read_span(request.query_params, person.zone, services.clock(), spec.meta.window)
    except BadSpan as error:
        raise HTTPException(400, error.text) from error
    view = View(
        start=span.start,
        end=span.end,
        unit=unit_of(request, person),
        targets=person.targets,
        days=span.whole_days,
        language=language_of(request),
    )
    drawn = filled(spec, view, lambda body: services.queries.aggregate(person.id, body))
    drawn = shaded(name, drawn, services.store.exclusions.list(person.id), view, person.zone)
    return _answer(request, {"spec": drawn, "meta": meta_for(spec.meta, view)})


@router.get("/{user_id}/pulse")
def pulse(request: Request, services: InServices, person: InPerson) -> Response:
    """A few bytes whose ETag changes when the person's documents or connections do."""
    return _answer(request, _pulse(services, person))


def _pulse(services: Services, person: Person) -> dict[str, Any]:
    body = {
        "size": 0,
        "track_total_hits": True,
        "aggs": {"ingested": {"max": {"field": "event.ingested"}}, "newest": {"max": {"field": "@timestamp"}}},
    }
    answer = services.queries.aggregate(person.id, body)
    aggs = answer.get("aggregations", {})
    connections = services.store.connections.for_user(person.id)
    return {
        "documents": answer.get("hits", {}).get("total", {}).get("value", 0),
        "newest": aggs.get("newest", {}).get("value_as_string"),
        "ingested": aggs.get("ingested", {}).get("value_as_string"),
        "states": [c.state for c in connections],
        "backfills": [(b.state, round(100 * b.progress)) for b in services.store.backfills.open(person.id)],
        "runs": [
            (run.flow, run.state, round(100 * run.progress))
            for run in services.store.runs.list(user_id=person.id, limit=1)
        ],
    }


def _answer(request: Request, value: Any) -> Response:
    return tagged(request, msgspec.json.encode(value), "application/json", vary="Cookie, Accept-Language")
