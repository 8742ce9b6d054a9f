"""Grafana's dashboard asks only for fields that documents have, of one person, in both units."""

import json
import re
from typing import Any

from tests.kibana.mapping import ROOT, fields, person_properties

BOARD = json.loads((ROOT / "deploy" / "grafana" / "glucoflow.json").read_text())


def asked_fields(node: Any) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(asked_fields, node))
    if not isinstance(node, dict):
        return set()
    own = {node[name] for name in ("field", "timeField") if isinstance(node.get(name), str)}
    return own.union(*(asked_fields(inner) for inner in node.values()))


def test_every_field_is_one_that_documents_have() -> None:
    known = set(fields(person_properties()))
    units = re.findall(r": (\w+)", next(one for one in BOARD["templating"]["list"] if one["name"] == "unit")["query"])
    assert units == ["mg_dl", "mmol_l"]
    asked = {name.replace("$unit", unit) for name in asked_fields(BOARD["panels"]) for unit in units}
    queries = [target["query"] for panel in BOARD["panels"] for target in panel["targets"]]
    asked |= {name for query in queries for name in re.findall(r"([a-z_.]+):", query)}
    assert asked <= known, asked - known
    assert all(query.startswith('user.id:"$person" AND ') for query in queries)
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    assert all(panel["description"] for panel in BOARD["panels"])
