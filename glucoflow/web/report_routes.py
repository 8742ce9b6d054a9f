"""The page that a clinic asks for, as PDF: of the days that the person's page shows."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response

from glucoflow.report.pdf import Paper, pdf_of
from glucoflow.web.access import InPerson, InServices
from glucoflow.web.pages import language_of, unit_of
from glucoflow.web.rights import READ
from glucoflow.web.span import BadSpan, read_span

router = APIRouter()


@router.get("/people/{user_id}/report.pdf", dependencies=[READ])
def report(
    request: Request,
    services: InServices,
    person: InPerson,
    paper: Paper = "A4",
    days: Annotated[bool, Query(description="A second page: days one under another.")] = False,
) -> Response:
    """In the language of the pages, of `from` … `to`; without them of the 14 days that end with the newest full one."""
    now, query = services.clock(), request.query_params
    first = last = None
    if query.get("from") or query.get("to"):
        try:
            span = read_span(query, person.zone, now, "14d")
        except BadSpan as error:
            raise HTTPException(400, error.text) from error
        first, last = span.first, span.last
    unit = unit_of(request, person)
    page = services.annotations.clinic_page(
        person.id, now, first=first, last=last, unit=unit, large=days, language=language_of(request)
    )
    headers = {
        "Content-Disposition": f'inline; filename="glucose-report-{person.id}.pdf"',
        "Cache-Control": "no-store",
    }
    return Response(pdf_of([page], paper), media_type="application/pdf", headers=headers)
