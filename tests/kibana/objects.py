"""Exported objects opened again, so that tests can look inside."""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from glucoflow.kibana import export_operator, export_person
from tests.kibana.conftest import ANNA, BEN, RUNS_INDEX

Json = dict[str, Any]


class Panel(NamedTuple):
    dashboard: Json
    panel: Json

    @property
    def config(self) -> Json:
        config: Json = self.panel["embeddableConfig"]
        return config

    @property
    def name(self) -> str:
        """The panel's index without the dashboard's name before it."""
        board = self.dashboard["id"].split("-")[1]
        index: str = self.panel["panelIndex"]
        assert index.startswith(f"{board}-")
        return index.removeprefix(f"{board}-")

    def __str__(self) -> str:
        return f"{self.dashboard['id']}/{self.panel['panelIndex']}"


def opened(ndjson: bytes) -> list[Json]:
    return [json.loads(line) for line in ndjson.splitlines()]


ANNAS = opened(export_person(ANNA))
BENS = opened(export_person(BEN))
OPERATORS = opened(export_operator(runs_index=RUNS_INDEX))
FILES = {"anna": ANNAS, "ben": BENS, "operator": OPERATORS}


def panels(objects: list[Json]) -> list[Panel]:
    boards = [one for one in objects if one["type"] == "dashboard"]
    return [Panel(board, panel) for board in boards for panel in json.loads(board["attributes"]["panelsJSON"])]


ALL_PANELS = [panel for objects in FILES.values() for panel in panels(objects)]
LENS = [one for one in ALL_PANELS if one.panel["type"] == "lens"]


def state(panel: Panel) -> Json:
    found: Json = panel.config["attributes"]["state"]
    return found


def layers(panel: Panel) -> dict[str, Json]:
    found: dict[str, Json] = state(panel)["datasourceStates"]["formBased"]["layers"]
    return found


def values_of(node: Any, name: str) -> Iterator[Any]:
    """Every value under a key of that name, however deep."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == name:
                yield value
            yield from values_of(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from values_of(value, name)
