"""Every scenario of `cases/`, on SQLite and on PostgreSQL."""

from pathlib import Path

import pytest
import yaml
from _pytest.mark.structures import ParameterSet

from tests.scenarios.playing import Place, played
from tests.scenarios.written import Written, read

HERE = Path(__file__).parent
CASES = {file.stem: file for file in sorted((HERE / "cases").iterdir())}
NOT_YET: dict[str, str] = yaml.safe_load((HERE / "not_yet.yaml").read_text()) or {}


def _played() -> list[ParameterSet]:
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
    if stage.wrong:
        pytest.fail("\n".join([scenario.about, scenario.right, *stage.wrong, "", *stage.log]), pytrace=False)


def test_whoever_is_not_yet_right_is_a_scenario() -> None:
    assert set(NOT_YET) <= set(CASES)
