"""The watched folder: a file put into `inbox/<person>/` of the data folder is brought in by itself.

What was read moves to `done/` in that folder, what was not to `failed/`; the reason, or the rows that were left out,
stand in a text file beside it. A file is claimed by renaming it, so that two processes never take the same one.
"""

import hashlib
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from glucoflow.files import private_folder
from glucoflow.model.errors import GlucoflowError, UnreadableFile
from glucoflow.service.file_import import Imported, import_file
from glucoflow.service.runtime import Runtime

log = logging.getLogger(__name__)

FOLDER, DONE, FAILED = "inbox", "done", "failed"
CLAIM = ".taken-"
SETTLED = timedelta(seconds=5)
"""A file that changed more recently may still be being written."""
LONGEST_NAME = 200
"""Bytes of a name, so that with what is put before and behind it, it stays below the 255 that file systems take."""
ABANDONED = timedelta(minutes=30)
"""A claim this old was left by a process that died; the file is taken again, which changes nothing."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A file that was brought in, or was not: where it is now, and what became of it."""

    user_id: str
    name: str
    outcome: Literal["done", "failed"]
    path: Path
    said: str


def inbox_of(data_dir: Path, user_id: str) -> Path:
    """Where files for a person are put."""
    return data_dir / FOLDER / user_id


def is_waiting(data_dir: Path) -> bool:
    """Whether something lies in an inbox. Asks the file system only."""
    return any(
        path.is_file() and not path.name.startswith(".") and not path.is_symlink()
        for path in (data_dir / FOLDER).glob("*/*")
    )


def take_in(rt: Runtime) -> list[Taken]:
    """Bring in every file that lies in an inbox; make the folders that are missing. One bad file stops no other.

    Raises what Elasticsearch and the store raise when they cannot be used: nothing is moved then.
    """
    root = rt.settings.store.data_dir / FOLDER
    private_folder(root)
    taken = []
    for person in rt.store.people.list():
        folder = inbox_of(rt.settings.store.data_dir, person.id)
        try:
            for part in (folder, folder / DONE, folder / FAILED):
                private_folder(part)
            paths = sorted(folder.iterdir())
        except OSError as error:  # something else has that name, or it is not ours: the others have theirs
            taken.append(_left(person.id, folder, f"The inbox cannot be used ({error.strerror or error})."))
            continue
        for path in paths:
            one = _taken(rt, person.id, path)
            taken += [one] if one else []
    return taken


def _taken(rt: Runtime, user_id: str, path: Path) -> Taken | None:
    """What became of a file; None for one that waits, or that another process has."""
    try:
        mine = _claimed(path, rt.clock())
        return _take(rt, user_id, mine) if mine else None
    except FileNotFoundError:  # taken away meanwhile
        return None
    except OSError as error:  # it stays where it is
        return _left(user_id, path, f"The file cannot be moved out of the inbox ({error.strerror or error}).")


def _left(user_id: str, path: Path, said: str) -> Taken:
    log.warning("%s", said, extra={"user_id": user_id})
    name = _readable(path.name.removeprefix(CLAIM))
    return Taken(user_id=user_id, name=name, outcome="failed", path=path, said=said)


def _claimed(path: Path, now: datetime) -> Path | None:
    """The file under a name that is ours, where it is one that lies still."""
    claimed = path.name.startswith(CLAIM)
    if path.is_symlink() or not path.is_file() or (path.name.startswith(".") and not claimed):
        return None
    changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    if now - changed < (ABANDONED if claimed else SETTLED):
        return None
    mine = path if claimed else _free(path.parent, _fitting(path.name), CLAIM)
    path.rename(mine)
    mine.touch()
    return mine


def _readable(name: str) -> str:
    """The name as text that can be written down anywhere."""
    return os.fsencode(name).decode("utf-8", "replace")


def _fitting(name: str) -> str:
    """The name as text, shortened where it is too long; what had to be changed is told apart by a checksum."""
    raw, suffix = os.fsencode(name), Path(_readable(name)).suffix
    if len(raw) <= LONGEST_NAME and _readable(name) == name:
        return name
    suffix = suffix if len(suffix.encode()) <= 20 else ""
    stem = _readable(name).removesuffix(suffix).encode()[: LONGEST_NAME - 30].decode("utf-8", "ignore")
    return f"{stem}-{hashlib.sha256(raw).hexdigest()[:8]}{suffix}"


def _free(folder: Path, name: str, before: str = "") -> Path:
    """A path that nothing there has."""
    target = folder / f"{before}{name}"
    number = 1
    while target.exists():
        number += 1
        target = folder / f"{before}{Path(name).stem}-{number}{Path(name).suffix}"
    return target


def _take(rt: Runtime, user_id: str, path: Path) -> Taken:
    name = _fitting(path.name.removeprefix(CLAIM))
    try:
        done = import_file(rt, user_id, path, named=name)
    except UnreadableFile as error:
        return _moved(user_id, path, name, "failed", str(error))
    except GlucoflowError:
        path.rename(_free(path.parent, name))  # it waits for better times
        raise
    except Exception as error:  # whatever a file can do to a reader: the next one is read all the same
        log.exception("a file in the inbox could not be read")
        return _moved(user_id, path, name, "failed", f"glucoflow did not expect this file ({type(error).__name__}).")
    if done.rejected_file is not None:
        done.rejected_file.unlink(missing_ok=True)
    return _moved(user_id, path, name, "done", _words(done))


def _words(done: Imported) -> str:
    rows = done.rows
    counts = f" {rows.read:,} read, {rows.n_merged:,} merged, {rows.n_unread:,} unread." if rows else ""
    lines = [f"{done.title}.{counts} {done.created:,} new, {done.updated:,} changed, {done.unchanged:,} unchanged."]
    lines += [f"line {one.line}: {one.why}: {one.text}" for one in done.unread]
    return "\n".join([*lines, *done.notes])


def _moved(user_id: str, path: Path, name: str, outcome: Literal["done", "failed"], said: str) -> Taken:
    """Into the folder of its outcome, under a name that none there has, with the words beside it."""
    folder = path.parent / (DONE if outcome == "done" else FAILED)
    target = _free(folder, name)
    path.rename(target)
    try:
        target.with_name(f"{target.name}.txt").write_text(said + "\n", encoding="utf-8", errors="replace")
    except OSError as error:
        log.warning("what became of a file cannot be written beside it: %s", error.strerror, extra={"user_id": user_id})
    log.info("a file in the inbox: %s", outcome, extra={"user_id": user_id})
    return Taken(user_id=user_id, name=name, outcome=outcome, path=target, said=said)
