"""Puts templates where they are older than ours, and makes a person's index before its first document.

Indices are only ever made here: the templates forbid Elasticsearch to create one by itself, and the sink writes through
aliases only. So a write that comes after a person was deleted cannot bring their index back.
"""

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from elasticsearch import ApiError, BadRequestError, Elasticsearch

from glucoflow.es.error_translation import error_type, translated
from glucoflow.es.indices import Index, all_indices, index_behind
from glucoflow.es.names import Names
from glucoflow.es.templates import COMPONENTS, INDEX_TEMPLATES, IndexKind, component_body, index_body, index_fields
from glucoflow.model.errors import Retryable
from glucoflow.model.person_id import fits

log = logging.getLogger(__name__)

_AT_A_TIME = 5_000
_LOOK_AGAIN_S = 0.2


class Provisioned(msgspec.Struct, frozen=True, kw_only=True):
    """What `provision` changed, and which indices there are. `outdated` ones only a move brings to the new mapping."""

    templates: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    outdated: tuple[Index, ...] = ()
    indices: tuple[Index, ...] = ()


def provision(client: Elasticsearch, names: Names) -> Provisioned:
    """Bring templates, and the mappings of indices that are there, to this version; never back to an older one.

    Fields that a newer version adds are added to existing indices in place. What cannot be changed in place is
    returned as `outdated`, for `migrate` to move. Safe to run at any time, and for several at once. Three requests
    where nothing changed, however many people there are.
    """
    with translated("set up its templates"):
        put = (*_put_components(client, names), *_put_index_templates(client, names))
        indices = all_indices(client, names)
        updated, outdated = _refresh_mappings(client, names, indices)
    if put or updated or outdated:
        log.info("templates put", extra={"templates": len(put), "updated": len(updated), "outdated": len(outdated)})
    return Provisioned(templates=put, updated=updated, outdated=outdated, indices=indices)


def ensure_index(client: Elasticsearch, names: Names, user_id: str) -> Index:
    """A person's index, or their place in a shared one: there afterwards, with this version's fields where they could
    be added. Where it is already, it stays the one that it is, whatever the layout.

    One request where it is there already. Raises Fatal where it is closed.
    """
    alias = names.alias(user_id)
    if not names.shared:
        return _ensure(client, names, alias, names.first_index(user_id), "user")
    with translated("look for an index"):
        found = index_behind(client, names, alias)
    if found is None:
        shared = ensure_shared(client, names, user_id)
        with translated("give a person a place in a shared index"):
            client.indices.update_aliases(actions=[place(user_id, alias, shared.name)])
    elif not found.has(index_fields("user")):
        provision(client, names)
    else:
        return found
    with translated("look for an index"):
        behind = index_behind(client, names, alias)
    if behind is None:
        raise Retryable("A person's place in a shared index was taken away while it was made.")
    return msgspec.structs.replace(behind, made=found is None)


def ensure_shared(client: Elasticsearch, names: Names, user_id: str) -> Index:
    """The shared index in which a person has, or gets, their place."""
    alias = names.shared_alias(user_id)
    return _ensure(client, names, alias, f"{alias}-000001", "user")


def place(user_id: str, alias: str, index: str) -> dict[str, Any]:
    """The action that lets `alias` show one person's documents of a shared index, and write there."""
    only_theirs = {"term": {"user.id": user_id}}
    return {"add": {"index": index, "alias": alias, "filter": only_theirs, "routing": user_id, "is_write_index": True}}


def ensure_runs(client: Elasticsearch, names: Names) -> Index:
    """The index of pipeline runs, likewise."""
    return _ensure(client, names, names.runs, names.runs_index, "runs")


def delete_user(client: Elasticsearch, names: Names, user_id: str) -> int:
    """Delete all generations of a person's index, and with them every document; returns how many indices went.

    None, and no error, for an id that can have no index, as a row may have that is older than the rule of ids.
    """
    if not fits(user_id):
        return 0
    alias = names.alias(user_id)
    with translated("delete a person's documents"):
        places = _leave_shared(client, names, user_id)
    with translated("delete an index"):
        found = client.indices.get(index=f"{alias}-*", filter_path="*.settings.index.uuid", expand_wildcards="all").body
        own = [index for index in found if names.user_of(index) == user_id]
        if own:
            client.indices.delete(index=",".join(sorted(own)))
    return len(own) + places


def _leave_shared(client: Elasticsearch, names: Names, user_id: str) -> int:
    """Take a person's place in a shared index away, then all of their documents; how many places those were.

    The alias goes first: whoever begins to write then is refused. What was under way is found by looking again.
    """
    if not client.indices.exists(index=names.shared_pattern, allow_no_indices=False):
        return 0
    aliases = [names.alias(user_id), names.moving_alias(user_id)]
    found = client.options(ignore_status=404).indices.get_alias(name=",".join(aliases), index=names.shared_pattern).body
    held = {index: entry for index, entry in found.items() if isinstance(entry, dict) and "aliases" in entry}
    placed = {index: entry["aliases"] for index, entry in held.items()}
    actions = [{"remove": {"index": index, "alias": one}} for index, theirs in placed.items() for one in theirs]
    if actions:
        client.indices.update_aliases(actions=actions)
    while delete_where(client, names.shared_pattern, {"term": {"user.id": user_id}}):
        time.sleep(_LOOK_AGAIN_S)
    return sum(names.alias(user_id) in theirs for theirs in placed.values())


