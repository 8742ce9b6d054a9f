"""The API as an app beside the pages: its errors, its headers, its description and the page that shows it."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response

from glucoflow.api.access import Access
from glucoflow.es.queries import Queries
from glucoflow.people_api import chart_routes, routes
from glucoflow.people_api.access import ByCaller
from glucoflow.service.questions import Questions
from glucoflow.web.access import Services
from glucoflow.web.json_problems import speak_json
from glucoflow.web.transport import CompressedCharts, HeadAsGet

PREFIX, DESCRIPTION, DOCS = "/api/people", "/api/openapi.json", "/api/docs"
ABOUT = """What is known of a person, as JSON, lists also as CSV (`Accept: text/csv`). It only reads.

An app of the person sends its secret (`api-secret`, `Authorization: Bearer`, or `?token=`); a browser that may see the
pages needs nothing else. Lists come in pages: ask again with `cursor` set to `next` until that is null. Answers have an
`ETag`; with `If-None-Match` an unchanged one is 304 and empty. Errors are `{error, remedy}`. Not for dosing."""


def create_people_api(services: Services, queries: Queries, access: Access) -> FastAPI:
    """The app over what the pages have, and the doors' access."""
    app = _with_routes()
    app.state.services = services
    app.state.access = access
    app.state.questions = Questions(services.store, queries, services.clock)
    app.add_middleware(CompressedCharts)
    app.add_middleware(HeadAsGet)
    speak_json(app, challenge="Bearer", docs=DOCS)

    @app.get(DOCS, include_in_schema=False)
    def docs(request: Request, caller: ByCaller) -> Response:  # noqa: ARG001
        return services.pages.render(request, "api.html", services.clock(), api=app.openapi(), description=DESCRIPTION)

    return app


def people_description() -> dict[str, Any]:
    """The description (OpenAPI), without anything behind it."""
    return _with_routes().openapi()


def _with_routes() -> FastAPI:
    app = FastAPI(
        title="glucoflow", version="1", description=ABOUT, docs_url=None, redoc_url=None, openapi_url=DESCRIPTION
    )
    app.include_router(routes.router)
    app.include_router(chart_routes.router)
    return app


def is_peoples(path: str) -> bool:
    """Whether the API answers there."""
    return path == PREFIX or path.startswith((f"{PREFIX}/", DESCRIPTION, DOCS))
