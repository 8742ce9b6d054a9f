"""What lies between a server and the routes: HEAD is answered as GET would be, and what is long goes compressed."""

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEVEL = 4
"""Of nine: a few milliseconds for the largest script, and nearly as short as the slowest."""
SMALLEST = 1000
"""Bytes below which compressing is not worth it."""


class HeadAsGet:
    """Answers HEAD with the headers of GET and no body; FastAPI's routes know GET only."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, without_body)


class CompressedCharts:
    """Scripts, styles and charts are compressed. Pages are not: they hold a secret token beside what an address says,
    and the length of a compressed page tells of both (the attack is called BREACH).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._compressed = GZipMiddleware(app, minimum_size=SMALLEST, compresslevel=LEVEL)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        app = self._compressed if path.startswith("/static/") or "/charts/" in path else self._app
        await app(scope, receive, send)
