"""Files that were uploaded on a page: kept aside, looked at, and only then brought in.

An upload lies in a folder of its own below the data folder, readable by its owner alone, and is gone once it was
imported, forgotten, or a day old. Its name is a random word: nobody can guess another person's.
"""

import logging
import re
import secrets
import shutil
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import msgspec

from glucoflow.file_reading.choices import Choices
from glucoflow.files import private, private_folder
from glucoflow.model.errors import GlucoflowError, LeftOpen, Question, Rejected, UnreadableFile
from glucoflow.service.file_import import Imported, import_file
from glucoflow.service.file_preview import Preview, preview
from glucoflow.service.runtime import Runtime

log = logging.getLogger(__name__)

FOLDER = "uploads"
KEPT_FOR = timedelta(days=1)
CHUNK = 1 << 20
CHOSEN = "chosen.json"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,40}")


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has said about an upload: how it is to be read, and which of several people in it is meant."""

    choices: Choices = Choices()
    who: str | None = None


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """An upload and what was seen in it; `problem` and `remedy` where it cannot be read as things are.

    `about` says what of it is left open, where that is all that is missing; `headings` and `names` are what to choose
    from.
    """

    token: str
    name: str
    chosen: Chosen
    preview: Preview | None = None
    problem: str = ""
    remedy: str = ""
    about: Question | None = None
    headings: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class Uploads:
    """Everybody's uploads."""

    def __init__(self, rt: Runtime, in_background: Callable[[Callable[[], None]], None] | None = None) -> None:
        """`in_background` runs an import while the page is answered; default: a thread of its own."""
        self._rt = rt
        self._root = rt.settings.store.data_dir / FOLDER
        self._in_background = in_background or _in_a_thread

    def keep(self, user_id: str, files: Sequence[tuple[str, BinaryIO]]) -> list[str]:
        """Put files aside; the token of each. Uploads that are a day old are forgotten."""
        self._rt.store.people.get(user_id)
        self._sweep()
        tokens = []
        for name, stream in files:
            token = secrets.token_urlsafe(18)
            folder = self._root / user_id / token
            private_folder(folder)
            (folder / "name").write_text(_plain(name), encoding="utf-8")
            with open(folder / "file", "wb", opener=private) as out:
                shutil.copyfileobj(stream, out, CHUNK)
            tokens.append(token)
        return tokens

    def choose(self, user_id: str, token: str, chosen: Chosen) -> None:
        """Keep what a person says about an upload. Raises Rejected for one that is not there."""
        path, _ = self._find(user_id, token)
        (path.parent / CHOSEN).write_bytes(msgspec.json.encode(chosen))

    def look(self, user_id: str, token: str) -> Looked:
        """What is in an upload, read as was chosen. Writes nothing. Raises Rejected for one that is not there."""
        path, name = self._find(user_id, token)
        chosen = _chosen(path)
        seen = Looked(token=token, name=name, chosen=chosen)
        try:
            found = preview(self._rt, user_id, path, chosen.choices, chosen.who, name)
        except LeftOpen as error:
            return msgspec.structs.replace(
                seen, problem=error.message, about=error.about, headings=error.headings, names=error.names
            )
        except UnreadableFile as error:
            return msgspec.structs.replace(seen, problem=error.message, remedy=error.remedy)
        return msgspec.structs.replace(seen, preview=found)

    def bring(self, user_id: str, token: str, anyway: bool = False) -> str:
        """Import an upload in the background, read as was chosen; the id of the run that shows how far it is.

        Raises Rejected for one that is not there.
        """
        path, name = self._find(user_id, token)
        chosen = _chosen(path)
        store, clock = self._rt.store, self._rt.clock
        run = store.runs.start("import-file", clock(), user_id=user_id)

        def work() -> None:
            try:
                done = import_file(
                    self._rt,
                    user_id,
                    path,
                    lambda count: store.runs.update_progress(run.id, 0.5, clock(), f"{name}: {count:,} so far."),
                    choices=chosen.choices,
                    who=chosen.who,
                    anyway=anyway,
                    named=name,
                )
            except GlucoflowError as error:
                store.runs.finish(run.id, "failed", clock(), error.message, error.remedy)
            except Exception as error:
                log.exception("an upload could not be imported")
                store.runs.finish(run.id, "failed", clock(), f"{name}: {type(error).__name__}.", "The log says more.")
            else:
                store.runs.finish(run.id, "completed", clock(), said(done))
                self.forget(user_id, token)

        self._in_background(work)
        return run.id

    def forget(self, user_id: str, token: str) -> None:
        """Delete an upload."""
        path, _ = self._find(user_id, token)
        shutil.rmtree(path.parent, ignore_errors=True)

    def _find(self, user_id: str, token: str) -> tuple[Path, str]:
        self._rt.store.people.get(user_id)
        folder = self._root / user_id / token
        if not _TOKEN.fullmatch(token) or not (folder / "file").is_file():
            raise Rejected("file", "is not here any more; upload it again")
        return folder / "file", (folder / "name").read_text(encoding="utf-8")

    def _sweep(self) -> None:
        private_folder(self._root)
        for folder in self._root.glob("*/*"):
            if self._rt.clock() - datetime.fromtimestamp(folder.stat().st_mtime, UTC) > KEPT_FOR:
                shutil.rmtree(folder, ignore_errors=True)


def _chosen(path: Path) -> Chosen:
    try:
        return msgspec.json.decode((path.parent / CHOSEN).read_bytes(), type=Chosen)
    except FileNotFoundError:
        return Chosen()


def said(done: Imported) -> str:
    """One sentence on an import that went through."""
    rows = done.rows
    counts = f" {rows.read:,} rows read, {rows.n_merged:,} merged, {rows.n_unread:,} unread;" if rows else ""
    return f"{done.file}:{counts} {done.created:,} new, {done.updated:,} changed, {done.unchanged:,} unchanged."


def _plain(name: str) -> str:
    """A file's name as its owner knows it: no folders, no line ends, not endless."""
    last = re.split(r"[/\\\\]", name)[-1]
    return "".join(c for c in last if c.isprintable()).strip()[:120] or "file"


def _in_a_thread(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="glucoflow-import", daemon=True).start()
