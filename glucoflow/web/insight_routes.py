"""A person's insights: what changed, what is off its goal, what comes back, each with what stands behind it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from glucoflow.service.insights import SPANS
from glucoflow.web import sufficiency
from glucoflow.web.access import InPerson, InServices
from glucoflow.web.pages import unit_of
from glucoflow.web.rights import READ

router = APIRouter()


@router.get("/people/{user_id}/insights", dependencies=[READ])
def insights(
    request: Request, services: InServices, person: InPerson, days: Annotated[int, Query(ge=1, le=366)] = 14
) -> Response:
    """For the last full local days; another number of days than those offered is taken as the nearest."""
    now, unit = services.clock(), unit_of(request, person)
    chosen = min(SPANS, key=lambda span: abs(span - days))
    found = services.annotations.insights(person.id, chosen, unit, now)
    said = {one.kind for one in found.insights}
    rows = sufficiency.metric_rows(found.period, found.before, unit, found.targets) if found.period else []
    return services.pages.render(
        request,
        "insights.html",
        now,
        person=person,
        unit=unit,
        current="insights",
        found=found,
        rows=rows,
        spans=SPANS,
        chosen=chosen,
        sufficiency=sufficiency,
        more=[one for one in found.patterns if one.kind not in said],
    )
