"""docs/operations.md knows everything that `doctor` can say, and names only files, settings and commands there are."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from glucoflow.backup.kept_settings import variables
from glucoflow.cli import doctor
from glucoflow.cli.app import COMMANDS
from glucoflow.es import client, snapshots
from glucoflow.es import error_translation as elasticsearch_errors
from glucoflow.service import overdue, prefect_api, runtime
from glucoflow.store import crypto, database, error_translation, keys, postgres_engine, sqlite_engine, upgrade

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
FLAT = re.sub(r"\s+", " ", PAGE)
TREE = ast.parse(inspect.getsource(doctor))
BEHIND = (
    crypto, keys, database, sqlite_engine, postgres_engine, upgrade, error_translation, client, elasticsearch_errors,
    runtime, prefect_api, overdue,
)  # fmt: skip
"""What `doctor` asks; their errors are its lines."""
ERRORS = {"Misconfigured", "Unavailable", "Retryable", "Fatal", "WrongKey", "Cause"}
OF_WRITES = (
    "The index is closed in Elasticsearch",
    "Elasticsearch holds as many shards as its nodes may",
    "The index is set to read-only",
    "Elasticsearch takes no more documents",
    "The index takes no writes at the moment",
)
"""Said where documents are written or read, which it does not."""


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


def test_every_error_of_what_doctor_asks_is_on_the_page() -> None:
    """Their longest fixed part, without the case of its first letter."""
    for words in ("has no snapshot repository called", "cannot work with the snapshot repository"):  # else of restores
        assert words in inspect.getsource(snapshots)
        assert words in FLAT
    messages = [message for module in BEHIND for message in messages_of(ast.parse(inspect.getsource(module)))]
    assert len(messages) > 45
    flat, said = FLAT.lower(), [" ".join(one.split()).strip(" .,:(") for one in messages]
    assert [one for one in said if one.lower() not in flat and not one.startswith(OF_WRITES)] == []


def messages_of(tree: ast.Module) -> Iterator[str]:
    """The fixed parts of messages: of errors that are made, and of pairs of a message and its cure."""
    for one in ast.walk(tree):
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Name) and one.func.id in ERRORS:
            named = [keyword.value for keyword in one.keywords if keyword.arg == "message"]
            parts = [part for argument in (*one.args[:1], *named) for part in fixed(argument)]
        elif isinstance(one, ast.Assign) and isinstance(one.value, ast.Tuple) and len(one.value.elts) == 2:
            parts = fixed(one.value.elts[0])
        else:
            continue
        longest = max(parts, key=len, default="")
        if len(longest) > 12:
            yield longest


def fixed(node: ast.AST) -> list[str]:
    """The text itself, or the fixed parts of one with places; what is marked for translation is as good."""
    if isinstance(node, ast.Call) and node.args:
        return fixed(node.args[0])
    if isinstance(node, ast.JoinedStr):
        return [one.value for one in node.values if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def test_what_the_page_names_is_there() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target
    for command in set(re.findall(r"glucoflow ([a-z][a-z-]+)", PAGE)) - {"glucoflow", "up"}:
        known = {*COMMANDS, "store", "keys"}
        assert command in known or f"`glucoflow {command}" not in PAGE, command
    shown = set(re.findall(r"\b((?:BACKUP|GLUCOFLOW|WEB|ES|FORWARDED)_[A-Z_]+[A-Z])\b", PAGE))
    assert shown - set(variables()) - {"ES_MEMORY", "BACKUP_KEEP"} == set()
