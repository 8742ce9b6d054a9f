"""Protocols: days on which a person kept a habit, and glucose on days with and without it."""

from datetime import date, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, File, Form, HTTPException, Request, UploadFile
from fastapi.responses import RedirectResponse, Response

from glucoflow.model.said import said
from glucoflow.service.annotations import ImportedDays
from glucoflow.store import Person
from glucoflow.web import sufficiency
from glucoflow.web.access import InPerson, InServices, OurForm, Services
from glucoflow.web.forms import Text
from glucoflow.web.pages import unit_of
from glucoflow.web.rights import CHANGE, READ

router = APIRouter()
LONGEST_DAYS = 366
LARGEST_FILE = 1_000_000


@router.get("/people/{user_id}/protocols", dependencies=[READ])
def protocols(request: Request, services: InServices, person: InPerson) -> Response:
    return _page(request, services, person)


@router.post("/people/{user_id}/protocols", dependencies=[CHANGE, OurForm])
def record(
    services: InServices,
    person: InPerson,
    name: Annotated[str, Form(max_length=200)],
    kept: Annotated[bool, Form()],
    first: Annotated[date, Form()],
    last: Annotated[date | None, Form()] = None,
) -> Response:
    """The days first to last, both included, as kept or not."""
    length = ((last or first) - first).days + 1
    if not 1 <= length <= LONGEST_DAYS:
        raise HTTPException(
            400,
            said(
                "%(first)s to %(last)s is no span of 1 to %(most)s days. Swap or shorten it.",
                first=first,
                last=last,
                most=LONGEST_DAYS,
            ),
        )
    days = {first + timedelta(days=i): kept for i in range(length)}
    services.annotations.record(person.id, name, days, services.clock())
    return _back(person)


@router.post("/people/{user_id}/protocols/import", dependencies=[CHANGE, OurForm])
def import_days(
    request: Request,
    services: InServices,
    person: InPerson,
    name: Annotated[str, Form(max_length=200)],
    file: Annotated[UploadFile, File()],
) -> Response:
    """Days of a CSV. The page says how many came in, and which rows could not be read."""
    raw = file.file.read(LARGEST_FILE + 1)
    if len(raw) > LARGEST_FILE:
        raise HTTPException(413, said("This file is larger than 1 MB. Cut it into parts."))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise HTTPException(
            400, said("This file is not text in UTF-8. Save it as CSV (UTF-8) and try again.")
        ) from None
    return _page(request, services, person, services.annotations.record_csv(person.id, name, text, services.clock()))


@router.post("/people/{user_id}/protocols/forget", dependencies=[CHANGE, OurForm])
def forget(services: InServices, person: InPerson, name: Text) -> Response:
    if not services.annotations.forget(person.id, name):
        raise HTTPException(404, said("This protocol is not there any more."))
    return _back(person)


def _page(request: Request, services: Services, person: Person, imported: ImportedDays | None = None) -> Response:
    now, unit = services.clock(), unit_of(request, person)
    known = services.annotations.protocols(person.id)
    compared = {one.name: services.annotations.adherence(person.id, one.name, unit) for one in known}
    return services.pages.render(
        request,
        "protocols.html",
        now,
        person=person,
        unit=unit,
        current="protocols",
        protocols=known,
        compared=compared,
        imported=imported,
        measure_rows=sufficiency.measure_rows,
        today=now.astimezone(ZoneInfo(person.zone)).date(),
    )


def _back(person: Person) -> Response:
    return RedirectResponse(f"/people/{person.id}/protocols", 303)
