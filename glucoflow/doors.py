"""Everything that one address answers: the pages, Nightscout's API, the JSON API and the MCP server."""

from fastapi import FastAPI

from glucoflow.api.door import App, with_doors
from glucoflow.api.site import Site
from glucoflow.es.queries import Queries
from glucoflow.mcp_server.over_http import with_mcp
from glucoflow.mcp_server.server import make_server
from glucoflow.people_api.app import create_people_api, with_people_api
from glucoflow.service.questions import Questions


def whole_site(pages: FastAPI, apps: Site, queries: Queries) -> App:
    """The pages with all doors beside them."""
    people = create_people_api(pages.state.services, queries, apps.access)
    mcp = make_server(Questions(apps.store, queries, apps.clock), apps.clock)
    return with_doors(with_mcp(with_people_api(pages, people), mcp, apps.access), apps)
