"""Every scenario of `cases/`, on SQLite and on PostgreSQL.

What only reads an account again and again, and what changes how Elasticsearch works, sends a database nothing that the
others do not send: an ordinary run plays it on SQLite, `pytest -m slow tests/scenarios` on PostgreSQL too.
"""

from pathlib import Path

import pytest
import yaml
from _pytest.mark.structures import ParameterSet

from tests.scenarios import written as w
from tests.scenarios.playing import Place, played
from tests.scenarios.written import Written, read

HERE = Path(__file__).parent
CASES = {file.stem: file for file in sorted((HERE / "cases").iterdir())}
NOT_YET: dict[str, str] = yaml.safe_load((HERE / "not_yet.yaml").read_text()) or {}


def _played() -> list[ParameterSet]:
    found = []
    for name, file in CASES.items():
        scenario = read(file)
        if not isinstance(scenario, Written):
            continue
        marks = [pytest.mark.xfail(reason=NOT_YET[name], strict=True)] if name in NOT_YET else []
        found.append(pytest.param(file, "sqlite", id=f"{name}-sqlite", marks=marks))
        if scenario.provider != "dexcom":
            continue  # what other clouds do is the store's concern no more than what Dexcom's does
        about_elasticsearch = "/_cluster/" in file.read_text()  # and a node of its own, which is dear
        more = [pytest.mark.slow] if about_elasticsearch or _only_reads(scenario) else []
        found.append(pytest.param(file, "postgresql", id=f"{name}-postgresql", marks=[*marks, *more]))
    return found


def _only_reads(scenario: Written) -> bool:
    """Whether one person, connected once, is synced and nothing else happens to them, or fails."""
    usual = (w.Connect, w.Sync, w.Advance, w.Expect)
    connected = sum(isinstance(step, w.Connect) for step in scenario.steps)
    killed = any(isinstance(step, w.Sync) and step.kill for step in scenario.steps)
    return connected == 1 and not killed and all(isinstance(step, usual) for step in scenario.steps)


@pytest.mark.parametrize(("file", "place"), _played(), indirect=["place"])
def test_scenario(place: Place, file: Path) -> None:
    scenario = read(file)
    assert isinstance(scenario, Written)
    stage = played(place, scenario)
    if stage.wrong:
        pytest.fail("\n".join([scenario.about, scenario.right, *stage.wrong, "", *stage.log]), pytrace=False)


def test_whoever_is_not_yet_right_is_a_scenario() -> None:
    assert set(NOT_YET) <= set(CASES)
