"""`mcp`: the MCP server for a program that starts it as its child and speaks with it over standard input and output."""

from glucoflow.mcp_server.server import make_server
from glucoflow.service.questions import Questions
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings


def answer(settings: Settings, user_id: str) -> None:
    """Until the other side closes. Raises Rejected for an unknown person."""
    with open_runtime(settings) as rt:
        rt.store.people.get(user_id)
        make_server(Questions(rt.store, rt.queries, rt.clock), rt.clock, user_id).run("stdio")
