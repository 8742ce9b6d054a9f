"""What all tests share: one real Elasticsearch node a session."""

from collections.abc import Iterator

import pytest
from elasticsearch import Elasticsearch

from tests.node import Node, running_node


@pytest.fixture(scope="session")
def elasticsearch_node() -> Iterator[Node]:
    """A real node, started once. Tests keep apart by their index prefixes."""
    with running_node() as node:
        yield node


@pytest.fixture(scope="session")
def es(elasticsearch_node: Node) -> Iterator[Elasticsearch]:
    """A client of that node."""
    client = elasticsearch_node.client()
    yield client
    client.close()