def delete_where(client: Elasticsearch, index: str, query: Mapping[str, Any]) -> int:
    """Delete what matches in an index (or several), those just written included; how many went."""
    client.indices.refresh(index=index)
    gone = 0
    while True:
        answer = client.search(index=index, query=query, size=_AT_A_TIME, source=False, track_total_hits=False)
        hits = answer["hits"]["hits"]
        lines = [
            {"delete": {"_index": hit["_index"], "_id": hit["_id"], "routing": hit.get("_routing")}} for hit in hits
        ]
        if not lines:
            return gone
        if client.bulk(operations=lines, refresh=True)["errors"]:
            raise Retryable("Elasticsearch did not delete a person's documents.", remedy="Try again later.")
        gone += len(lines)


def _ensure(client: Elasticsearch, names: Names, alias: str, first: str, kind: IndexKind) -> Index:
    with translated("look for an index"):
        found = index_behind(client, names, alias)
    if found is not None and found.has(index_fields(kind)):
        return found
    provision(client, names)
    made = found is None and _create(client, alias, first)
    with translated("look for an index"):
        found = index_behind(client, names, alias)
    if found is None:
        # Another process may have been faster: then index and alias came in one step. An index without its alias is
        # a generation that a migration is just filling or left behind, and not ours to write to.
        raise Retryable(
            "A person's index has no alias; a move to a new mapping may be under way.",
            remedy="If this lasts, run `glucoflow provision`.",
        )
    return msgspec.structs.replace(found, made=made)


def _create(client: Elasticsearch, alias: str, index: str) -> bool:
    """Whether it was us who created it."""
    with translated("create an index"):
        try:
            client.indices.create(index=index, aliases={alias: {"is_write_index": True}})
        except BadRequestError as error:
            if error_type(error.body) != "resource_already_exists_exception":
                raise
            return False
    log.info("index created")
    return True


def _put_components(client: Elasticsearch, names: Names) -> Iterator[str]:
    pattern = names.component("*")
    found = client.options(ignore_status=404).cluster.get_component_template(name=pattern).body
    stored = {one["name"]: one["component_template"] for one in found.get("component_templates", [])}
    for part in COMPONENTS:
        name, body = names.component(part), component_body(part, names)
        if _newer(name, body, stored.get(name)):
            client.cluster.put_component_template(
                name=name, template=body["template"], version=body["version"], meta=body["_meta"]
            )
            yield name


def _put_index_templates(client: Elasticsearch, names: Names) -> Iterator[str]:
    found = client.options(ignore_status=404).indices.get_index_template(name=names.template("*")).body
    stored = {one["name"]: one["index_template"] for one in found.get("index_templates", [])}
    for kind in INDEX_TEMPLATES:
        name, body = names.template(kind), index_body(kind, names)
        if _newer(name, body, stored.get(name)):
            client.indices.put_index_template(
                name=name,
                index_patterns=body["index_patterns"],
                composed_of=body["composed_of"],
                template=body["template"],
                priority=body["priority"],
                version=body["version"],
                meta=body["_meta"],
                allow_auto_create=body["allow_auto_create"],
            )
            yield name


def _newer(name: str, ours: Mapping[str, Any], stored: Mapping[str, Any] | None) -> bool:
    """Whether ours is to be put. The fingerprint tells apart two states of one version, as developers make them."""
    if stored is None:
        return True
    version = stored.get("version", 0)
    if version > ours["version"]:
        log.warning("the template %s is newer than this glucoflow; it is left as it is", name)
        return False
    same = stored.get("_meta", {}).get("fingerprint") == ours["_meta"]["fingerprint"]
    return not (version == ours["version"] and same)


def _refresh_mappings(
    client: Elasticsearch, names: Names, indices: Iterable[Index]
) -> tuple[tuple[str, ...], tuple[Index, ...]]:
    """Add new fields to the indices in use; returns those changed and those that only a move can change."""
    updated, outdated = [], []
    fields = {kind: index_fields(kind) for kind in INDEX_TEMPLATES}
    for index in indices:
        kind: IndexKind = "runs" if index.alias == names.runs else "user"
        if index.alias is None or index.closed or index.has(fields[kind]):
            continue
        try:
            meta = {**index.meta, **fields[kind].meta}
            client.indices.put_mapping(index=index.name, properties=fields[kind].properties, meta=meta)
            updated.append(index.name)
        except ApiError as error:
            if error.meta.status != 400 or kind == "runs":  # whose fields are only ever added to
                raise
            outdated.append(index)
    return tuple(updated), tuple(outdated)
