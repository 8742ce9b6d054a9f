"""Snapshots of people's indices in a repository of Elasticsearch: taken, looked at, brought back, deleted.

Elasticsearch keeps a checksum of every file of a snapshot and proves it when it is brought back. What a snapshot should
hold is counted beside it. Counting and taking are two moments: `InSnapshot.written` says how much came in between.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import msgspec
from elasticsearch import ApiError, Elasticsearch

from glucoflow.es.client import oldest_version
from glucoflow.es.error_translation import error_type, translated
from glucoflow.es.indices import ARRIVING, Index
from glucoflow.es.names import Names
from glucoflow.es.provision import delete_where
from glucoflow.es.scan import refresh
from glucoflow.model.errors import Fatal, GlucoflowError, Misconfigured, Unavailable

LONGEST_S = 12 * 3600.0
"""A first snapshot of a large installation may take hours; the next ones take what is new."""

_LOOK_EVERY_S = (0.1, 5.0)
_BLOCKS = ("index.blocks.write", "index.blocks.read_only", "index.blocks.read_only_allow_delete")


class InSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """One index in it: how many documents of whom. Exact where nothing was `written` between counting and taking; else
    a count may be wrong by as many."""

    index: str
    lineage: str
    people: dict[str, int]
    written: int = 0
    shared: bool = False


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot as the backup that it belongs to names it. `prefix` is that of the indices (`ES_INDEX`)."""

    repository: str
    name: str
    uuid: str
    prefix: str
    indices: tuple[InSnapshot, ...]

    @property
    def documents(self) -> int:
        """Of everybody."""
        return sum(sum(one.people.values()) for one in self.indices)

    def restored_name(self, index: str, names: Names) -> str:
        """What an index of it is called below other names."""
        return names.prefix + index.removeprefix(self.prefix)


def take(
    client: Elasticsearch,
    names: Names,
    behind: Mapping[str, Index],
    repository: str,
    name: str,
    on_look: Callable[[], None] = lambda: None,
) -> Snapshot | None:
    """A snapshot of the indices that these people have, once it is whole; None where there is none to take.

    Raises Misconfigured, Unavailable, Retryable. One that did not become whole is deleted.
    """
    indices = {one.name: one for one in behind.values()}
    if not indices:  # asked for none, Elasticsearch takes all that there are
        return None
    before = _operations(client, names)
    people = _counted(client, names, behind)
    with explained(repository, name, "take a snapshot"):
        client.snapshot.create(
            repository=repository,
            snapshot=name,
            indices=list(indices),
            ignore_unavailable=True,
            include_global_state=False,
            metadata={"taken_by": "glucoflow"},
        )
    taken = _whole(client, repository, name, on_look)
    after = _operations(client, names)
    return Snapshot(
        repository=repository,
        name=name,
        uuid=taken["uuid"],
        prefix=names.prefix,
        indices=tuple(
            InSnapshot(
                index=index,
                lineage=one.lineage,
                people=people[index],
                written=max(0, after.get(index, before.get(index, 0)) - before.get(index, 0)),
                shared=one.shared,
            )
            for index, one in sorted(indices.items())
            if index in taken["indices"]
        ),
    )


def _counted(client: Elasticsearch, names: Names, behind: Mapping[str, Index]) -> dict[str, dict[str, int]]:
    """How many documents each person has, by the index that they are in."""
    people: dict[str, dict[str, int]] = {one.name: {} for one in behind.values()}
    with translated("count documents"):
        for user_id, one in behind.items():
            refresh(client, names.alias(user_id))
            found = client.count(index=names.alias(user_id), ignore_unavailable=True)
            people[one.name][user_id] = int(found["count"])
    return people


def look_at(client: Elasticsearch, snapshot: Snapshot, repository: str) -> None:
    """Raises Misconfigured or Unavailable, in words, where it cannot be brought back whole."""
    found = _found(client, repository, snapshot.name)
    if found["uuid"] != snapshot.uuid:
        raise _missing(repository, snapshot.name)
    missing = {one.index for one in snapshot.indices} - set(found["indices"])
    if found["state"] != "SUCCESS" or missing:
        raise Unavailable(
            f"The snapshot {snapshot.name} in the repository {repository} is not whole ({found['state']}).",
            remedy="Restore another backup. Nothing was changed here.",
        )
    with translated("ask for its version"):
        here = oldest_version(client)
    if here is not None and _numbers(found.get("version", "")) > _numbers(here):
        raise Misconfigured(
            f"The snapshot {snapshot.name} was taken by Elasticsearch {found['version']}, and this one is {here}.",
            remedy="Restore into that version or a later one. Nothing was changed here.",
        )


def bring_back(client: Elasticsearch, snapshot: Snapshot, repository: str, names: Names, backup: str) -> list[str]:
    """Its indices below these names, without aliases, marked as being restored from this backup, and compared.

    The mark comes with the index: whatever breaks off, `copies.unfinished` finds it. Raises Unavailable, Fatal.
    """
    with explained(repository, snapshot.name, "bring a snapshot back"):
        answer = client.options(request_timeout=LONGEST_S).snapshot.restore(
            repository=repository,
            snapshot=snapshot.name,
            indices=[one.index for one in snapshot.indices],
            rename_pattern=f"^{snapshot.prefix}",
            rename_replacement=names.prefix,
            include_aliases=False,
            include_global_state=False,
            index_settings={ARRIVING: backup},
            ignore_index_settings=list(_BLOCKS),
            wait_for_completion=True,
        )
    if answer["snapshot"]["shards"]["failed"]:
        raise Unavailable(
            f"Elasticsearch could not read the whole snapshot {snapshot.name} from the repository {repository}.",
            remedy="Its log says which file is damaged. Restore another backup; what came is in nobody's use and goes "
            "when a restore of this one is begun again.",
        )
    return [_arrived(client, one, snapshot.restored_name(one.index, names)) for one in snapshot.indices]


