"""Which indices there are, as one request tells: behind which alias, with which fields, and whether made anew."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from elasticsearch import Elasticsearch

from glucoflow.es.error_translation import index_closed
from glucoflow.es.names import GENERATION, Names
from glucoflow.es.templates import IndexFields

_ASKED = (
    "*.aliases",
    "*.mappings._meta",
    "*.settings.index.uuid",
    "*.settings.index.verified_before_close",
    "*.settings.index.routing.allocation.exclude._name",
)

ARRIVING = "index.routing.allocation.exclude._name"
"""Holds the id of the backup whose snapshot an index is just restored from: it is the one free text that a restore may
set, and no node has this name."""


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """One generation of an index. `alias` is the name that points to it, None for one that nobody reaches.

    `made` says that whoever returned this has just created it, or made a place for a person in it. `people` are those
    who have a place, where many share it. `arriving` is the backup from whose snapshot it is just restored.
    """

    name: str
    uuid: str
    alias: str | None = None
    closed: bool = False
    meta: Mapping[str, Any] = {}
    made: bool = False
    shared: bool = False
    people: tuple[str, ...] = ()
    arriving: str | None = None

    @property
    def lineage(self) -> str:
        """What stays the same when the index moves to a new generation, and changes when it is made anew or restored.

        It is the first generation's uuid, which a move hands on beside the uuid that it is handed to: a copy from a
        snapshot gets a uuid of its own, and with it a lineage of its own.
        """
        handed_on = self.meta.get("lineage", {})
        return str(handed_on["first"]) if handed_on.get("to") == self.uuid else self.uuid

    def handing_on(self, to: str) -> dict[str, Any]:
        """The part of `_meta` that gives this index's lineage to the generation with the uuid `to`."""
        return {"lineage": {"first": self.lineage, "to": to}}

    def has(self, fields: IndexFields) -> bool:
        """Whether it has these fields, or newer ones."""
        return self.meta.get("version", 0) > fields.version or self.meta.get("fingerprint") == fields.fingerprint


def all_indices(client: Elasticsearch, names: Names) -> tuple[Index, ...]:
    """Every generation of everybody's index and of the runs', by name. Raises the driver's errors."""
    found = client.indices.get(
        index=[names.pattern, f"{names.runs}-*"],
        features=["aliases", "mappings", "settings"],
        filter_path=_ASKED,
        expand_wildcards="all",
    )
    return tuple(_index(name, entry, names) for name, entry in sorted(found.body.items()) if _ours(name, names))


def owners(indices: Iterable[Index], names: Names) -> set[str]:
    """The people whose indices these are, or who have a place in them."""
    own = {user_id for one in indices if (user_id := names.user_of(one.name)) is not None}
    return own.union(*(one.people for one in indices))


def index_behind(client: Elasticsearch, names: Names, alias: str) -> Index | None:
    """The index that this alias points to. Raises the driver's errors, and Fatal where the index is closed."""
    asked = (f"*.aliases.{alias}", *_ASKED[1:])  # of a shared index not everybody's
    found = client.options(ignore_status=404).indices.get(
        index=alias, features=["aliases", "mappings", "settings"], filter_path=asked
    )
    if found.meta.status == 404:
        return None
    behind = [_index(name, entry, names, alias) for name, entry in found.body.items()]
    index = next((one for one in behind if one.alias == alias), None)
    if index is not None and index.closed:
        raise index_closed()
    return index


def _ours(name: str, names: Names) -> bool:
    return names.user_of(name) is not None or names.is_shared(name) or name.startswith(f"{names.runs}-")


def _index(name: str, entry: Mapping[str, Any], names: Names, asked: str | None = None) -> Index:
    """`asked`: the alias that was asked for, which of a shared index is a person's, or its own."""
    settings, aliases = entry["settings"]["index"], entry.get("aliases", {})
    shared = names.is_shared(name)
    alias = asked or (names.runs if names.user_of(name) is None and not shared else GENERATION.sub("", name))
    return Index(
        name=name,
        uuid=settings["uuid"],
        alias=alias if alias in aliases else None,
        closed=settings.get("verified_before_close") == "true",
        meta=entry.get("mappings", {}).get("_meta", {}),
        shared=shared,
        people=tuple(sorted(filter(None, map(names.user_of, aliases)))) if shared else (),
        arriving=settings.get("routing", {}).get("allocation", {}).get("exclude", {}).get("_name"),
    )
