"""The web app put together from what it is given: the store, the index, and what the product does."""

import logging
import mimetypes
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from glucoflow.es.queries import Queries
from glucoflow.files import packaged
from glucoflow.model.errors import GlucoflowError, Reauthorize, Rejected, Retryable
from glucoflow.model.said import said
from glucoflow.service.annotations import Annotations
from glucoflow.service.connect import SiteConnect
from glucoflow.service.excluding import ExcludingQueries
from glucoflow.service.logging_in import LoggingIn
from glucoflow.service.mail import Mail
from glucoflow.service.notices.desk import Desk
from glucoflow.service.openid import OpenId
from glucoflow.service.passwords import Passwords
from glucoflow.service.program_trail import ProgramTrail
from glucoflow.service.rotation import Rotation
from glucoflow.service.uploads import Uploads
from glucoflow.service.watching import Watch
from glucoflow.store import Store
from glucoflow.web import (
    account_routes,
    accounts_routes,
    app_routes,
    connect_routes,
    insight_routes,
    invite_routes,
    key_routes,
    language_routes,
    login_routes,
    notice_routes,
    oauth_routes,
    passkey_routes,
    person_routes,
    protocol_routes,
    report_routes,
    settings_routes,
    share_routes,
    sign_on_routes,
    upload_routes,
    watch_routes,
)
from glucoflow.web.access import Services, WebOptions, services_of, visitor_here
from glucoflow.web.audit_trail import is_told, keep
from glucoflow.web.body_limit import BodyLimit
from glucoflow.web.browser_bond import BrowserBond
from glucoflow.web.charts import load_charts
from glucoflow.web.pages import FOLDER, YEAR, Pages, language_of, static_version
from glucoflow.web.rights import METRICS, is_monitor
from glucoflow.web.security import HEADERS, Signer, host_ok, same_origin
from glucoflow.web.transport import CompressedCharts, HeadAsGet
from glucoflow.web.watch_routes import PROBES

log = logging.getLogger(__name__)
MANIFEST = "application/manifest+json"

OPEN_PATHS = (
    "/static/",
    "/login",
    language_routes.PATH,
    *PROBES,
    "/invite/",
    "/share/",
    "/receipt/",
    notice_routes.LINK,
)
"""What is seen before somebody logs in: the routes of `rights.OPEN`."""


ROUTES = (
    *(login_routes, sign_on_routes, passkey_routes, watch_routes, language_routes),
    *(account_routes, accounts_routes, key_routes, invite_routes, oauth_routes, connect_routes),
    *(insight_routes, protocol_routes, report_routes, settings_routes),
    *(app_routes, upload_routes, share_routes, notice_routes, person_routes),
)
"""The pages of a person come last: theirs is any name that no other route has."""


