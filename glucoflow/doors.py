"""Everything that one address answers: the pages, Nightscout's API, the JSON API, the MCP server, the partner API."""

from collections.abc import Callable
from datetime import datetime

import msgspec
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from glucoflow.api.door import App, with_doors
from glucoflow.api.site import Site
from glucoflow.api.sockets import Sockets
from glucoflow.es.queries import Queries
from glucoflow.mcp_server.over_http import with_mcp
from glucoflow.mcp_server.server import make_server
from glucoflow.partner_api.app import create_partner_api, is_partners
from glucoflow.partner_api.limits import Limits
from glucoflow.people_api.app import create_people_api, is_peoples
from glucoflow.service.questions import Questions


def whole_site(pages: FastAPI, apps: Site, queries: Queries, limits: Limits = Limits()) -> App:
    """The pages with all doors beside them."""
    people = create_people_api(pages.state.services, queries, apps.access)
    mcp = make_server(Questions(apps.store, queries, apps.clock), apps.clock)
    partners = create_partner_api(pages.state.services, queries, limits)
    inner = _beside(_beside(pages, people, is_peoples), partners, is_partners)
    sockets = Sockets(apps)

    def on_written(user_id: str, start: datetime, end: datetime) -> None:
        apps.on_written(user_id, start, end)
        sockets.on_written(user_id, start, end)

    site = msgspec.structs.replace(apps, on_written=on_written)
    return with_doors(with_mcp(inner, mcp, apps.access), site, sockets.app)


def _beside(pages: ASGIApp, api: ASGIApp, is_its: Callable[[str], bool]) -> ASGIApp:
    """The pages, with an API beside them at the paths that are its own."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        its = scope["type"] == "http" and is_its(scope.get("path", ""))
        await (api if its else pages)(scope, receive, send)

    return app
