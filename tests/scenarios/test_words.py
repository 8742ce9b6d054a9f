"""What is written of scenarios is true: the examples can be played, and a misspelt word is refused."""

import re
from pathlib import Path

import msgspec
import pytest

from tests.scenarios.playing import Place, played
from tests.scenarios.written import Written, read

HERE = Path(__file__).parent
TEMPLATE = HERE.parents[1] / ".github" / "ISSUE_TEMPLATE" / "bug.md"


@pytest.mark.parametrize("page", [HERE / "README.md", TEMPLATE], ids=["README", "bug report"])
def test_the_example_is_a_scenario(page: Path, place: Place, tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL)
    assert found
    file = tmp_path / "example.yaml"
    file.write_text(found[1])
    scenario = read(file)
    assert isinstance(scenario, Written)
    assert not played(place, scenario).wrong


@pytest.mark.parametrize(
    ("step", "named"),
    [("{do: expect, reading: 1}", "reading"), ("{do: syncing}", "syncing"), ("{do: advance, hour: 1}", "hour")],
)
def test_a_misspelt_word_is_refused(step: str, named: str, tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text(f"about: x\nnow: '2026-11-24T12:00:00Z'\naccounts: {{}}\nsteps: [{step}]\n")
    with pytest.raises(msgspec.ValidationError, match=named):
        read(file)


def test_every_word_of_a_step_is_explained() -> None:
    said = (HERE / "README.md").read_text()
    source = (HERE / "written.py").read_text()
    for tag in re.findall(r'tag="(\w+)"', source):
        assert f"`{tag}`" in said, tag


PAGE = HERE.parents[1] / "docs" / "delivery.md"
SHOWN = "## Where it is shown"
FAULTS = "## Faults, one by one"


def test_every_promise_names_what_shows_it_and_all_of_that_is_there() -> None:
    page = PAGE.read_text()
    sections = set(re.findall(r"^## (.+)$", page, re.MULTILINE)) - {"What is not promised", SHOWN[3:], FAULTS[3:]}
    rows = dict(re.findall(r"^\| ([A-Z][^|]+) \| (`.+) \|$", page.split(SHOWN)[1], re.MULTILINE))
    assert set(rows) == sections
    for promise, shown in rows.items():
        assert_there(promise, shown)


def test_every_fault_names_a_test_that_is_there() -> None:
    rows = re.findall(r"^\| (?!fault|--)([^|]+) \| [^|]+ \| (.+) \|$", section(FAULTS), re.MULTILINE)
    assert len(rows) >= 47
    for fault, shown in rows:
        assert_there(fault, shown)


def section(title: str) -> str:
    return PAGE.read_text().split(title)[1].split("\n## ")[0]


def assert_there(what: str, shown: str) -> None:
    """Scenarios by name, files, and functions of files as `file::function`."""
    scenarios = {file.stem for file in (HERE / "cases").iterdir()}
    names = re.findall(r"`([^`]+)`", shown)
    assert names, what
    for name in names:
        file, _, function = name.partition("::")
        path = HERE.parents[1] / file
        assert name in scenarios or path.is_file(), f"{what}: {name}"
        assert not function or f"def {function}(" in path.read_text(), f"{what}: {name}"
