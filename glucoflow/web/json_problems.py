"""What the doors for programs share: errors as JSON in words, and the headers of the pages."""

import logging
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from glucoflow.model.errors import GlucoflowError, Rejected
from glucoflow.web.security import HEADERS

log = logging.getLogger(__name__)


def speak_json(app: FastAPI, *, challenge: str, docs: str) -> None:
    """Give `app` these errors and headers. `challenge` goes with 401, `docs` is where its description stands."""

    async def problem(request: Request, error: Exception) -> Response:  # noqa: ARG001
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
        headers = dict(error.headers or {})
        if error.status_code == 401:
            headers["WWW-Authenticate"] = challenge
        return _words(error.status_code, error.detail, headers=headers)

    async def bad_request(request: Request, error: Exception) -> Response:  # noqa: ARG001
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
        found = "; ".join(f"{one['loc'][-1]}: {one['msg']}" for one in error.errors())
        return _words(422, found, f"The description is at {docs}.")

    app.add_exception_handler(HTTPException, problem)
    app.add_exception_handler(RequestValidationError, bad_request)
    app.add_exception_handler(GlucoflowError, _our_error)
    app.middleware("http")(_with_headers)


async def _with_headers(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
    response = await proceed(request)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


async def _our_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, GlucoflowError)  # noqa: S101 - registered for it
    log.warning("%s was not answered: %s", request.app.title, type(error).__name__)
    status = 400 if isinstance(error, Rejected) else 503
    return _words(status, error.message, error.remedy or "", {"Retry-After": "60"} if status == 503 else {})


def _words(status: int, error: str, remedy: str = "", headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"error": error, "remedy": remedy}, status, {"Cache-Control": "no-store", **(headers or {})})
