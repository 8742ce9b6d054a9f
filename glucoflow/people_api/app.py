"""The API as an app beside the pages: its errors, its headers, its description and the page that shows it."""

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from glucoflow.api.access import Access
from glucoflow.es.queries import Queries
from glucoflow.model.errors import GlucoflowError, Rejected
from glucoflow.people_api import routes
from glucoflow.people_api.access import ByCaller, person_of
from glucoflow.service.questions import Questions
from glucoflow.web import access as web_access
from glucoflow.web import chart_routes, rights
from glucoflow.web.access import Services
from glucoflow.web.security import HEADERS
from glucoflow.web.transport import CompressedCharts, HeadAsGet

log = logging.getLogger(__name__)

PREFIX, DESCRIPTION, DOCS = "/api/people", "/api/openapi.json", "/api/docs"
ABOUT = """What is known of a person, as JSON, lists also as CSV (`Accept: text/csv`). It only reads.

An app of the person sends its secret (`api-secret`, `Authorization: Bearer`, or `?token=`); a browser that may see the
pages needs nothing else. Lists come in pages: ask again with `cursor` set to `next` until that is null. Answers have an
`ETag`; with `If-None-Match` an unchanged one is 304 and empty. Errors are `{error, remedy}`. Not for dosing."""


def create_people_api(services: Services, queries: Queries, access: Access) -> FastAPI:
    """The app over what the pages have, and the doors' access."""
    app = FastAPI(
        title="glucoflow", version="1", description=ABOUT, docs_url=None, redoc_url=None, openapi_url=DESCRIPTION
    )
    app.state.services = services
    app.state.access = access
    app.state.questions = Questions(services.store, queries, services.clock)
    app.include_router(routes.router)
    app.include_router(chart_routes.router, prefix="/api", include_in_schema=False)
    app.dependency_overrides[web_access.person_of] = person_of  # charts are for whoever may see the person
    app.dependency_overrides[rights.CHECKS[rights.Right.READ]] = lambda: None  # `person_of` asks for it
    app.add_exception_handler(HTTPException, _problem)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(GlucoflowError, _our_error)
    app.add_middleware(CompressedCharts)
    app.add_middleware(HeadAsGet)

    @app.middleware("http")
    async def headers(request: Request, proceed):  # type: ignore[no-untyped-def]
        response = await proceed(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    @app.get(DOCS, include_in_schema=False)
    def docs(request: Request, caller: ByCaller) -> Response:  # noqa: ARG001
        return services.pages.render(request, "api.html", services.clock(), api=app.openapi(), description=DESCRIPTION)

    return app


def with_people_api(pages: ASGIApp, api: ASGIApp) -> ASGIApp:
    """The pages, with the API beside them."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        ours = scope["type"] == "http" and (path == PREFIX or path.startswith((f"{PREFIX}/", DESCRIPTION, DOCS)))
        await (api if ours else pages)(scope, receive, send)

    return app


async def _problem(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    headers = {"WWW-Authenticate": "Bearer"} if error.status_code == 401 else {}
    return _words(error.status_code, error.detail, headers=headers)


async def _bad_request(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    found = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
    return _words(422, found, "The description is at /api/docs.")


async def _our_error(request: Request, error: Exception) -> Response:  # noqa: ARG001
    assert isinstance(error, GlucoflowError)  # noqa: S101 - registered for it
    log.warning("a question was not answered: %s", type(error).__name__)
    status = 400 if isinstance(error, Rejected) else 503
    return _words(status, error.message, error.remedy or "", {"Retry-After": "60"} if status == 503 else {})


def _words(status: int, error: str, remedy: str = "", headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(
        {"error": error, "remedy": remedy}, status, headers={"Cache-Control": "no-store", **(headers or {})}
    )
