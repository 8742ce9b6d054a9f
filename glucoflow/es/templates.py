"""The index templates as their files say, and the marks by which a stored one, or an index, is told from them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from glucoflow.es.names import Names
from glucoflow.files import packaged
from glucoflow.model.errors import Fatal

COMPONENTS = ("settings", "core", "glucose", "events", "devices", "summaries", "payload")

IndexKind = Literal["user", "runs"]
INDEX_TEMPLATES: tuple[IndexKind, ...] = ("user", "runs")


class IndexFields(msgspec.Struct, frozen=True):
    """The fields of a kind of index, and the `_meta` by which an index tells that it has them."""

    properties: Mapping[str, Any]
    meta: Mapping[str, Any]

    @property
    def version(self) -> int:
        return int(self.meta["version"])

    @property
    def fingerprint(self) -> str:
        return str(self.meta["fingerprint"])


def component_body(part: str, names: Names = Names()) -> dict[str, Any]:
    """A component template as its file says."""
    return _read("component", part, names)


def index_body(kind: IndexKind, names: Names) -> dict[str, Any]:
    """An index template for these names. Indices made from it carry the marks of their fields."""
    body = _read("index", kind, names)
    body["priority"] += len(names.prefix if kind == "user" else names.runs)
    body["template"]["mappings"]["_meta"] = index_fields(kind).meta
    return body


def index_fields(kind: IndexKind) -> IndexFields:
    """What an index of this kind has in this version."""
    mappings = _read("index", kind, Names())["template"]["mappings"]
    properties = mapping_properties() if kind == "user" else mappings["properties"]
    return IndexFields(properties, {**mappings["_meta"], "fingerprint": _fingerprint(properties)})


def mapping_properties() -> dict[str, Any]:
    """The fields of a person's index: the components' together, as in a mapping's `properties`."""
    merged: dict[str, Any] = {}
    for part in COMPONENTS:
        merged |= component_body(part)["template"].get("mappings", {}).get("properties", {})
    return merged


def _read(folder: str, name: str, names: Names) -> dict[str, Any]:
    path = packaged("index_templates") / folder / f"{name}.json"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Fatal(f"The index template {path.name} is missing.", remedy="Install glucoflow again.") from error
    for placeholder, value in (("prefix", names.prefix), ("runs", names.runs), ("component", names.component(""))):
        text = text.replace("{" + placeholder + "}", value)
    body: dict[str, Any] = json.loads(text)
    body["_meta"] = {**body["_meta"], "fingerprint": _fingerprint(body)}
    return body


def _fingerprint(body: Mapping[str, Any]) -> str:
    return hashlib.blake2b(json.dumps(body, sort_keys=True).encode(), digest_size=8).hexdigest()
