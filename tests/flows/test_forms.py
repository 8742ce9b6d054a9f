"""What Prefect's page asks for explains itself, and what is mistyped is answered in a sentence."""

import ast
import logging
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle  # type: ignore[import-untyped]
import pytest
from prefect.client.schemas.objects import State

import flows
from flows.backfill import backfill
from flows.deployments import schedule
from flows.maintenance import delete_user
from flows.summarize import summarize
from glucoflow.settings import Settings


def test_every_parameter_of_every_flow_has_a_title_a_description_and_an_example() -> None:
    asked = 0
    for flow, _ in schedule(Settings.load()):
        assert flow.description, f"{flow.name} says nothing of itself"
        for name, one in flow.parameters.properties.items():
            asked += 1
            parts = [one, *one.get("anyOf", [])]
            said = {key for part in parts for key in part}
            assert one["title"] != name, f"{flow.name}.{name} has no title"
            assert "description" in said, f"{flow.name}.{name} has no description"
            plain = any(part.get("type") == "boolean" for part in parts) or "enum" in said
            assert plain or "examples" in said, f"{flow.name}.{name} has no example"
    assert asked > 15


def test_every_artifact_says_what_it_is() -> None:
    made = 0
    for file in sorted(Path(flows.__path__[0]).glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and re.fullmatch(r"create_\w+_artifact", getattr(node.func, "id", "")):
                made += 1
                assert "description" in {one.arg for one in node.keywords}, f"{file.name}, line {node.lineno}"
    assert made > 10


def test_a_flow_can_be_brought_to_the_process_that_runs_it(tmp_path: Path) -> None:
    """As Prefect's runner does it: pickled here, and read in a process that begins."""
    file = tmp_path / "flows"
    file.write_bytes(cloudpickle.dumps([flow for flow, _ in schedule(Settings.load())]))
    read = "import sys, cloudpickle; print(len(cloudpickle.load(open(sys.argv[1], 'rb'))))"
    found = subprocess.run([sys.executable, "-c", read, str(file)], capture_output=True, text=True, check=True)
    assert int(found.stdout) == len(schedule(Settings.load()))


load: Any = backfill.fn  # what comes from a form is text


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: load(user_id="alma", start="2026-13-01", end="2026-11-30"), "start: "),
        (lambda: load(user_id="alma", start="2026-11-01", end="2026-11-30", kinds=["dreams"]), "kinds.0: "),
        (lambda: summarize.fn(days=0), "days: input should be greater than or equal to 1"),
        (lambda: delete_user.fn(user_id="alma", confirm="ben"), "confirm: must repeat the person's id"),
    ],
)
def test_what_is_mistyped_is_a_sentence(call: object, sentence: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert callable(call)
    state = call()
    assert isinstance(state, State)
    assert state.is_failed()
    assert (state.message or "").startswith(sentence)
    assert "Traceback" not in caplog.text
    assert len(caplog.records) == 1
