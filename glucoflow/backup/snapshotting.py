"""The snapshots that backups name, where Elasticsearch has a repository: what they are called, and which may go.

A name says to which folder of backups a snapshot belongs, and to the backup of which moment. So nobody else's are taken
for ours, and one that no backup of the folder names is found without opening any.
"""

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from elasticsearch import Elasticsearch

from glucoflow.backup.keeping import backups_in, name_of
from glucoflow.es import snapshots
from glucoflow.es.client import cluster_id
from glucoflow.es.error_translation import translated
from glucoflow.es.indices import Index
from glucoflow.es.names import Names
from glucoflow.es.snapshots import Snapshot
from glucoflow.files import private
from glucoflow.model.errors import GlucoflowError

_FOLDER = "snapshots.id"


@contextmanager
def snapshot_for(
    client: Elasticsearch,
    names: Names,
    behind: Mapping[str, Index],
    repository: str,
    folder: Path,
    now: datetime,
    on_look: Callable[[], None],
) -> Iterator[Snapshot | None]:
    """A snapshot of the indices behind these people, for the backup of this moment; deleted where the block fails.

    None where there is nothing to take. Raises as `es.snapshots.take`.
    """
    name = f"{_prefix(client, names, folder)}{_moment(name_of(now))}-{secrets.token_hex(4)}"
    taken = snapshots.take(client, names, behind, repository, name, on_look)
    try:
        yield taken
    except BaseException:
        if taken is not None:
            with suppress(GlucoflowError):  # it goes with the next pruning, then
                snapshots.forget(client, repository, [name])
        raise


def prune_snapshots(client: Elasticsearch, names: Names, repository: str, folder: Path) -> int:
    """Delete those of this folder that no backup in it names; how many. Nothing may be making a backup meanwhile."""
    prefix = _prefix(client, names, folder)
    ours = re.compile(re.escape(prefix) + r"(\d{8}t\d{6}z)-[0-9a-f]{8}")
    kept = {_moment(one.path.name) for one in backups_in(folder)}
    there = [(name, ours.fullmatch(name)) for name in snapshots.named(client, repository, f"{prefix}*")]
    gone = [name for name, matched in there if matched is not None and matched[1] not in kept]
    snapshots.forget(client, repository, gone)
    return len(gone)


def _prefix(client: Elasticsearch, names: Names, folder: Path) -> str:
    """What the names of this folder's snapshots begin with, as long as the indices are in this cluster."""
    with translated("ask for its id"):
        whose = f"{_id_of(folder)} {cluster_id(client)} {names.prefix}"
    return f"glucoflow-{hashlib.sha256(whose.encode()).hexdigest()[:12]}-"


def _id_of(folder: Path) -> str:
    """Made with the first snapshot; it stays with the folder wherever that is moved or mounted."""
    file = folder / _FOLDER
    with suppress(FileExistsError), open(file, "x", opener=private) as new:
        new.write(secrets.token_hex(16))
    return file.read_text()


def _moment(file_name: str) -> str:
    """`glucoflow-20261130T041000Z.age` as it is part of a snapshot's name, which has small letters only."""
    return file_name.removeprefix("glucoflow-").removesuffix(".age").lower()