def create_app(
    store: Store,
    queries: Queries,
    connect: SiteConnect,
    annotations: Annotations,
    options: WebOptions,
    clock: Callable[[], datetime],
    uploads: Uploads | None = None,
    passwords: Passwords | None = None,
    mail: Mail | None = None,
    archive: Callable[[str, Path], int] | None = None,
    notices: Desk | None = None,
    request_guests: Callable[[], None] | None = None,
    watch: Watch | None = None,
) -> FastAPI:
    """The app, over the charts that come with glucoflow. `clock` gives the aware present. Raises Misconfigured.

    Without `uploads` no files are taken; without `mail` invitations are only shown, without `archive` none is made,
    without `notices` nobody is told anything, and without `request_guests` there is no Kibana.
    """
    signer, hashing = Signer(options.secret), passwords or Passwords()
    app = FastAPI(title="glucoflow", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.services = Services(
        store=store,
        queries=ExcludingQueries(queries, store),
        connect=connect,
        annotations=annotations,
        charts=load_charts(chart_folder()),
        options=options,
        signer=signer,
        bond=BrowserBond(options.secret),
        pages=Pages(signer, static_version()),
        clock=clock,
        passwords=hashing,
        sign_on=OpenId(options.sign_on) if options.sign_on else None,
        sign_on_bond=sign_on_routes.bond_of(options.secret),
        challenges=passkey_routes.challenges_of(options.secret),
        logging_in=LoggingIn(store, hashing, options.password, lambda one: signer.fingerprint("session", one)),
        mail=mail,
        archive=archive,
        uploads=uploads,
        notices=notices,
        programs=ProgramTrail(store, clock),
        rotation=Rotation(store, clock),
        request_guests=request_guests,
        watch=watch,
    )
    app.add_middleware(BodyLimit, refuse=_refused_body)  # inside the guard, which says who is logged in
    app.middleware("http")(_guard)
    app.add_middleware(CompressedCharts)
    app.add_middleware(HeadAsGet)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(GlucoflowError, _our_error)
    mimetypes.add_type(MANIFEST, ".webmanifest")  # not in every system's list
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")
    for routes in ROUTES:
        app.include_router(routes.router)
    return app


def chart_folder() -> Path:
    """Where the specifications are."""
    return packaged("kibana") / "vega"


async def _guard(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
    """Every request: our host name, our own forms, somebody who was let in; every answer: our headers."""
    services = services_of(request)
    path = request.url.path
    # A health check knows this machine by a name of its own, and what it is told helps nobody; a monitor has a token.
    monitor = path == METRICS and is_monitor(request)
    if not (path in PROBES or monitor or host_ok(request.headers.get("host"), services.options.allowed_hosts)):
        return _refusal(421, "This name is not one of this site's. Add it to WEB_ALLOWED_HOSTS, or use localhost.")
    if request.method not in {"GET", "HEAD"} and not same_origin(request.headers):
        return _refusal(403, "This form was sent from another site, so nothing was done.")
    open_to_it = path.startswith(OPEN_PATHS)
    request.state.visitor = None
    if not path.startswith("/static/") and path not in PROBES:
        try:
            request.state.visitor = await run_in_threadpool(visitor_here, request)
        except GlucoflowError as error:  # the store is away: nobody is let in
            return _secured(await _our_error(request, error))
    request.state.logged_in = request.state.visitor is not None and not open_to_it
    if not (open_to_it or monitor or request.state.logged_in):
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            return _secured(RedirectResponse(f"/login?next={_local(request)}", 303))
        return _refusal(401, "Log in first: open this site's front page.")
    answer = await proceed(request)
    if request.state.visitor is not None and is_told(request, answer.status_code):
        await run_in_threadpool(keep, request)
    return _secured(answer, cached=path.startswith("/static/"))


def _local(request: Request) -> str:
    """Where to go after the login; a callback's code and state stay out of the address of another page."""
    return "/" if request.url.path.startswith("/oauth/") else request.url.path


def _secured(response: Response, *, cached: bool = False) -> Response:
    response.headers.update(HEADERS)
    if cached and response.status_code == 200:
        response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    return response


def _refusal(status: int, text: str) -> Response:
    return _secured(Response(text, status, media_type="text/plain"))


def _wants_json(request: Request) -> bool:
    return "text/html" not in request.headers.get("accept", "text/html") and request.method == "GET"


def _problem(request: Request, status: int, title: str, message: str, remedy: str = "") -> Response:
    if _wants_json(request):
        language = language_of(request)
        return JSONResponse({"error": language.of(message), "remedy": language.of(remedy)}, status)
    services = services_of(request)
    return services.pages.render(
        request, "problem.html", services.clock(), status, title=title, message=message, remedy=remedy
    )


async def _refused_body(request: Request, status: int, message: str, remedy: str) -> Response:
    return _problem(request, status, said("Not taken"), message, remedy)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    if error.status_code == 404:
        message = error.detail if error.detail != "Not Found" else said("There is no page at this address.")
        return _problem(request, 404, said("Not found"), message, said("Go to the front page and choose from there."))
    return _problem(request, error.status_code, said("That did not work"), error.detail)


async def _bad_request(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    names = ", ".join(str(e["loc"][-1]) for e in error.errors())
    return _problem(
        request,
        422,
        said("Something is missing"),
        said("The form or address lacks a usable value for: %(names)s.", names=names),
    )


async def _our_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, GlucoflowError)  # noqa: S101 - registered for it
    log.warning("%s %s: %s", request.method, request.scope.get("route", request.url.path), type(error).__name__)
    if isinstance(error, Retryable):
        return _problem(
            request, 503, said("Not available just now"), error.message, error.remedy or said("Try again in a minute.")
        )
    if isinstance(error, (Reauthorize, Rejected)):
        return _problem(request, 400, said("That did not work"), error.message, error.remedy)
    return _problem(request, 503, said("Something needs attention"), error.message, error.remedy)
