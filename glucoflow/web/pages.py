"""Templates and what every page has in common: theme, unit, CSRF token, versioned static files."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from glucoflow.model.ranges import BANDS
from glucoflow.model.trends import ARROWS
from glucoflow.model.units import MG_DL, MMOL_L, Unit, glucose
from glucoflow.model.words import count
from glucoflow.store import Person
from glucoflow.web import pictures, wording
from glucoflow.web.dashboard_pages import DASHBOARD_PAGES
from glucoflow.web.security import CSRF_COOKIE, Signer, csrf_token
from glucoflow.web.span import PRESETS

FOLDER = Path(__file__).parent
THEMES = ("light", "dark")
YEAR = 31_536_000


class Pages:
    """Renders templates. `render` gives each page what all have in common."""

    def __init__(self, signer: Signer, version: str) -> None:
        """`version` is part of the addresses of static files (`static_version`)."""
        self._signer = signer
        self._environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,  # an update beneath a running site: new templates do not go with old code
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            static=version,
            arrows=ARROWS,
            bands=BANDS,
            presets=PRESETS,
            units=(MG_DL, MMOL_L),
            dashboard_pages=DASHBOARD_PAGES,
            span=None,
            tried=None,
            words=wording,
            pictures=pictures,
            count=count,
            glucose=glucose,
        )

    def render(self, request: Request, template: str, now: datetime, status: int = 200, **values: Any) -> HTMLResponse:
        """A page. Sets the CSRF cookie where the browser has none."""
        token = csrf_token(self._signer, request.cookies.get(CSRF_COOKIE))
        theme = request.cookies.get("theme")
        html = self._environment.get_template(template).render(
            now=now,
            csrf=token,
            theme=theme if theme in THEMES else "auto",
            path=request.url.path,
            here=_here(request),
            visitor=getattr(request.state, "visitor", None),
            **values,
        )
        response = HTMLResponse(html, status, headers={"Cache-Control": "no-store"})
        if token != request.cookies.get(CSRF_COOKIE):
            response.set_cookie(CSRF_COOKIE, token, httponly=True, samesite="lax", secure=request.url.scheme == "https")
        return response


def unit_of(request: Request, person: Person) -> Unit:
    """The unit this browser chose for the person, else the person's own."""
    chosen = request.cookies.get(unit_cookie(person.id))
    for unit, code in UNIT_CODES.items():
        if chosen == code:
            return unit
    return person.unit


def unit_cookie(user_id: str) -> str:
    return f"unit_{user_id}"


UNIT_CODES: dict[Unit, str] = {MG_DL: "mgdl", MMOL_L: "mmoll"}


def static_version() -> str:
    """A short digest of the static files, for their addresses: browsers keep them until they change."""
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted((FOLDER / "static").rglob("*")):
        if path.is_file():
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")
