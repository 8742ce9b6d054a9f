"""The server over HTTP at `/mcp`: each request carries the secret of one of the person's apps, and nothing is kept."""

import json
from contextlib import AbstractAsyncContextManager

from mcp.server.mcpserver import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from glucoflow.api.access import Access, credentials_of
from glucoflow.api.exchange import Asked, Refused
from glucoflow.mcp_server.server import WHOSE
from glucoflow.model.errors import GlucoflowError
from glucoflow.store import App

PATH = "/mcp"
DOOR = "MCP"
"""As the audit trail calls it."""


def with_mcp(pages: ASGIApp, server: MCPServer, access: Access) -> ASGIApp:
    """The pages, with the MCP server beside them, which lives as long as they do."""
    # A token is needed for everything, so no other site's script comes in by a name of this machine.
    mcp = server.streamable_http_app(
        streamable_http_path=PATH,
        stateless_http=True,
        json_response=True,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            running: AbstractAsyncContextManager[None] = server.session_manager.run()
            async with running:
                await pages(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].rstrip("/") == PATH:
            await _guarded(mcp, access, scope, receive, send)
        else:
            await pages(scope, receive, send)

    return app


async def _guarded(mcp: ASGIApp, access: Access, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        app = await run_in_threadpool(_app_of, access, scope)
    except Refused:
        await _refuse(send, 401, "Send the secret of an app of the person as `Authorization: Bearer`.")
    except GlucoflowError as error:
        await _refuse(send, 503, error.message)
    else:
        if app.may_read:
            address = (scope.get("client") or ("", 0))[0]
            await run_in_threadpool(access.trail.read, app.name, app.user_id, DOOR, address)
            await mcp({**scope, "path": PATH, WHOSE: app.user_id}, receive, send)
        else:
            await _refuse(send, 403, f"{app.name} may upload and not read.")


def _app_of(access: Access, scope: Scope) -> App:
    """The app of the header; none of an address, which ends in histories and logs."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    address = (scope.get("client") or ("", 0))[0]
    given = credentials_of(Asked(method=scope["method"], path=(), headers=headers, address=address))
    if not given:
        raise Refused(401, "Unauthorized")
    return access.app_by(given, address)


async def _refuse(send: Send, status: int, text: str) -> None:
    body = json.dumps({"error": text}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *([(b"www-authenticate", b"Bearer")] if status == 401 else []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