def _arrived(client: Elasticsearch, one: InSnapshot, index: str) -> str:
    """Compare what came with what was counted."""
    with translated("count documents"):
        if one.shared:  # with somebody who came while the backup was made, and whom its store does not know
            delete_where(client, index, {"bool": {"must_not": {"terms": {"user.id": list(one.people)}}}})
        refresh(client, index)
        for user_id, expected in one.people.items():
            query = {"term": {"user.id": user_id}} if one.shared else {"match_all": {}}
            came = int(client.count(index=index, query=query)["count"])
            if abs(came - expected) > one.written:
                raise Fatal(
                    f"{came:,} of {expected:,} documents of a person came from the snapshot.",
                    remedy="Nothing is in use yet; begin the restore again. If it happens again, report it.",
                )
    return index


def forget(client: Elasticsearch, repository: str, snapshots: Sequence[str]) -> None:
    """Delete these snapshots, as far as they are there."""
    for name in snapshots:
        with explained(repository, name, "delete a snapshot"):
            client.options(ignore_status=404, request_timeout=LONGEST_S).snapshot.delete(
                repository=repository, snapshot=name
            )


def named(client: Elasticsearch, repository: str, pattern: str) -> list[str]:
    """The names of the snapshots that match."""
    with explained(repository, pattern, "look for snapshots"):
        found = client.snapshot.get(repository=repository, snapshot=pattern, ignore_unavailable=True, verbose=False)
    return [str(one["snapshot"]) for one in found["snapshots"]]


@contextmanager
def explained(repository: str, name: str, doing: str) -> Iterator[None]:
    """Raises what Elasticsearch says of a repository in words."""
    try:
        yield
    except ApiError as error:
        kind = error_type(error.body) or ""
        if kind == "repository_missing_exception":
            raise Misconfigured(
                f"This Elasticsearch has no snapshot repository called {repository}.",
                remedy="Register it (docs/operations.md), or correct BACKUP_SNAPSHOT_REPOSITORY.",
            ) from None
        if kind == "snapshot_missing_exception":
            raise _missing(repository, name) from None
        if kind.startswith("repository_") or kind in ("snapshot_exception", "uncategorized_execution_exception"):
            raise Unavailable(
                f"Elasticsearch cannot work with the snapshot repository {repository} ({doing}).",
                remedy="See that its disk or service can be reached from every node and has room, then register it "
                "again (docs/operations.md). Elasticsearch's log says more.",
            ) from None
        with translated(doing):
            raise
    except Exception:
        with translated(doing):
            raise


def _missing(repository: str, name: str) -> Misconfigured:
    return Misconfigured(
        f"The documents of this backup are in the snapshot {name}, which the repository {repository} does not hold.",
        remedy="Register the repository that it was taken to (docs/operations.md) and name it in "
        "BACKUP_SNAPSHOT_REPOSITORY, or restore another backup. Nothing was changed here.",
    )


def _found(client: Elasticsearch, repository: str, name: str) -> Mapping[str, Any]:
    with explained(repository, name, "look for a snapshot"):
        found = client.snapshot.get(repository=repository, snapshot=name)["snapshots"]
    if not found:
        raise _missing(repository, name)
    entry: Mapping[str, Any] = found[0]
    return entry


def _ended(client: Elasticsearch, repository: str, name: str, on_look: Callable[[], None]) -> Mapping[str, Any]:
    """The snapshot, once it is whole. Raises Unavailable for one that ends otherwise, or never."""
    pause, longest = _LOOK_EVERY_S
    deadline = time.monotonic() + LONGEST_S
    while (found := _found(client, repository, name))["state"] == "IN_PROGRESS" and time.monotonic() < deadline:
        on_look()
        time.sleep(pause)
        pause = min(longest, 2 * pause)
    if found["state"] != "SUCCESS":
        raise Unavailable(
            f"Elasticsearch did not finish a snapshot in the repository {repository} ({found['state']}).",
            remedy="See that all its shards are started and that the repository has room; earlier backups are as they "
            "were.",
        )
    return found


def _whole(client: Elasticsearch, repository: str, name: str, on_look: Callable[[], None]) -> Mapping[str, Any]:
    """The same, and one that does not become whole is gone."""
    try:
        return _ended(client, repository, name, on_look)
    except BaseException:
        with suppress(GlucoflowError):
            forget(client, repository, [name])
        raise


def _operations(client: Elasticsearch, names: Names) -> dict[str, int]:
    """How many writes each of our indices has taken since it was made, by index."""
    with translated("count what was written"):
        found = client.indices.stats(
            index=names.pattern,
            metric="docs",
            level="shards",
            expand_wildcards="all",
            filter_path="indices.*.shards.*.routing.primary,indices.*.shards.*.seq_no.max_seq_no",
        ).body
    return {
        index: sum(
            copy["seq_no"]["max_seq_no"] + 1
            for shard in entry["shards"].values()
            for copy in shard
            if copy["routing"]["primary"]
        )
        for index, entry in found.get("indices", {}).items()
    }


def _numbers(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version.partition("-")[0])]
