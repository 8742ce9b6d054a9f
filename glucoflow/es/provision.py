"""Puts templates where they are older than ours, and makes a person's index before its first document.

Indices are only ever made here: the templates forbid Elasticsearch to create one by itself, and the sink writes through
aliases only. So a write that comes after a person was deleted cannot bring their index back.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from elasticsearch import ApiError, BadRequestError, Elasticsearch

from glucoflow.es.error_translation import error_type, translated
from glucoflow.es.names import Names
from glucoflow.model.errors import Fatal, Retryable

log = logging.getLogger(__name__)

_PACKAGED = Path(__file__).parents[1] / "_data" / "index_templates"
_IN_TREE = Path(__file__).parents[2] / "index_templates"

COMPONENTS = ("settings", "core", "glucose", "events", "devices", "summaries", "payload")
INDEX_TEMPLATES = ("user", "runs")


class Provisioned(msgspec.Struct, frozen=True, kw_only=True):
    """What `provision` changed. `outdated` are indices that only a migration can bring to the new mapping."""

    templates: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()


def template_folder() -> Path:
    """Where the template files are: in the installed package, else in the source tree."""
    return _PACKAGED if _PACKAGED.is_dir() else _IN_TREE


def component_body(part: str) -> dict[str, Any]:
    """A component template as its file says."""
    return _read("component", part, Names())


def mapping_properties() -> dict[str, Any]:
    """The fields of a person's index: the components' together, as in a mapping's `properties`."""
    merged: dict[str, Any] = {}
    for part in COMPONENTS:
        merged |= component_body(part)["template"].get("mappings", {}).get("properties", {})
    return merged


def provision(client: Elasticsearch, names: Names) -> Provisioned:
    """Bring templates, and the mappings of indices that are there, to this version; never back to an older one.

    Fields that a newer version adds are added to existing indices in place. What cannot be changed in place is
    returned as `outdated` and left to `migrate`. Safe to run at any time, and for several at once.
    """
    put = []
    with translated("set up its templates"):
        for part in COMPONENTS:
            name = names.component(part)
            if _put_if_newer(client, "component", name, _read("component", part, names)):
                put.append(name)
        for kind in INDEX_TEMPLATES:
            body = _read("index", kind, names)
            body["priority"] += len(names.prefix if kind == "user" else names.runs)
            body["template"]["mappings"]["_meta"] = _mapping(kind, names)[1]
            name = names.template(kind)
            if _put_if_newer(client, "index", name, body):
                put.append(name)
        updated, outdated = _refresh_mappings(client, names)
    if put or updated or outdated:
        log.info("templates put", extra={"templates": len(put), "updated": len(updated), "outdated": len(outdated)})
    return Provisioned(templates=tuple(put), updated=updated, outdated=outdated)


def ensure_index(client: Elasticsearch, names: Names, user_id: str) -> str:
    """The alias of a person's index, which is there afterwards, empty if it was not there before."""
    alias = names.alias(user_id)
    _ensure(client, names, alias, names.first_index(user_id))
    return alias


def ensure_runs(client: Elasticsearch, names: Names) -> str:
    """The alias of the index of pipeline runs, which is there afterwards."""
    _ensure(client, names, names.runs, names.runs_index)
    return names.runs


def delete_user(client: Elasticsearch, names: Names, user_id: str) -> int:
    """Delete all generations of a person's index, and with them every document; returns how many indices went."""
    alias = names.alias(user_id)
    with translated("delete an index"):
        found = client.indices.get(index=f"{alias}-*", filter_path="*.settings.index.uuid", expand_wildcards="all").body
        own = [index for index in found if names.user_of(index) == user_id]
        if own:
            client.indices.delete(index=",".join(sorted(own)))
    return len(own)


