"""Files on a person's page: uploaded, looked at with what would be read, and only then brought in."""

from typing import Annotated, Literal

from fastapi import APIRouter, File, Form, HTTPException, Query, Request, UploadFile
from fastapi.responses import RedirectResponse, Response
from starlette.datastructures import QueryParams

from glucoflow.file_reading.choices import Choices, ColumnNames
from glucoflow.file_reading.format import FileFormat, installed_formats
from glucoflow.model.said import said
from glucoflow.model.units import Unit
from glucoflow.service.uploads import Chosen, Uploads
from glucoflow.store import Person
from glucoflow.web.access import InPerson, InServices, OurForm, Services
from glucoflow.web.forms import Text
from glucoflow.web.pages import unit_of
from glucoflow.web.rights import CHANGE

router = APIRouter()

MOST_FILES = 20
SHOWN_RUNS = 8
Dates = Literal["", "day", "month"]


def chosen_of(zone: str, dates: Dates, unit: Unit | Literal[""], time: str, glucose: str, who: str) -> Chosen:
    """What a form says about a file; what is left empty the file has to say."""
    columns = ColumnNames(time=time.strip(), glucose=glucose.strip()) if time.strip() and glucose.strip() else None
    choices = Choices(
        zone=zone.strip() or None,
        day_first={"day": True, "month": False}.get(dates),
        unit=unit or None,
        columns=columns,
    )
    return Chosen(choices=choices, who=who.strip() or None)


@router.get("/people/{user_id}/files", dependencies=[CHANGE])
def files(
    request: Request,
    services: InServices,
    person: InPerson,
    token: Annotated[list[str], Query(max_length=MOST_FILES)] = [],  # noqa: B006 – FastAPI makes a new one
) -> Response:
    """The page: what was uploaded and is not yet brought in, and how the last imports went."""
    uploads = _uploads(services)
    runs = [run for run in services.store.runs.list(user_id=person.id, limit=60) if run.flow == "import-file"]
    return services.pages.render(
        request,
        "files.html",
        services.clock(),
        person=person,
        unit=unit_of(request, person),
        current="files",
        looked=[uploads.look(person.id, one) for one in token],
        tokens=token,
        formats=[one.title for one in installed_formats() if isinstance(one, FileFormat)],
        runs=runs[:SHOWN_RUNS],
    )


@router.post("/people/{user_id}/files", dependencies=[CHANGE, OurForm])
def upload(
    services: InServices, person: InPerson, files: Annotated[list[UploadFile], File(max_length=MOST_FILES)]
) -> Response:
    """Keep the files aside and show what is in them. Nothing is written to the index."""
    named = [(one.filename, one.file) for one in files if one.filename]
    if not named:
        raise HTTPException(400, said("No file was chosen."))
    tokens = _uploads(services).keep(person.id, named)
    return _page(person, [("token", token) for token in tokens])


@router.post("/people/{user_id}/files/{token}/choose", dependencies=[CHANGE, OurForm])
def choose(
    services: InServices,
    person: InPerson,
    token: str,
    zone: Text = "",
    dates: Annotated[Dates, Form()] = "",
    unit: Annotated[Unit | Literal[""], Form()] = "",
    time: Text = "",
    glucose: Text = "",
    who: Text = "",
    others: Annotated[list[str], Form(max_length=MOST_FILES)] = [],  # noqa: B006
) -> Response:
    """Keep what is said about a file, and look into it again. Nothing is written to the index."""
    _uploads(services).choose(person.id, token, chosen_of(zone, dates, unit, time, glucose, who))
    return _page(person, [("token", one) for one in others])


@router.post("/people/{user_id}/files/import", dependencies=[CHANGE, OurForm])
def bring(
    services: InServices,
    person: InPerson,
    token: Annotated[list[str], Form(max_length=MOST_FILES)],
    anyway: Annotated[bool, Form()] = False,
    others: Annotated[list[str], Form(max_length=MOST_FILES)] = [],  # noqa: B006
) -> Response:
    """Bring files in, in the background; the page shows how far each is."""
    for one in token:
        _uploads(services).bring(person.id, one, anyway)
    return _page(person, [("token", one) for one in others if one not in token])


@router.post("/people/{user_id}/files/{token}/forget", dependencies=[CHANGE, OurForm])
def forget(services: InServices, person: InPerson, token: str, others: Annotated[list[str], Form()] = []) -> Response:  # noqa: B006
    _uploads(services).forget(person.id, token)
    return _page(person, [("token", one) for one in others if one != token])


def _page(person: Person, query: list[tuple[str, str]]) -> Response:
    asked = f"?{QueryParams(query)}" if query else ""
    return RedirectResponse(f"/people/{person.id}/files{asked}", 303)


def _uploads(services: Services) -> Uploads:
    if services.uploads is None:
        raise HTTPException(404, said("Files are not taken here."))
    return services.uploads
