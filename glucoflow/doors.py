"""Everything that one address answers: the pages, Nightscout's API, the JSON API, the MCP server, the partner API."""

from datetime import datetime

import msgspec
from fastapi import FastAPI

from glucoflow.api.door import App, with_doors
from glucoflow.api.site import Site
from glucoflow.api.sockets import Sockets
from glucoflow.es.queries import Queries
from glucoflow.mcp_server.over_http import with_mcp
from glucoflow.mcp_server.server import make_server
from glucoflow.partner_api.app import create_partner_api, with_partner_api
from glucoflow.partner_api.limits import Limits
from glucoflow.people_api.app import create_people_api, with_people_api
from glucoflow.service.questions import Questions


def whole_site(pages: FastAPI, apps: Site, queries: Queries, limits: Limits = Limits()) -> App:
    """The pages with all doors beside them."""
    people = create_people_api(pages.state.services, queries, apps.access)
    mcp = make_server(Questions(apps.store, queries, apps.clock), apps.clock)
    partners = create_partner_api(pages.state.services, queries, limits)
    inner = with_partner_api(with_people_api(pages, people), partners)
    sockets = Sockets(apps)

    def on_written(user_id: str, start: datetime, end: datetime) -> None:
        apps.on_written(user_id, start, end)
        sockets.on_written(user_id, start, end)

    site = msgspec.structs.replace(apps, on_written=on_written)
    return with_doors(with_mcp(inner, mcp, apps.access), site, sockets.app)
