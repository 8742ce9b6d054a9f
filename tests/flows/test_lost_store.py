"""A store that vanished beside its index is said, with exit code 1: nobody must take it for a fresh start."""

from dataclasses import replace
from pathlib import Path

import pytest

from glucoflow.cli.doctor import checks
from glucoflow.cli.status import show_status
from glucoflow.es.names import Names
from glucoflow.model.errors import GlucoflowError
from glucoflow.settings import Settings
from tests.flows.conftest import House, settings_of
from tests.node import Node


@pytest.fixture
def lost(house: House, elasticsearch_node: Node, tmp_path: Path) -> Settings:
    """The same Elasticsearch, and a data folder without a store."""
    house.sync()
    house.rt.client.indices.refresh(index=house.rt.names.alias("alma"))
    return settings_of(elasticsearch_node, tmp_path / "new", house.sim.base_url, house.rt.names.prefix)


@pytest.mark.parametrize("as_json", [False, True])
def test_status_says_it(lost: Settings, capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    assert show_status(lost, as_json) == 1
    said = capsys.readouterr()
    assert "alma" in said.err
    assert "the store" in said.err
    assert "was lost" in said.err


def test_doctor_says_it(lost: Settings, house: House) -> None:
    look = dict(checks(lost, quick=False))["people"]
    with pytest.raises(GlucoflowError, match="alma") as met:
        look()
    assert met.value.exit_code == 1
    assert "1 in the store" in dict(checks(house.rt.settings, quick=False))["people"]()


def test_an_installation_beside_it_is_not_meant(lost: Settings, house: House) -> None:
    other = replace(Names.below(house.rt.names.prefix), prefix="nobody-else-")
    beside = lost.model_copy(update={"es": lost.es.model_copy(update={"index": other.prefix})})
    assert show_status(beside, as_json=False) == 0
