"""Makes a backup while everything goes on working.

The store is taken first, as of one moment, and the documents after it: whatever a checkpoint in the copy speaks of is
in it. What is written meanwhile may be in it too; a sync after the restore finds it there, or reads it again.
"""

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext, suppress
from datetime import datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

import msgspec
from elasticsearch import Elasticsearch
from pydantic import SecretStr

from glucoflow.age import WORK
from glucoflow.backup import contents
from glucoflow.backup.contents import Counted, Ending, Manifest, OnStep, Writing, writing
from glucoflow.backup.keeping import name_of
from glucoflow.backup.snapshotting import snapshot_for
from glucoflow.checksums import Sum
from glucoflow.es.copies import Line, lines
from glucoflow.es.error_translation import translated
from glucoflow.es.indices import Index, index_behind
from glucoflow.es.names import Names
from glucoflow.es.scan import refresh
from glucoflow.es.snapshots import Snapshot
from glucoflow.files import private, private_folder
from glucoflow.model.errors import Unavailable
from glucoflow.store import Store
from glucoflow.store.migrate import HEAD

HOME_FILES = ("web.secret", "simulator.json")
"""Files of the data folder that others depend on: the secret of cookies, and what the demo's clouds remember."""

_WORKING = ".backup-"

SNAPSHOT = "snapshot"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup is made of. `token_key` are the keys in use, `settings` the text of `kept_settings`.

    `repository`: documents go into a snapshot there; None: into the backup.
    """

    data_dir: Path
    store: Store
    client: Elasticsearch
    names: Names
    token_key: SecretStr
    settings: str
    repository: str | None = None


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that is whole."""

    path: Path
    bytes: int
    people: int
    documents: int


def make_backup(
    source: Source,
    folder: Path,
    passphrase: SecretStr,
    now: datetime,
    *,
    on_step: OnStep = lambda _what, _done, _all: None,
    work: int = WORK,
) -> Made:
    """Write a backup into the folder, which is made where it is missing; it has its name only when it is whole.

    Raises Unavailable where the folder cannot be written or another backup is being made, and what store and
    Elasticsearch raise; nothing is left then.
    """
    with _explained(folder), one_at_a_time(source.data_dir):
        private_folder(folder)
        _clear(folder)
        path = folder / name_of(now)
        with _whole_or_not(path) as file, writing(file, passphrase, now, work) as backup:
            done = _write(source, folder, backup, now, on_step)
    return Made(path=path, bytes=path.stat().st_size, people=done.people, documents=done.documents)


def _write(source: Source, folder: Path, backup: Writing, now: datetime, on_step: OnStep) -> Ending:
    """How much is in the backup and its snapshot."""
    with ExitStack() as until_written, working_folder(source.data_dir) as place:
        on_step("store", 0, 1)
        source.store.snapshot(place / contents.STORE)
        people = [person.id for person in source.store.people.list()]
        with translated("look for indices"):
            behind = _behind(source, people)
        snapshot = until_written.enter_context(_snapshot(source, folder, behind, now, on_step))
        manifest = Manifest(
            format=1 if snapshot is None else contents.FORMAT,
            id=secrets.token_hex(8),
            made_at=now,
            version=version("glucoflow"),
            revision=HEAD,
            people=tuple(people),
            lineages={user_id: index.lineage for user_id, index in behind.items()},
            snapshot=snapshot,
        )
        backup.add_json(contents.MANIFEST, manifest)
        backup.add(contents.SETTINGS, source.settings.encode())
        backup.add(contents.KEY, source.token_key.get_secret_value().encode())
        for name in HOME_FILES:
            with suppress(FileNotFoundError):
                backup.add(contents.HOME + name, (source.data_dir / name).read_bytes())
        backup.add_file(contents.STORE, place / contents.STORE)
        on_step("store", 1, 1)
        exported = behind if snapshot is None else ()
        documents = sum(_person(source, backup, user_id, on_step) for user_id in exported)
        runs = Sum()
        backup.add_lines(contents.RUNS, lines(source.client, source.names.runs, runs))
        ending = Ending(people=len(people), documents=documents + runs.n)
        backup.add_json(contents.END, ending)
    return msgspec.structs.replace(ending, documents=ending.documents + (snapshot.documents if snapshot else 0))


def _behind(source: Source, people: Sequence[str]) -> dict[str, Index]:
    """The indices of those who have one."""
    found = {user_id: index_behind(source.client, source.names, source.names.alias(user_id)) for user_id in people}
    return {user_id: index for user_id, index in found.items() if index is not None}


def _snapshot(
    source: Source, folder: Path, behind: Mapping[str, Index], now: datetime, on_step: OnStep
) -> AbstractContextManager[Snapshot | None]:
    if source.repository is None:
        return nullcontext()
    on_look = partial(on_step, SNAPSHOT, 0, 1)
    return snapshot_for(source.client, source.names, behind, source.repository, folder, now, on_look)


def _person(source: Source, backup: Writing, user_id: str, on_step: OnStep) -> int:
    alias = source.names.alias(user_id)
    # A search sees what was written before the last refresh only, and checkpoints speak of what was written.
    refresh(source.client, alias)
    with translated("count documents"):
        expected = int(source.client.count(index=alias, ignore_unavailable=True).body["count"])
    tally, folder = Sum(), f"{contents.DOCUMENTS}{user_id}/"

    def told() -> Iterator[Line]:
        for line in lines(source.client, alias, tally):
            yield line
            if tally.n % 2_000 == 0:
                on_step(user_id, tally.n, expected)

    backup.add_lines(folder, told())
    backup.add_json(folder + contents.TALLY, Counted.of(tally))
    on_step(user_id, tally.n, tally.n)
    return tally.n


@contextmanager
def _whole_or_not(path: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when the block has ended well and the disk has it; else nothing is left."""
    part = path.with_name(path.name + ".part")
    try:
        with open(part, "wb", opener=private) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _clear(folder: Path) -> None:
    """What a backup that was killed left in the folder: half files that nobody writes any more."""
    for part in folder.glob("glucoflow-*.age.part"):
        with part.open("ab") as file, suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()


@contextmanager
def working_folder(data_dir: Path) -> Iterator[Path]:
    """A folder for a copy of the store, gone afterwards. Of whoever holds `one_at_a_time`."""
    with tempfile.TemporaryDirectory(prefix=_WORKING, dir=data_dir) as place:
        yield Path(place)


@contextmanager
def one_at_a_time(data_dir: Path) -> Iterator[None]:
    """Raises Unavailable where another backup is worked on in this data folder."""
    private_folder(data_dir)
    with (data_dir / "backup.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unavailable(
                "Another backup is just being made, tried out or restored.",
                remedy="Wait for its end; then begin again.",
            ) from None
        for left in data_dir.glob(f"{_WORKING}*"):  # by one that was killed
            shutil.rmtree(left, ignore_errors=True)
        yield


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"The backup cannot be written to {folder} ({error.strerror or type(error).__name__}).",
            remedy="Make room there, give the account that runs glucoflow the right to write, or choose another folder "
            "(--to, BACKUP_DIR). No half file was left, and earlier backups are as they were.",
        ) from error
