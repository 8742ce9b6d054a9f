"""For maintainers: compile the dashboards (`kibana/dashboards/*.yaml`) into `kibana/compiled/*.ndjson`.

    uv run --no-project --python 3.12 --with kb-dashboard-core==0.4.1 python kibana/compile.py

The compiler makes the grid, links, texts, controls and metrics. Where it falls short, a panel `vega: {spec: {glucoflow:
…}}` names what takes its place: a chart of `kibana/vega`, a Lens panel of `kibana/lens` written by hand, or a saved
search. The result still holds placeholders for the person (`{key}`, `{name}`, `{unit}` …), which
`glucoflow.kibana.template` fills, and begins with the hash of its sources, by which a test tells that it is current.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COMPILED = HERE / "compiled"
OPERATOR = ("operator",)
PERSON = ("now", "profile", "days", "patterns", "episodes", "events", "sensor")
REFRESH_MS = 60_000

Json = dict[str, Any]


def sources_hash() -> str:
    """One hash over everything that the compiled files are made from."""
    digest = hashlib.sha256()
    for pattern in ("dashboards/*.yaml", "lens/*.json"):
        for path in sorted(HERE.glob(pattern)):
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    for path in sorted(HERE.glob("vega/**/*.json")):  # of a chart only what it says about itself enters
        about = json.loads(path.read_text("utf-8"))["usermeta"]
        digest.update(path.name.encode() + json.dumps(about, sort_keys=True).encode())
    digest.update(Path(__file__).read_bytes())
    return digest.hexdigest()


def finished(compiled: Json, data_view: str) -> Json:
    """One dashboard as Kibana 8.12 and later take it, its strings of JSON still open."""
    given, helps = compiled["attributes"], []
    board = compiled["id"].split("-")[1]
    references = [_renamed(one, board) for one in compiled["references"] if not one["name"].startswith("tag")]
    panels = []
    for panel in json.loads(given["panelsJSON"]):
        made, more, line = _panel(_named(panel, board), data_view)
        panels.append(made)
        references += more
        helps += [line] if line else []
    for panel in panels:
        _with_help(panel, helps)
    attributes = {key: given[key] for key in ("title", "description", "timeRestore", "timeFrom", "timeTo", "version")}
    attributes["refreshInterval"] = {"pause": False, "value": REFRESH_MS}
    attributes["panelsJSON"] = panels
    attributes["optionsJSON"] = json.loads(given["optionsJSON"])
    attributes["kibanaSavedObjectMeta"] = {
        "searchSourceJSON": {"query": {"query": "", "language": "kuery"}, "filter": []}
    }
    if "controlGroupInput" in given:
        attributes["controlGroupInput"] = _controls(given["controlGroupInput"], board)
    references.append({"type": "tag", "id": "cgm-tag-{key}", "name": "tag-ref-cgm-tag-{key}"})
    return {
        "type": "dashboard",
        "id": compiled["id"],
        "managed": False,
        "coreMigrationVersion": "8.8.0",
        "typeMigrationVersion": "8.9.0",
        "references": references,
        "attributes": attributes,
    }


def _named(panel: Json, board: str) -> Json:
    """With the dashboard in its index: after a link Kibana takes a panel of the same index for the same panel."""
    index = f"{board}-{panel['panelIndex']}"
    return {**panel, "panelIndex": index, "gridData": {**panel["gridData"], "i": index}}


def _renamed(reference: Json, board: str) -> Json:
    """The reference of a panel or a control, by its new index."""
    name: str = reference["name"]
    control = "controlGroup_"
    if name.startswith(control):
        return {**reference, "name": f"{control}{board}-{name.removeprefix(control)}"}
    return {**reference, "name": f"{board}-{name}"}


def _controls(given: Json, board: str) -> Json:
    """Without what 8.12 refuses (`showApplySelections`) and with the data view only in the references."""
    panels = {f"{board}-{name}": control for name, control in json.loads(given["panelsJSON"]).items()}
    for name, control in panels.items():
        control["explicitInput"].pop("dataViewId", None)
        control["explicitInput"] |= {"id": name, "enhancements": {}}
        control["grow"] = False
    kept = {key: given[key] for key in ("controlStyle", "chainingSystem")}
    return {**kept, "ignoreParentSettingsJSON": json.loads(given["ignoreParentSettingsJSON"]), "panelsJSON": panels}


def _panel(panel: Json, data_view: str) -> tuple[Json, list[Json], str | None]:
    """The panel, the references it adds to the dashboard, and its line of help."""
    config = panel["embeddableConfig"]
    config["enhancements"] = {}
    if panel["type"] == "lens":
        config["title"] = config["attributes"]["title"]
        config["attributes"]["description"] = ""
        for layer in config["attributes"]["state"]["datasourceStates"]["formBased"]["layers"].values():
            for column in layer["columns"].values():
                if column["operationType"] in ("count", "sum"):
                    column["params"]["emptyAsNull"] = False  # nothing noted is 0, not "N/A"
        for extra in ("secondaryTrend", "secondaryLabelPosition", "applyColorTo"):
            config["attributes"]["state"]["visualization"].pop(extra, None)  # newer than 8.12, not needed
        return {**panel, "embeddableConfig": {k: config[k] for k in _LENS_KEYS if k in config}}, [], None
    if config.get("savedVis", {}).get("type") != "vega":
        if "savedVis" in config:
            config["savedVis"].pop("id", None)
            config["title"] = config["savedVis"]["title"]
        return panel, [], None
    title, wanted = config["savedVis"]["title"], json.loads(config["savedVis"]["params"]["spec"])["glucoflow"]
    if "lens" in wanted:
        return _lens(panel, title, wanted, data_view)
    if "search" in wanted:
        return _search(panel, title, wanted["search"])
    return _chart(panel, title, wanted)


_LENS_KEYS = ("title", "hidePanelTitles", "enhancements", "attributes")


def _chart(panel: Json, title: str, wanted: Json) -> tuple[Json, list[Json], str | None]:
    about = json.loads((HERE / "vega" / f"{wanted['chart']}.vl.json").read_text("utf-8"))["usermeta"]["glucoflow"]
    config = panel["embeddableConfig"]
    saved = {**config["savedVis"], "params": {"spec": {"chart": wanted["chart"]}}}
    saved.pop("id", None)
    made = {"title": title, "hidePanelTitles": False, "enhancements": {}, "savedVis": saved, **_span(wanted)}
    return {**panel, "embeddableConfig": made}, [], f"- **{title}.** {about['help']}"


def _lens(panel: Json, title: str, wanted: Json, data_view: str) -> tuple[Json, list[Json], str | None]:
    source = json.loads((HERE / "lens" / f"{wanted['lens']}.json").read_text("utf-8"))
    view = {"person": data_view, "runs": "cgm-runs-{key}"}[source["view"]]
    layers = source["state"]["datasourceStates"]["formBased"]["layers"]
    inner = [_reference(view, f"indexpattern-datasource-layer-{layer}") for layer in layers]
    outer = [{**one, "name": f"{panel['panelIndex']}:{one['name']}"} for one in inner]
    attributes = {
        "title": title,
        "description": "",
        "type": "lens",
        "visualizationType": source["visualizationType"],
        "references": inner,
        "state": source["state"],
    }
    enhancements: Json = {}
    if "drilldown" in wanted:
        event = f"open-{panel['panelIndex']}"
        enhancements = {"dynamicActions": {"events": [_drilldown(event)]}}
        name = f"{panel['panelIndex']}:drilldown:DASHBOARD_TO_DASHBOARD_DRILLDOWN:{event}:dashboardId"
        outer.append({"type": "dashboard", "id": wanted["drilldown"], "name": name})
    config = {"title": title, "hidePanelTitles": False, "enhancements": enhancements, "attributes": attributes}
    made = {**panel, "type": "lens", "embeddableConfig": {**config, **_span(wanted)}}
    return made, outer, f"- **{title}.** {source['help']}"


def _reference(view: str, name: str) -> Json:
    return {"type": "index-pattern", "id": view, "name": name}


def _drilldown(event: str) -> Json:
    config = {"useCurrentDateRange": True, "useCurrentFilters": True, "openInNewTab": False}
    action = {"factoryId": "DASHBOARD_TO_DASHBOARD_DRILLDOWN", "name": "Open this day", "config": config}
    return {"eventId": event, "triggers": ["FILTER_TRIGGER"], "action": action}


def _search(panel: Json, title: str, name: str) -> tuple[Json, list[Json], str | None]:
    index = panel["panelIndex"]
    config = {"title": title, "hidePanelTitles": False, "enhancements": {}}
    made = {**panel, "type": "search", "panelRefName": f"panel_{index}", "embeddableConfig": config}
    return made, [{"type": "search", "id": f"cgm-{name}-list-{{key}}", "name": f"{index}:panel_{index}"}], None


def _span(wanted: Json) -> Json:
    return {"timeRange": {"from": wanted["span"], "to": "now"}} if "span" in wanted else {}


def _with_help(panel: Json, helps: list[str]) -> None:
    saved = panel["embeddableConfig"].get("savedVis", {})
    if saved.get("type") == "markdown" and saved["params"]["markdown"].strip() == "{help}":
        saved["params"]["markdown"] = "\n".join(helps)


def main() -> None:
    from kb_dashboard_core.dashboard_compiler import load, render  # type: ignore[import-not-found,unused-ignore]

    COMPILED.mkdir(exist_ok=True)
    for target, names in (("person", PERSON), ("operator", OPERATOR)):
        lines = [json.dumps({"glucoflow": {"sources": sources_hash()}})]
        for name in names:
            for dashboard in load(str(HERE / "dashboards" / f"{name}.yaml")):
                made = render(dashboard).model_dump(by_alias=True, exclude_none=True)
                lines.append(json.dumps(finished(made, "cgm-view-{key}"), ensure_ascii=False))
        (COMPILED / f"{target}.ndjson").write_text("\n".join(lines) + "\n", encoding="utf-8")
        sys.stdout.write(f"{target}: {len(names)} dashboards\n")


if __name__ == "__main__":
    main()
