"""docs/operations.md knows everything that `doctor` can say, and names only files, settings and commands there are."""

import ast
import inspect
import re
from pathlib import Path

from glucoflow.backup.kept_settings import variables
from glucoflow.cli import doctor
from glucoflow.cli.app import COMMANDS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
FLAT = re.sub(r"\s+", " ", PAGE)
TREE = ast.parse(inspect.getsource(doctor))


def literals(node: ast.AST) -> list[str]:
    """The fixed parts of a text."""
    return [one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def test_every_part_that_doctor_looks_at_has_its_heading() -> None:
    [checks] = [one for one in ast.walk(TREE) if isinstance(one, ast.FunctionDef) and one.name == "checks"]
    yields = [one.value for one in ast.walk(checks) if isinstance(one, ast.Yield)]
    names = [
        one.elts[0].value for one in yields if isinstance(one, ast.Tuple) and isinstance(one.elts[0], ast.Constant)
    ]
    assert len(names) >= 10
    section = PAGE.partition("## What `doctor` says")[2]
    headings = re.findall(r"^### (.+)$", section, flags=re.MULTILINE)
    assert [name for name in names if name not in headings] == []
    assert "a provider" in headings, "whose line is named after them"


def test_every_message_of_doctor_is_on_the_page() -> None:
    raised = [one.exc for one in ast.walk(TREE) if isinstance(one, ast.Raise) and isinstance(one.exc, ast.Call)]
    messages = [max(literals(call.args[0]), key=len, default="") for call in raised if call.args]
    longest = [message.strip(" .,:(") for message in messages if len(message) > 12]
    assert len(longest) >= 7
    assert [message for message in longest if re.sub(r"\s+", " ", message) not in FLAT] == []


def test_what_the_page_names_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
    for command in set(re.findall(r"glucoflow ([a-z][a-z-]+)", PAGE)) - {"glucoflow", "up"}:
        known = {*COMMANDS, "store", "keys"}
        assert command in known or f"`glucoflow {command}" not in PAGE, command
    shown = set(re.findall(r"\b((?:BACKUP|GLUCOFLOW|WEB|ES|FORWARDED)_[A-Z_]+[A-Z])\b", PAGE))
    assert shown - set(variables()) - {"ES_MEMORY", "BACKUP_KEEP"} == set()
