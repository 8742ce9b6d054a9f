"""Index prefixes that nobody else uses, one test after the other: putting templates anew costs more than many a sync,
and each that stays makes every index that comes after it dearer."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from glucoflow.es.names import Names
from tests.node import Node

_FREE: list[str] = []
"""Prefixes whose templates are there and whose indices are gone."""


@contextmanager
def own_prefix(node: Node) -> Iterator[str]:
    """An index prefix under which nobody else's indices are; its own are gone afterwards."""
    prefix = _FREE.pop() if _FREE else f"t{uuid.uuid4().hex[:8]}-"
    yield prefix
    names = Names.below(prefix)
    with node.client() as client:
        found = list(client.indices.get(index=[names.pattern, f"{names.runs}*"], expand_wildcards="all"))
        if found:
            client.indices.delete(index=found)
    _FREE.append(prefix)
