"""Templates and what every page has in common: language, theme, unit, CSRF token, versioned static files."""

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from glucoflow.languages import NAMES, Language, by_choice
from glucoflow.model.ranges import BANDS
from glucoflow.model.said import capital, joined, said
from glucoflow.model.trends import ARROWS
from glucoflow.model.units import MG_DL, MMOL_L, Unit, glucose
from glucoflow.model.words import count, number
from glucoflow.store import Person
from glucoflow.translating import spoken_by
from glucoflow.web import pictures, wording
from glucoflow.web.dashboard_pages import DASHBOARD_PAGES
from glucoflow.web.script_texts import script_texts
from glucoflow.web.security import CSRF_COOKIE, Signer, csrf_token
from glucoflow.web.span import PRESETS

FOLDER = Path(__file__).parent
AUTO = "auto"
THEMES = {AUTO: said("Auto"), "light": said("Light"), "dark": said("Dark")}
LANGUAGE_COOKIE = "language"
YEAR = 31_536_000


class Pages:
    """Renders templates. `render` gives each page what all have in common."""

    def __init__(self, signer: Signer, version: str) -> None:
        """`version` is part of the addresses of static files (`static_version`)."""
        self._signer = signer
        self._version = version
        self._environments: dict[str, Environment] = {}

    def _environment(self, language: Language) -> Environment:
        """Templates that speak this language."""
        made = self._environments.get(language.tag)
        if made is None:
            made = self._environments[language.tag] = self._made(language)
        return made

    def _made(self, language: Language) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,  # an update beneath a running site: new templates do not go with old code
            trim_blocks=True,
            lstrip_blocks=True,
        )
        spoken_by(language, environment)
        environment.globals.update(
            static=self._version,
            language=language,
            languages=NAMES,
            themes={name: language.of(text) for name, text in THEMES.items()},
            script_texts=script_texts(language),
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
            number=number,
            glucose=glucose,
            joined=joined,
            capital=capital,
            plain=str,
        )
        return environment

    def render(self, request: Request, template: str, now: datetime, status: int = 200, **values: Any) -> HTMLResponse:
        """A page. Sets the CSRF cookie where the browser has none."""
        token = csrf_token(self._signer, request.cookies.get(CSRF_COOKIE))
        theme = request.cookies.get("theme")
        language = language_of(request)
        html = (
            self._environment(language)
            .get_template(template)
            .render(
                now=now,
                csrf=token,
                theme=theme if theme in THEMES else AUTO,
                path=request.url.path,
                here=_here(request),
                visitor=getattr(request.state, "visitor", None),
                **values,
            )
        )
        response = HTMLResponse(html, status, headers={"Cache-Control": "no-store", "Content-Language": language.tag})
        if token != request.cookies.get(CSRF_COOKIE):
            response.set_cookie(CSRF_COOKIE, token, httponly=True, samesite="lax", secure=request.url.scheme == "https")
        return response


def language_of(request: Request) -> Language:
    """The language that was chosen in this browser, else the first of those it asks for."""
    return by_choice(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))


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