def _ensure(client: Elasticsearch, names: Names, alias: str, index: str) -> None:
    with translated("create an index"):
        if client.indices.exists_alias(name=alias):
            return
    provision(client, names)
    with translated("create an index"):
        try:
            client.indices.create(index=index, aliases={alias: {"is_write_index": True}})
            log.info("index created")
        except BadRequestError as error:
            if error_type(error.body) != "resource_already_exists_exception":
                raise
    with translated("create an index"):
        # Another process may have been faster: then index and alias came in one step. An index without its alias is
        # a generation that a migration is just filling or left behind, and not ours to write to.
        if not client.indices.exists_alias(name=alias):
            raise Retryable(
                "A person's index has no alias; a move to a new mapping may be under way.",
                remedy="If this lasts, run `glucoflow provision`.",
            )


def _read(folder: str, name: str, names: Names) -> dict[str, Any]:
    path = template_folder() / folder / f"{name}.json"
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


def _put_if_newer(client: Elasticsearch, kind: str, name: str, body: Mapping[str, Any]) -> bool:
    """Whether the template was put. The fingerprint tells apart two states of one version, as developers make them."""
    stored = _stored(client, kind, name)
    if stored is not None:
        version = stored.get("version", 0)
        if version > body["version"]:
            log.warning("the template %s is newer than this glucoflow; it is left as it is", name)
            return False
        if version == body["version"] and stored.get("_meta", {}).get("fingerprint") == body["_meta"]["fingerprint"]:
            return False
    if kind == "component":
        client.cluster.put_component_template(
            name=name, template=body["template"], version=body["version"], meta=body["_meta"]
        )
    else:
        client.indices.put_index_template(
            name=name, index_patterns=body["index_patterns"], composed_of=body["composed_of"],
            template=body["template"], priority=body["priority"], version=body["version"], meta=body["_meta"],
            allow_auto_create=body["allow_auto_create"],
        )  # fmt: skip
    return True


def _stored(client: Elasticsearch, kind: str, name: str) -> Mapping[str, Any] | None:
    quiet = client.options(ignore_status=404)
    if kind == "component":
        found = quiet.cluster.get_component_template(name=name).body.get("component_templates", [])
        return found[0]["component_template"] if found else None
    found = quiet.indices.get_index_template(name=name).body.get("index_templates", [])
    return found[0]["index_template"] if found else None


def _mapping(kind: str, names: Names) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of a kind of index, and the `_meta` by which an index tells which fields it has."""
    mappings = _read("index", kind, names)["template"]["mappings"]
    properties = mapping_properties() if kind == "user" else mappings["properties"]
    return properties, {**mappings["_meta"], "fingerprint": _fingerprint(properties)}


def _refresh_mappings(client: Elasticsearch, names: Names) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Add new fields to the indices that are there; returns those changed and those that need a migration."""
    updated, outdated = [], []
    mappings = {kind: _mapping(kind, names) for kind in INDEX_TEMPLATES}
    runs = client.indices.exists(index=names.runs_index)
    there = [(index, "user") for index in user_indices(client, names)] + ([(names.runs_index, "runs")] if runs else [])
    for index, kind in there:
        properties, meta = mappings[kind]
        found = client.indices.get_mapping(index=index, filter_path="*.mappings._meta").body
        stored = found.get(index, {}).get("mappings", {}).get("_meta", {})
        if stored.get("version", 0) > meta["version"] or stored.get("fingerprint") == meta["fingerprint"]:
            continue
        try:
            client.indices.put_mapping(index=index, properties=properties, meta=meta)
            updated.append(index)
        except ApiError as error:
            if error.meta.status != 400 or kind == "runs":  # whose fields are only ever added to
                raise
            outdated.append(index)
    return tuple(updated), tuple(outdated)


def user_indices(client: Elasticsearch, names: Names) -> tuple[str, ...]:
    """The concrete indices that people's aliases point to now."""
    found = client.indices.get_alias(index=names.pattern, filter_path="*.aliases").body
    return tuple(
        index
        for index, entry in sorted(found.items())
        if (user_id := names.user_of(index)) is not None and names.alias(user_id) in entry.get("aliases", {})
    )
