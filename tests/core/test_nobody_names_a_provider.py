"""Pages, commands, dashboards, settings and services learn of providers from their descriptions: none is named.

What a comment or docstring says of a formula's or a quirk's source is no such naming, and neither are the names of file
formats (Clarity, LibreView) nor of interfaces that glucoflow offers itself (Nightscout's, Tidepool's).
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from glucoflow.installed import installed

ROOT = Path(__file__).parents[2]
OFFERED = {"nightscout", "tidepool"}
"""Glucoflow speaks these itself."""
PLACES = ("glucoflow", "flows", "kibana", "index_templates", "scripts")
ENDINGS = {".py", ".html", ".j2", ".json", ".ndjson", ".yaml", ".js", ".css"}
LEFT_OUT = ("glucoflow/simulators", "glucoflow/report", "glucoflow/web/static/vendor", "glucoflow/store/migrations")


@cache
def words() -> re.Pattern[str]:
    names = {name for name in installed().providers if name not in OFFERED}
    titles = {one.title for name, one in installed().providers.items() if name not in OFFERED}
    return re.compile(
        "|".join(sorted(map(re.escape, names | titles | {"FreeStyle", "Abbott"}), key=len)), re.IGNORECASE
    )


def files() -> list[Path]:
    found = [path for place in PLACES for path in (ROOT / place).rglob("*") if path.suffix in ENDINGS]
    return sorted(path for path in found if not str(path.relative_to(ROOT)).startswith(LEFT_OUT))


def strings(path: Path) -> list[str]:
    """Every string and name of a Python file but what stands alone as a statement (docstrings of all sorts)."""
    tree = ast.parse(path.read_text("utf-8"))
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    said: list[str] = []
    for node in ast.walk(tree):
        if id(node) not in alone:
            said += [value for _, value in ast.iter_fields(node) if isinstance(value, str)]
    return said


@pytest.mark.parametrize("path", files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_provider_is_named(path: Path) -> None:
    said = strings(path) if path.suffix == ".py" else [path.read_text("utf-8")]
    named = sorted({found[0] for found in words().finditer("\n".join(said))})
    assert not named, f"{path.relative_to(ROOT)} names {', '.join(named)}: such words come from `glucoflow.provider`"


def test_the_check_sees_a_name(tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text('"""Dexcom\'s."""\nfor_whom = "dexcom"\n')
    assert [one for one in strings(bad) if words().search(one)] == ["dexcom"]
