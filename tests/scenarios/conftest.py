"""Where scenarios are played."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from glucoflow.es.names import Names
from glucoflow.es.provision import provision
from tests.node import Node, running_node
from tests.postgres import Server
from tests.scenarios.playing import Place
from tests.stores import lay_postgres, lay_store


@pytest.fixture(scope="module")
def prefix(elasticsearch_node: Node) -> str:
    """An index prefix whose templates are there: one scenario after the other uses it."""
    return _provisioned(elasticsearch_node)


@pytest.fixture(scope="module")
def node_for_settings() -> Iterator[tuple[Node, str]]:
    """A node, and a prefix on it, for scenarios that change what all its indices go by."""
    with running_node() as node:
        yield node, _provisioned(node)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, elasticsearch_node: Node, prefix: str, tmp_path: Path) -> Place:
    """Nobody is here yet."""
    file = request.node.callspec.params.get("file")
    if file is not None and "/_cluster/" in file.read_text():
        elasticsearch_node, prefix = request.getfixturevalue("node_for_settings")
    if request.param == "sqlite":
        lay_store(tmp_path)
        return Place(elasticsearch_node, prefix, tmp_path)
    server: Server = request.getfixturevalue("postgres")
    return Place(elasticsearch_node, prefix, tmp_path, lay_postgres(server, tmp_path))


def _provisioned(node: Node) -> str:
    prefix = f"s{uuid.uuid4().hex[:8]}-"
    with node.client() as client:
        provision(client, Names.below(prefix))
    return prefix
