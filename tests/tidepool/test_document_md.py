"""`docs/document.md` names every field that the index has, with its type, and no other."""

import json
import re
from pathlib import Path
from typing import Any

from glucoflow.service.export_tables import TABLES, columns

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "document.md").read_text(encoding="utf-8")


def mapped(properties: dict[str, Any], path: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, field in properties.items():
        found |= (
            mapped(field["properties"], f"{path}{name}.") if "properties" in field else {path + name: field["type"]}
        )
    return found


def templates() -> dict[str, str]:
    found: dict[str, str] = {}
    for file in (ROOT / "index_templates" / "component").glob("*.json"):
        found |= mapped(json.loads(file.read_text())["template"].get("mappings", {}).get("properties", {}))
    return found


def documented() -> list[tuple[str, str, str]]:
    rows = re.findall(r"^\| `([^`]+)` \| (\w+) \| [^|]+ \| ([^|]+) \|$", TEXT, re.MULTILINE)
    return [(name, kind, meaning.strip()) for name, kind, meaning in rows]


def test_every_field_is_there_with_its_type_and_a_meaning() -> None:
    rows = documented()
    assert {name: kind for name, kind, _ in rows} == templates()
    assert len(rows) == len({name for name, _, _ in rows})
    assert [name for name, _, meaning in rows if len(meaning) < 4] == []


def test_every_column_of_the_csv_tables_is_explained() -> None:
    known = {name for name, _, _ in documented()} | {"_id", "time.local", "annotations"}
    for dataset in TABLES:
        for column in columns(dataset):
            twin = column.replace("level_mmol_l", "level_mg_dl").replace("rate_mmol_l_min", "rate_mg_dl_min")
            assert twin in known
        assert f"`{dataset}`" in TEXT
