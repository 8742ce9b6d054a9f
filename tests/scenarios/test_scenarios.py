"""Every scenario of `cases/`, on SQLite and on PostgreSQL."""

import uuid
from pathlib import Path

import pytest
import yaml

from glucoflow.es.names import Names
from glucoflow.es.provision import provision
from tests.node import Node
from tests.postgres import Server
from tests.scenarios.playing import Place, played
from tests.scenarios.written import Written, read

HERE = Path(__file__).parent
CASES = {file.stem: file for file in sorted((HERE / "cases").iterdir())}
NOT_YET: dict[str, str] = yaml.safe_load((HERE / "not_yet.yaml").read_text()) or {}


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


def _played() -> list[object]:
    found = []
    for name, file in CASES.items():
        marks = [pytest.mark.xfail(reason=NOT_YET[name], strict=True)] if name in NOT_YET else []
        if isinstance(read(file), Written):
            found.append(pytest.param(file, id=name, marks=marks))
    return found


@pytest.mark.parametrize("file", _played())
def test_scenario(place: Place, file: Path) -> None:
    scenario = read(file)
    assert isinstance(scenario, Written)
    stage = played(place, scenario)
    assert not stage.wrong, "\n".join(["", scenario.about, scenario.right, *stage.wrong, "", *stage.log])


def test_whoever_is_not_yet_right_is_a_scenario() -> None:
    assert set(NOT_YET) <= set(CASES)
