"""The choice of a language, kept in this browser."""

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import RedirectResponse, Response

from glucoflow.languages import NAMES
from glucoflow.model.said import said
from glucoflow.web.access import OurForm, local_path
from glucoflow.web.forms import Text
from glucoflow.web.pages import LANGUAGE_COOKIE, YEAR
from glucoflow.web.rights import OPEN

router = APIRouter()
PATH = "/language"


@router.post(PATH, dependencies=[OPEN, OurForm])
def choose(request: Request, language: Text, back: Text = "/") -> Response:
    """Speak this language from now on; numbers and dates follow the browser's region where it has one for it."""
    if language not in NAMES:
        raise HTTPException(404, said("This language is not spoken here."))
    response = RedirectResponse(local_path(back), 303)
    response.set_cookie(
        LANGUAGE_COOKIE, language, max_age=YEAR, httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )
    return response
