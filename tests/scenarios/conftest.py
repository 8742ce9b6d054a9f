"""Where scenarios are played."""

import uuid
from pathlib import Path

import pytest

from glucoflow.es.names import Names
from glucoflow.es.provision import provision
from tests.node import Node
from tests.postgres import Server
from tests.scenarios.playing import Place


@pytest.fixture(scope="module")
def prefix(elasticsearch_node: Node) -> str:
    """An index prefix whose templates are there: one scenario after the other uses it."""
    prefix = f"s{uuid.uuid4().hex[:8]}-"
    client = elasticsearch_node.client()
    provision(client, Names.below(prefix))
    client.close()
    return prefix


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, elasticsearch_node: Node, prefix: str, tmp_path: Path) -> Place:
    """Nobody is here yet."""
    if request.param == "sqlite":
        return Place(elasticsearch_node, prefix, tmp_path)
    server: Server = request.getfixturevalue("postgres")
    database = f"s{uuid.uuid4().hex[:8]}"
    server.execute(f"CREATE DATABASE {database}")
    return Place(elasticsearch_node, prefix, tmp_path, server.url(database))


@pytest.fixture(autouse=True)
def _slow_ones_only_when_asked(request: pytest.FixtureRequest) -> None:
    """What takes many minutes is not a part of an ordinary run."""
    if request.node.get_closest_marker("slow") and "slow" not in request.config.getoption("-m"):
        pytest.skip("takes many minutes: pytest -m slow tests/scenarios")
