"""The compiled dashboards (`kibana/compiled`) and charts (`kibana/vega`), filled for one person and closed for Kibana.

In the files everything is open JSON. Kibana wants some of it as strings of JSON, a chart's specification twice over.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glucoflow.errors import Misconfigured

Json = dict[str, Any]
Words = Mapping[str, str | int | float]

_PACKAGED = Path(__file__).parents[1] / "_data" / "kibana"
_IN_TREE = Path(__file__).parents[2] / "kibana"
_PLACEHOLDER = re.compile(r"\{(key|name|unit|glucose|decimals|factor|low|high|goals|index)\}")
_STRINGS = ("panelsJSON", "optionsJSON")


def folder() -> Path:
    """Where the sources are: inside an installed package, else in the work tree."""
    return _PACKAGED if _PACKAGED.is_dir() else _IN_TREE


def dashboards(name: str) -> list[Json]:
    """The compiled dashboards of `person` or `operator`, still with placeholders."""
    lines = _read(folder() / "compiled" / f"{name}.ndjson").splitlines()
    return [line for line in map(json.loads, lines) if "glucoflow" not in line]


def filled(node: Any, words: Words) -> Any:
    """`node` with every placeholder replaced once. One that is a whole string keeps its value's type."""
    if isinstance(node, dict):
        return {key: filled(value, words) for key, value in node.items()}
    if isinstance(node, list):
        return [filled(value, words) for value in node]
    if not isinstance(node, str):
        return node
    whole = _PLACEHOLDER.fullmatch(node)
    if whole and whole[1] in words:
        return words[whole[1]]
    return _PLACEHOLDER.sub(lambda found: str(words.get(found[1], found[0])), node)


def chart(name: str, params: Words, index: str) -> str:
    """A chart as Kibana takes it: its params set, its index named, what only our own pages need left out."""
    spec: Json = json.loads(_read(folder() / "vega" / f"{name}.vl.json"))
    spec.pop("usermeta", None)
    for param in spec.get("params", ()):
        param["value"] = params.get(param["name"], param["value"])
    return json.dumps(_with_index(spec, index), ensure_ascii=False, separators=(",", ":"))


def closed(dashboard: Json, params: Words, index: str) -> Json:
    """A filled dashboard with its inner JSON as strings and its charts put in."""
    attributes = dict(dashboard["attributes"])
    attributes["panelsJSON"] = [_with_chart(panel, params, index) for panel in attributes["panelsJSON"]]
    if "controlGroupInput" in attributes:
        control = attributes["controlGroupInput"]
        inner = {key: text(control[key]) for key in ("ignoreParentSettingsJSON", "panelsJSON")}
        attributes["controlGroupInput"] = {**control, **inner}
    source = attributes["kibanaSavedObjectMeta"]["searchSourceJSON"]
    attributes["kibanaSavedObjectMeta"] = {"searchSourceJSON": text(source)}
    return {**dashboard, "attributes": {**attributes, **{key: text(attributes[key]) for key in _STRINGS}}}


def text(node: Any) -> str:
    """JSON on one line, letters as they are."""
    return json.dumps(node, ensure_ascii=False, separators=(",", ":"))


def _with_chart(panel: Json, params: Words, index: str) -> Json:
    config = panel["embeddableConfig"]
    if config.get("savedVis", {}).get("type") != "vega":
        return panel
    spec = chart(config["savedVis"]["params"]["spec"]["chart"], params, index)
    return {**panel, "embeddableConfig": {**config, "savedVis": {**config["savedVis"], "params": {"spec": spec}}}}


def _with_index(node: Any, index: str) -> Any:
    if isinstance(node, dict):
        return {key: index if value == "{index}" else _with_index(value, index) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_index(value, index) for value in node]
    return node


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError as error:
        raise Misconfigured(
            f"The dashboard file {path.name} is missing.",
            remedy="Install glucoflow again, or restore its kibana folder.",
        ) from error
