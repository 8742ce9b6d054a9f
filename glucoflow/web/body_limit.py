"""How much of a request's body is taken in: counted as it comes, so that nothing larger reaches memory or disk."""

from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glucoflow.model.said import joined, said

FORM_LIMIT = 1024 * 1024
"""Bytes of a form. Starlette keeps a form of this size in memory."""
UPLOAD_LIMIT = 100 * 1024 * 1024
"""Bytes of an upload, by whoever is logged in; years of a provider's export. More goes by `glucoflow import-file`."""

Refuse = Callable[[Request, int, str, str], Awaitable[Response]]


class BodyLimit:
    """Refuses a body that says it is too large, and cuts off one that turns out to be.

    Files are taken only from whom the guard let in (`request.state.logged_in`). `refuse` makes the answer from status,
    message and remedy.
    """

    def __init__(self, app: ASGIApp, refuse: Refuse) -> None:
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        upload = headers.get("content-type", "").strip().lower().startswith("multipart/")
        if upload and not scope.get("state", {}).get("logged_in", False):
            answer = await self._refuse(Request(scope), 415, said("Files are not taken here."), said("Log in first."))
            await answer(scope, receive, send)
            return
        limit = UPLOAD_LIMIT if upload else FORM_LIMIT
        declared = headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            answer = await self._refuse(Request(scope), 413, *_words(limit, upload))
            await answer(scope, receive, send)
            return
        await self._app(scope, _counted(receive, limit, upload), send)


def _counted(receive: Receive, limit: int, upload: bool) -> Receive:
    """`receive`, which ends with a 413 once more than `limit` bytes have come."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > limit:
            raise HTTPException(413, joined(" ", _words(limit, upload)))
        return message

    return counted


def _words(limit: int, upload: bool) -> tuple[str, str]:
    size = f"{limit // 1024**2} MB"
    if upload:
        return (
            said("This file is larger than %(size)s.", size=size),
            said("Import it at the terminal, with glucoflow import-file."),
        )
    return (
        said("This form is larger than %(size)s, so it was not read.", size=size),
        said("Shorten what was entered."),
    )
