"""Moves a person's index to a new mapping behind its alias, while it is read and written.

1. A new generation is made from the templates and filled from a view of the old one, documents as they are.
2. What was written meanwhile is copied, found by its sequence number, until little is left.
3. The old index takes no writes for a moment (writers wait and try again), the rest is copied, what was deleted
   meanwhile is deleted, the alias is switched in one step, and the old index goes when nothing reads it any more.
Reads see the old index until the switch and the new one after it. A move that breaks off leaves the old index in use.
Whoever still reads the old index when we cease to wait keeps it: the next `retire_left_over` looks again.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import msgspec
from elasticsearch import BadRequestError, Elasticsearch

from glucoflow.es.bulk import post
from glucoflow.es.encode import Item, encode_delete, encode_stored
from glucoflow.es.error_translation import error_type, translated
from glucoflow.es.indices import Index
from glucoflow.es.names import GENERATION, Names
from glucoflow.es.provision import ensure_shared, place
from glucoflow.es.scan import Hit, refresh, scan
from glucoflow.es.templates import component_body, index_fields
from glucoflow.model.documents import Id
from glucoflow.model.errors import Fatal, Retryable

log = logging.getLogger(__name__)

CHUNK = 2_000
ABANDONED = timedelta(hours=1)
"""A half-filled generation older than this belongs to a move that died."""

_CATCH_UP_ROUNDS = 5
_LITTLE = 500
_LOOKS, _LOOK_EVERY_S = 50, 0.1
_BY_SEQ_NO = ({"_seq_no": "asc"},)


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """What a move did. `old` is gone, or with `old_stays` still read and left to the next `retire_left_over`."""

    old: str
    new: str
    documents: int
    old_stays: bool = False


def migrate(client: Elasticsearch, names: Names, index: Index, now: datetime) -> Migration:
    """Move one index, which its alias must point to, to its next generation; `provision` must have run.

    Raises Retryable while another move of the same index is under way, Fatal where the new mapping refuses a document.
    """
    alias = index.alias
    if alias is None or alias == names.runs:
        raise Fatal(f"{index.name} is not the index of a person.")
    old, new = index.name, names.next_index(index.name)
    with translated("move an index"):
        _claim(client, index, new, now)
        try:
            documents = _filled(client, old, new, routed=index.shared)
            _switch(client, alias, old, new)
        except BaseException:
            _undo(client, alias, old, new)
            raise
        gone = _retire(client, old, _LOOKS)
    log.info("index moved to a new mapping", extra={"documents": documents})
    return Migration(old=old, new=new, documents=documents, old_stays=not gone)


def move_to_shared(client: Elasticsearch, names: Names, index: Index, user_id: str) -> Migration:
    """Move one person from an index of their own to their place in a shared one, while it is read and written.

    As in `migrate`, with another alias for the time being. Raises as it does.
    """
    alias, old, moving = names.alias(user_id), index.name, names.moving_alias(user_id)
    with translated("move a person to a shared index"):
        shared = ensure_shared(client, names, user_id)
        client.indices.update_aliases(actions=[place(user_id, moving, shared.name)])
        try:
            documents = _filled(client, old, moving)
            leave: list[dict[str, Any]] = [
                {"remove": {"index": old, "alias": alias}},
                {"remove": {"index": shared.name, "alias": moving}},
            ]
            client.indices.update_aliases(actions=[*leave, place(user_id, alias, shared.name)])
        except BaseException:
            _give_up(client, alias, old, moving)
            raise
        gone = _retire(client, old, _LOOKS)
    log.info("a person moved to a shared index", extra={"documents": documents})
    return Migration(old=old, new=shared.name, documents=documents, old_stays=not gone)


def _give_up(client: Elasticsearch, alias: str, old: str, moving: str) -> None:
    """Back to the old index, unless the switch took place after all."""
    quiet = client.options(ignore_status=404)
    if old in quiet.indices.get_alias(name=alias).body:
        quiet.indices.delete_alias(index="*", name=moving)
        quiet.indices.put_settings(index=old, settings={"index.blocks.write": None})


def retire_left_over(client: Elasticsearch, indices: Sequence[Index]) -> tuple[str, ...]:
    """Delete generations that a move left behind because they were still read; the names of those that went."""
    current = {_alias_of(one): one for one in indices if one.alias is not None}
    gone = []
    for one in indices:
        newer = current.get(_alias_of(one))
        # A generation above the one in use is one that a move is just filling.
        if one.alias is None and newer is not None and one.name < newer.name:
            with translated("delete an index"):
                if _retire(client, one.name, looks=1):
                    gone.append(one.name)
    return tuple(gone)


def _claim(client: Elasticsearch, old: Index, new: str, now: datetime) -> None:
    """Create the new generation; its name is the lock between two movers."""
    for _ in range(2):
        try:
            client.indices.create(index=new, settings={"index.refresh_interval": "-1"})
        except BadRequestError as error:
            if error_type(error.body) != "resource_already_exists_exception":
                raise
        else:
            uuid = client.indices.get_settings(index=new, flat_settings=True).body[new]["settings"]["index.uuid"]
            client.indices.put_mapping(index=new, meta={**index_fields("user").meta, **old.handing_on(uuid)})
            return
        settings = client.indices.get_settings(index=new, flat_settings=True).body[new]["settings"]
        age = now.timestamp() - int(settings["index.creation_date"]) / 1000
        if age < ABANDONED.total_seconds():
            break
        client.indices.delete(index=new)
    raise Retryable("This index is just being moved by somebody else.", remedy="Wait for that to end.")


def _filled(client: Elasticsearch, old: str, new: str, *, routed: bool = False) -> int:
    """Copy all, until `new` holds what `old` does, which takes no writes any more; how many documents those are."""
    copied = _copy(client, old, new, after=-1, routed=routed)
    for _ in range(_CATCH_UP_ROUNDS):
        before, copied = copied, _copy(client, old, new, after=copied, routed=routed)
        if copied - before < _LITTLE:
            break
    client.indices.add_block(index=old, block="write")
    _copy(client, old, new, after=copied, routed=routed)
    return _match(client, old, new)


class _Owned(msgspec.Struct):
    user: Id


def _copy(client: Elasticsearch, old: str, new: str, after: int, *, routed: bool = False) -> int:
    """Copy what was written to `old` behind the sequence number `after`; returns up to which nothing can be missing.

    That is the shard's checkpoint before the refresh: writes of a higher number may still have been under way.
    `routed`: documents of many people, each of whom has their own routing.
    """
    stats = client.indices.stats(index=old, level="shards", filter_path="indices.*.shards.*.seq_no").body
    (shards,) = (entry["shards"] for entry in stats["indices"].values())
    complete = max(int(copy["seq_no"]["local_checkpoint"]) for copies in shards.values() for copy in copies)
    refresh(client, old)
    hits = scan(client, old, {"range": {"_seq_no": {"gt": after}}}, sort=_BY_SEQ_NO)
    while part := list(islice(hits, CHUNK)):
        _write(client, new, [encode_stored(hit.id, bytes(hit.source), _routing(hit) if routed else "") for hit in part])
    return complete


def _routing(hit: Hit) -> str:
    return msgspec.json.decode(hit.source, type=_Owned).user.id


def _write(client: Elasticsearch, index: str, items: list[Item]) -> None:
    for item, answer in zip(items, post(client, index, items, alias=False), strict=True):
        if answer["status"] in (200, 201) or (not item.body and answer["status"] == 404):
            continue
        kind = answer.get("error", {}).get("type", "")
        if answer["status"] == 400:
            raise Fatal(
                f"The new mapping refuses a document that is stored now ({kind}); nothing was changed.",
                remedy="This is a fault in glucoflow's templates; please report it.",
            )
        raise Retryable(f"Elasticsearch could not take a copy: status {answer['status']} ({kind}).")


def _match(client: Elasticsearch, old: str, new: str) -> int:
    """Delete from `new` what `old` no longer holds; returns how many documents both hold then."""
    refresh(client, old)
    refresh(client, new)
    if _count(client, old) != _count(client, new):
        hits = scan(client, new, sort=_BY_SEQ_NO, source=False)
        while part := list(islice(hits, CHUNK)):
            gone = list(_missing(client, old, part))
            if gone:
                _write(client, new, [encode_delete(key) for key in gone])
        refresh(client, new)
    documents = _count(client, new)
    if _count(client, old) != documents:
        raise Fatal("After the move the two indices differ; the old one stays in use.")
    return documents


def _missing(client: Elasticsearch, index: str, hits: list[Hit]) -> Iterator[str]:
    answer = client.mget(index=index, ids=[hit.id for hit in hits], source=False, filter_path="docs._id,docs.found")
    return (doc["_id"] for doc in answer.body["docs"] if not doc["found"])


def _switch(client: Elasticsearch, alias: str, old: str, new: str) -> None:
    usual = component_body("settings")["template"]["settings"]["index"]["refresh_interval"]
    client.indices.put_settings(index=new, settings={"index.refresh_interval": usual})
    while held := client.indices.get_alias(index=old).body[old]["aliases"]:  # of a shared one those of many people
        actions: list[dict[str, Any]] = [{"remove": {"index": old, "alias": one}} for one in held]
        actions += [_as_it_was(new, one, entry, alias) for one, entry in held.items()]
        client.indices.update_aliases(actions=actions)


def _as_it_was(new: str, alias: str, entry: dict[str, Any], whole: str) -> dict[str, Any]:
    """The action that lets an alias lead to the new index, with its filter and routing."""
    routing = {name: entry[name] for name in ("index_routing", "search_routing", "filter") if name in entry}
    writes = {"is_write_index": True} if alias == whole or "is_write_index" in entry else {}
    return {"add": {"index": new, "alias": alias, **routing, **writes}}


def _retire(client: Elasticsearch, old: str, looks: int) -> bool:
    """Delete the old index once nothing reads it; searches that began on it would fail. Whether it went."""
    for _ in range(looks):
        time.sleep(_LOOK_EVERY_S)  # first of all: a search may have found the index and not begun yet
        stats = client.indices.stats(index=old, metric="search", filter_path="_all.total.search").body
        search = stats["_all"]["total"]["search"]
        if not search["query_current"] and not search["open_contexts"]:  # the latter are long reads between two pages
            client.indices.delete(index=old)
            return True
    return False


def _alias_of(index: Index) -> str:
    return GENERATION.sub("", index.name)


def _undo(client: Elasticsearch, alias: str, old: str, new: str) -> None:
    """Back to the old index, unless the switch took place after all (its answer may have been lost)."""
    quiet = client.options(ignore_status=404)
    if quiet.indices.get_alias(name=alias).body.get(new) is None:
        quiet.indices.delete(index=new)
        quiet.indices.put_settings(index=old, settings={"index.blocks.write": None})


def _count(client: Elasticsearch, index: str) -> int:
    return int(client.count(index=index).body["count"])
