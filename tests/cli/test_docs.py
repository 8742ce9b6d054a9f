"""The page of commands is the commands', every exit code is explained on it, and a command is there at once."""

import re
import subprocess
import sys
from importlib.metadata import version

from glucoflow.model import errors
from scripts.commands import PAGE, page
from tests.cli.conftest import Cloud


def test_the_page_is_as_the_commands_are() -> None:
    assert PAGE.read_text() == page(), "run: uv run python scripts/commands.py"


def test_every_command_and_option_says_what_it_is() -> None:
    written = page()
    sections = re.split(r"^## ", written, flags=re.MULTILINE)[1:]
    assert {"`glucoflow up`", "`glucoflow backfill`", "`glucoflow keys rotate`"} <= {
        section.splitlines()[0].lstrip("# ") for section in re.split(r"^##+ ", written, flags=re.MULTILINE)
    }
    for section in sections:
        assert section.splitlines()[2].strip(), f"{section.splitlines()[0]} has no description"
    assert not re.findall(r"^\* `[^`]+`(?:  \[.*)?$", written, flags=re.MULTILINE), "an option without a description"


def test_every_exit_code_is_explained() -> None:
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.GlucoflowError)
    ]
    codes = {str(kind.exit_code) for kind in kinds} | {"0", "2", "130"}
    assert set(re.findall(r"^\| (\d+) \|", PAGE.read_text(), flags=re.MULTILINE)) == codes


def test_the_version_is_the_packages() -> None:
    said = subprocess.run([sys.executable, "-m", "glucoflow", "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == version("glucoflow")


def test_a_command_loads_no_library_that_only_others_need() -> None:
    slow = (
        "import sys, glucoflow.cli.app; print(sorted({'numpy', 'fastapi', 'prefect', 'sqlalchemy'} & {*sys.modules}))"
    )
    said = subprocess.run([sys.executable, "-c", slow], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_status_imports_what_it_needs_and_nothing_that_only_other_commands_need(cloud: Cloud) -> None:
    argv = [sys.executable, "-X", "importtime", "-m", "glucoflow", "status"]
    said = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert "alma" in said.stdout
    lines = [line for line in said.stderr.splitlines() if line.startswith("import time:")]
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
    assert {"sqlalchemy", "elasticsearch"} <= imported, "the store and the readings are looked at"
    others = {"alembic", "cjdk", "fastapi", "jgo", "jinja2", "numpy", "openpyxl", "prefect", "uvicorn", "vl_convert"}
    assert imported & others == set()
