"""The house's import rules hold (pyproject.toml, `tool.importlinter`), and there is no attic."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_imports_go_one_way() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_module_is_about_something() -> None:
    names = {path.stem for top in ("glucoflow", "connectors", "flows") for path in (ROOT / top).rglob("*.py")}
    assert not names & {"utils", "util", "helpers", "common", "misc", "base"}
