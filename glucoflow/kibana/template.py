"""The compiled dashboards (`kibana/compiled`) and charts (`kibana/vega`), filled for one person and closed for Kibana.

In the files everything is open JSON. Kibana wants some of it as strings of JSON, a chart's specification twice over.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glucoflow.files import packaged
from glucoflow.kibana.placeholders import filled
from glucoflow.kibana.texts import chart_in
from glucoflow.languages import ENGLISH, Language
from glucoflow.model.errors import Misconfigured

Json = dict[str, Any]
Words = Mapping[str, Any]

_STRINGS = ("panelsJSON", "optionsJSON")


def dashboards(name: str) -> list[Json]:
    """The compiled dashboards of `person` or `operator`, still with placeholders."""
    lines = _read(packaged("kibana") / "compiled" / f"{name}.ndjson").splitlines()
    return [line for line in map(json.loads, lines) if "glucoflow" not in line]


def chart(name: str, params: Words, words: Words, language: Language = ENGLISH) -> str:
    """A chart as Kibana takes it: its params set, its placeholders filled, what only our own pages need left out."""
    source = json.loads(_read(packaged("kibana") / "vega" / f"{name}.vl.json"))
    spec: Json = filled(chart_in(source, language), words)
    spec.pop("usermeta", None)
    for param in spec.get("params", ()):
        param["value"] = params.get(param["name"], param["value"])
    return text(spec)


def closed(dashboard: Json, params: Words, words: Words, language: Language = ENGLISH) -> Json:
    """A filled dashboard with its inner JSON as strings and its charts put in."""
    attributes = dict(dashboard["attributes"])
    attributes["panelsJSON"] = [_with_chart(panel, params, words, language) for panel in attributes["panelsJSON"]]
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


def _with_chart(panel: Json, params: Words, words: Words, language: Language) -> Json:
    config = panel["embeddableConfig"]
    if config.get("savedVis", {}).get("type") != "vega":
        return panel
    spec = chart(config["savedVis"]["params"]["spec"]["chart"], params, words, language)
    return {**panel, "embeddableConfig": {**config, "savedVis": {**config["savedVis"], "params": {"spec": spec}}}}


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError as error:
        raise Misconfigured(
            f"The dashboard file {path.name} is missing.",
            remedy="Install glucoflow again, or restore its kibana folder.",
        ) from error
