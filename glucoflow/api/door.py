"""The ASGI app: bodies read within limits, routes called in threads, every fault in the words that apps act upon.

An outage is 503, so that apps keep what they have to send; nothing that is wrong is ever answered with an empty list.
"""

import logging
import re
import zlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.concurrency import run_in_threadpool

from glucoflow.api.access import credentials_of
from glucoflow.api.exchange import FORMS, Answer, Asked, Refused, as_json
from glucoflow.api.routes import route
from glucoflow.api.site import Site
from glucoflow.model.errors import GlucoflowError, Rejected, Retryable
from glucoflow.nightscout.criteria import BadQuery
from glucoflow.nightscout.incoming import NotStorable

log = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST_BODY = 24 * 2**20
"""Bytes, as sent and inflated. A month of readings each minute has 4 MB in one body (Juggluco)."""

LARGEST_UNKNOWN = 2**20
"""Bytes from somebody who has not said yet who they are."""

OURS = re.compile(r"^/(api/v[123]|pebble)(/|$|\.)", re.IGNORECASE)
SOCKETS = "/socket.io/"
CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, PUT, POST, PATCH, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Content-Type, Authorization, Content-Length, X-Requested-With, api-secret",
    "Access-Control-Expose-Headers": "ETag, Last-Modified",
}
"""Reports run in browsers. No cookie counts here, so any site may ask what has the secret."""


def with_doors(pages: App, site: Site, sockets: App) -> App:
    """The pages, with Nightscout's addresses beside them at the host's root."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and OURS.match(scope["path"]):
            await _serve(site, scope, receive, send)
        elif scope["type"] in ("http", "websocket") and scope["path"].startswith(SOCKETS):
            await sockets(scope, receive, send)
        else:
            await pages(scope, receive, send)

    return app


async def _serve(site: Site, scope: Scope, receive: Receive, send: Send) -> None:
    version3 = scope["path"].lower().startswith("/api/v3")
    if scope["method"] == "OPTIONS":
        answer = Answer(status=204)
    else:
        try:
            asked = await _asked(scope, receive)
            answer = await run_in_threadpool(_answered, site, asked, version3)
        except Refused as refused:
            answer = _problem(refused, version3)
    await _send(send, answer, with_body=scope["method"] != "HEAD")


def _answered(site: Site, asked: Asked, version3: bool) -> Answer:
    try:
        return route(site, asked)
    except Refused as refused:
        return _problem(refused, version3)
    except (BadQuery, NotStorable) as error:
        return _problem(Refused(400, "Bad Request", str(error)), version3)
    except Rejected as error:
        return _problem(Refused(400, "Bad Request", error.message), version3)
    except GlucoflowError as error:
        log.warning("an app was not served: %s", type(error).__name__)
        later = str(round(error.retry_after)) if isinstance(error, Retryable) and error.retry_after else "60"
        problem = _problem(Refused(503, "Service Unavailable", error.message), version3)
        return Answer(status=503, body=problem.body, headers={"Retry-After": later})


def _problem(refused: Refused, version3: bool) -> Answer:
    body: dict[str, object] = {"status": refused.status, "message": refused.message}
    if version3:
        body["message"] = refused.description or refused.message
        if refused.status == 401 and refused.message == "Unauthorized":
            body["message"] = "Missing or bad access token or JWT"
    else:
        body["description"] = refused.description or refused.message
    return as_json(body, refused.status)


async def _asked(scope: Scope, receive: Receive) -> Asked:
    """Raises Refused (413) for a body beyond the limit."""
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name.decode("latin-1").lower(), value.decode("latin-1"))
    raw = scope.get("raw_path") or scope["path"].encode()
    parts = [unquote(one) for one in raw.split(b"?")[0].decode("latin-1").split("/") if one]
    form = ""
    stem, dot, end = parts[-1].rpartition(".")
    if dot and end.lower() in FORMS and not scope["path"].lower().startswith("/api/v3"):
        parts[-1], form = stem, end.lower()
    query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, errors="replace")
    asked = Asked(
        method=scope["method"],
        path=tuple(parts),
        form=form,
        query=query,
        headers=headers,
        address=(scope.get("client") or ("", 0))[0],
    )
    most = LARGEST_BODY if credentials_of(asked) else LARGEST_UNKNOWN
    body = _inflated(await _body(receive, most), headers.get("content-encoding", ""), most)
    return Asked(
        method=asked.method,
        path=asked.path,
        form=form,
        query=query,
        headers=headers,
        address=asked.address,
        body=body,
    )


async def _body(receive: Receive, most: int) -> bytes:
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(400, "Bad Request", "The body broke off")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise Refused(413, "Payload Too Large", f"A body has {most} bytes at most; send less at a time")
        more = message.get("more_body", False)
    return b"".join(parts)


def _inflated(body: bytes, encoding: str, most: int) -> bytes:
    """The body without its compression; never more of it is unpacked than allowed."""
    if not body or encoding.strip().lower() in ("", "identity"):
        return body
    if encoding.strip().lower() not in ("gzip", "x-gzip", "deflate"):
        raise Refused(415, "Unsupported Media Type", "Bodies are sent as they are, or as gzip")
    unpacking = zlib.decompressobj(wbits=47)  # gzip or zlib, as its head says
    try:
        plain = unpacking.decompress(body, most + 1)
    except zlib.error as error:
        raise Refused(400, "Bad Request", "The body's gzip cannot be read") from error
    if len(plain) > most:
        raise Refused(413, "Payload Too Large", f"A body has {most} bytes at most; send less at a time")
    if not unpacking.eof:
        raise Refused(400, "Bad Request", "The body's gzip breaks off")
    return plain


async def _send(send: Send, answer: Answer, *, with_body: bool) -> None:
    headers = {
        **CORS,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "Content-Type": answer.media_type,
        **answer.headers,
    }
    if answer.status not in (204, 304):
        headers["Content-Length"] = str(len(answer.body))
    encoded = [(name.encode("latin-1"), text.encode("latin-1")) for name, text in headers.items()]
    await send({"type": "http.response.start", "status": answer.status, "headers": encoded})
    await send({"type": "http.response.body", "body": answer.body if with_body else b""})
