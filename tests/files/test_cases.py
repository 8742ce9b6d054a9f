"""Files that were once read wrong, each with what is right about it, through the command that a person would use.

A new one needs a file in `cases/` and a `.expected.json` beside it.
"""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from glucoflow.cli import main

CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.name.removesuffix(".expected.json") for path in CASES.glob("*.expected.json"))


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of `glucoflow …`; what it prints goes where the test captures it."""
    monkeypatch.setattr(sys, "argv", ["glucoflow", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    return int(str(end.value.code or 0))


@pytest.mark.parametrize("name", NAMES)
def test_a_case(name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    case = json.loads((CASES / f"{name}.expected.json").read_text())
    (file,) = (path for path in CASES.glob(f"{name}.*") if ".expected" not in path.name)
    code = command(monkeypatch, "report", str(file), "--json")
    said = capsys.readouterr()
    people = [json.loads(line) for line in said.out.splitlines()]
    if not people:
        assert code == 65
        assert file.name in said.err
        assert name.startswith("09-"), "only a file without a sensor's reading gives no figures"
        assert "no sensor readings, only 6 calibrations" in said.err
        return
    unread = sum(person["rows"]["unread"] for person in people)
    assert code == (1 if unread else 0)
    for person in people:
        rows = person["rows"]
        assert rows["rows"] == rows["read"] + rows["merged"] + rows["unread"]
        assert person["n"] == rows["read"] - rows.get("second_sensor", 0)
    _check(case["expect"], people)


def _check(expect: dict[str, Any], people: list[dict[str, Any]]) -> None:
    if expect.get("persons"):
        assert len(people) == expect["persons"]
        for person, wanted in zip(people, (expect["first"], expect["second"]), strict=True):
            _check(wanted, [person])
        return
    (person,) = people
    n = expect.get("n", expect.get("readings"))
    assert n is None or person["n"] == n
    assert "mean" not in expect or person["mean"] == pytest.approx(expect["mean"], abs=6e-4)
    assert "mean_mmol_l" not in expect or person["mean"] / 18.01559 == pytest.approx(expect["mean_mmol_l"], abs=6e-4)
    assert person["mean"] >= expect.get("mean_at_least", 0)
    assert (person["active_percent"] or 0) >= expect.get("active_percent_at_least", 0)
    for end in ("start", "end"):
        assert end not in expect or datetime.fromisoformat(person[end]) == datetime.fromisoformat(expect[end])
    earliest = expect.get("start_not_before")
    assert earliest is None or person["start"][: len(earliest)] >= earliest
