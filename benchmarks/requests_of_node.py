"""Requests as the node itself counts them, by path: at the wire, with nothing in between."""

from tests.node import Node

OUR_OWN = "/_nodes/"
"""By which it is asked for them."""


def requests_of(node: Node) -> dict[str, int]:
    """How many it took since its start, by route."""
    with node.client() as client:
        nodes = client.nodes.stats(metric="http").body["nodes"].values()
    routes = {path: one for each in nodes for path, one in each["http"]["routes"].items()}
    return {path: int(one["requests"]["count"]) for path, one in routes.items() if not path.startswith(OUR_OWN)}
