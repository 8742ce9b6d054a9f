"""The fields that exist, read from the index templates themselves."""

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "index_templates"


def person_properties() -> dict[str, Any]:
    """The mapping of a person's index: all components over one another."""
    merged: dict[str, Any] = {}
    for path in (TEMPLATES / "component").glob("*.json"):
        merged |= json.loads(path.read_text())["template"].get("mappings", {}).get("properties", {})
    return merged


def runs_properties() -> dict[str, Any]:
    properties: dict[str, Any] = json.loads((TEMPLATES / "index" / "runs.json").read_text())["template"]["mappings"][
        "properties"
    ]
    return properties


def fields(properties: dict[str, Any], prefix: str = "") -> dict[str, str]:
    """Every indexed field by its full name, and its type."""
    found: dict[str, str] = {}
    for name, what in properties.items():
        if "properties" in what:
            found |= fields(what["properties"], f"{prefix}{name}.")
        elif what.get("enabled", True):
            found[prefix + name] = what["type"]
    return found


PERSON = fields(person_properties())
RUNS = fields(runs_properties())
