"""A person's documents taken out as lines, and put into a new index elsewhere, as they were.

An index that is being filled says so in its `_meta` and has no alias, so nobody reads or writes it. It gets the lineage
of the index that it stands for, by which checkpoints know that they speak of it: a sync goes on where it was.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

import msgspec
from elastic_transport import ObjectApiResponse
from elasticsearch import BadRequestError, Elasticsearch

from glucoflow.checksums import Sum
from glucoflow.es.bulk import Target, deliver
from glucoflow.es.encode import encode_stored
from glucoflow.es.error_translation import error_type, translated
from glucoflow.es.indices import ARRIVING, Index, all_indices
from glucoflow.es.names import Names
from glucoflow.es.retrier import Retrier
from glucoflow.es.scan import refresh, scan
from glucoflow.es.templates import component_body
from glucoflow.model.errors import Fatal, Retryable

CHUNK = 2_000
_CHUNK_BYTES = 8 * 2**20


class Line(msgspec.Struct, frozen=True, rename={"id": "_id", "source": "_source"}):
    """One document: its id, and its JSON byte for byte."""

    id: str
    source: msgspec.Raw


def lines(client: Elasticsearch, index: str, tally: Sum) -> Iterator[Line]:
    """Every document of an index or alias, oldest first. Raises Retryable or Misconfigured."""
    for hit in scan(client, index):
        # In JSON a raw newline can only stand between tokens, where it means nothing.
        line = Line(hit.id, msgspec.Raw(bytes(hit.source).replace(b"\r\n", b"").replace(b"\n", b"")))
        tally.add(content(line))
        yield line


def content(line: Line) -> bytes:
    """What a backup's checksum is over: id and document."""
    return line.id.encode() + b"\n" + bytes(line.source)


def unfinished(client: Elasticsearch, names: Names, backup: str) -> tuple[tuple[Index, ...], tuple[Index, ...]]:
    """The indices that a restore of this backup left half filled, and all other ones that are there."""
    with translated("look for indices"):
        found = all_indices(client, names)
    ours = tuple(one for one in found if backup in (one.meta.get("restoring"), one.arriving))
    return ours, tuple(one for one in found if one not in ours)


def discard(client: Elasticsearch, indices: Iterable[Index]) -> None:
    """Delete these."""
    for one in indices:
        with translated("delete an index"):
            client.indices.delete(index=one.name, ignore_unavailable=True)


def make_for(client: Elasticsearch, index: str, backup: str) -> Index:
    """A new index to be filled from a backup; templates must be there. Raises Fatal where there is one."""
    with translated("create an index"):
        try:
            client.indices.create(index=index, settings={"index.refresh_interval": "-1"})
        except BadRequestError as error:
            if error_type(error.body) != "resource_already_exists_exception":
                raise
            raise Fatal(f"The index {index} came into being while it was to be restored.") from None
        made = _look(client, index)
        client.indices.put_mapping(index=index, meta={**made.meta, "restoring": backup})
    return made


def fill(client: Elasticsearch, index: str, documents: Iterable[Line]) -> int:
    """Write all of these into an index that nobody else writes; how many. Repeating it changes nothing.

    Raises Retryable when its tries end, Fatal for a document that this version's mapping refuses.
    """
    target = Target(client=client, alias=index, retrier=Retrier(), is_alias=False)
    written = 0
    rest = iter(documents)
    while part := _chunk(rest):
        try:
            outcome = deliver(target, [encode_stored(one.id, bytes(one.source)) for one in part])
        except Retryable as error:
            raise Retryable(error.message, remedy="Try again later; what was restored is kept.") from error
        if outcome.rejected:
            raise Fatal(
                f"A document of the backup is refused by the index of this version: {outcome.rejected[0].reason}.",
                remedy="Restore it with the version that made the backup, then update. Please report this.",
            )
        written += len(part)
    refresh(client, index)
    return written


def tally_of(client: Elasticsearch, index: str) -> Sum:
    """Count and checksum of what an index holds."""
    seen = Sum()
    for _ in lines(client, index, seen):
        pass
    return seen


def mark(client: Elasticsearch, index: str, backup: str) -> None:
    """Mark an index that came from a snapshot as the others are, and let it lie on any node."""
    with translated("mark an index"):
        made = _look(client, index)
        client.indices.put_mapping(index=index, meta={**made.meta, "restoring": backup})
        client.indices.put_settings(index=index, settings={ARRIVING: None})


def put_in_use(
    client: Elasticsearch, index: str, alias: str, lineage: str | None, also: Iterable[Mapping[str, Any]] = ()
) -> None:
    """Give a filled index its name and its lineage, and do what `also` says with names, in the same step.

    It is still marked as being restored: see `finish`.
    """
    usual = component_body("settings")["template"]["settings"]["index"]["refresh_interval"]
    with translated("put an index into use"):
        made = _look(client, index)
        if lineage is not None:
            client.indices.put_mapping(index=index, meta={**made.meta, "lineage": {"first": lineage, "to": made.uuid}})
        client.indices.put_settings(index=index, settings={"index.refresh_interval": usual})
        own = {"add": {"index": index, "alias": alias, "is_write_index": True}}
        client.indices.update_aliases(actions=[own, *also])


def finish(client: Elasticsearch, indices: Iterable[str]) -> None:
    """Take the mark of a restore off, once everything else is in its place too."""
    for index in indices:
        with translated("finish an index"):
            meta = {name: value for name, value in _look(client, index).meta.items() if name != "restoring"}
            client.indices.put_mapping(index=index, meta=meta)


def _chunk(rest: Iterator[Line]) -> list[Line]:
    """The next lines, as many as fit into one request."""
    part: list[Line] = []
    size = 0
    for line in islice(rest, CHUNK):
        part.append(line)
        size += len(bytes(line.source))
        if size > _CHUNK_BYTES:
            break
    return part


def _look(client: Elasticsearch, index: str) -> Index:
    found: ObjectApiResponse[Any] = client.indices.get(index=index, features=["mappings", "settings"])
    entry = found.body[index]
    return Index(name=index, uuid=entry["settings"]["index"]["uuid"], meta=entry["mappings"].get("_meta", {}))
