"""`import-file`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import typer

from glucoflow.cli.console import bars, print_json, say, say_error
from glucoflow.file_reading.choices import Choices
from glucoflow.model.errors import UnreadableFile
from glucoflow.service.file_import import Imported, import_file
from glucoflow.service.file_preview import Preview, preview
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import Settings

SHOWN = 5


class ImportOptions(NamedTuple):
    """How files are to be read. `look` only says what would be; `anyway` also what names somebody else."""

    choices: Choices
    who: str | None
    anyway: bool
    look: bool
    as_json: bool


def import_now(settings: Settings, user_id: str, paths: Sequence[Path], wanted: ImportOptions) -> int:
    """Exit code 0; 1 where some rows could not be read; 65 where a file could not be read at all. Others go on."""
    code = 0
    with open_runtime(settings) as rt:
        rt.store.people.get(user_id)
        for path in paths:
            try:
                code = max(code, (_looked_at if wanted.look else _brought)(rt, user_id, path, wanted))
            except UnreadableFile as error:
                say_error(error)
                code = error.exit_code
    return code


def _looked_at(rt: Runtime, user_id: str, path: Path, wanted: ImportOptions) -> int:
    seen = preview(rt, user_id, path, wanted.choices, wanted.who)
    print_json(seen) if wanted.as_json else _say_preview(seen)
    return 1 if seen.rows.n_unread else 0


def _brought(rt: Runtime, user_id: str, path: Path, wanted: ImportOptions) -> int:
    with bars() as progress:
        bar = progress.add_task(f"importing {path.name}", total=None)

        def bring(anyway: bool) -> Imported:
            return import_file(
                rt,
                user_id,
                path,
                lambda count: progress.update(bar, completed=count),
                choices=wanted.choices,
                who=wanted.who,
                anyway=anyway,
            )

        try:
            done = bring(wanted.anyway)
        except UnreadableFile as error:
            if "--anyway" not in error.remedy or not sys.stdin.isatty():
                raise
            progress.stop()
            say_error(error)
            if not typer.confirm("Import it all the same?"):
                raise
            done = bring(True)
    print_json(done) if wanted.as_json else _say(done)
    return 1 if done.n_unread else 0


def _say(done: Imported) -> None:
    say(f"{done.file}: {done.title}", error=True)
    if done.rows is not None:
        rows = done.rows
        counts = f"{rows.read:,} read, {rows.n_merged:,} merged, {rows.n_unread:,} unread"
        say(f"  {rows.rows:,} rows with readings: {counts}", error=True)
        for name, reasons in (("merged", rows.merged), ("unread", rows.unread)):
            for why, number in reasons.items():
                say(f"  {name}, {number:,}: {why}", error=True)
        for one in done.unread[:SHOWN]:
            say(f"  line {one.line}: {one.why}: {one.text!r}", error=True)
    for name, said in done.decisions.items():
        say(f"  {name}: {said}", error=True)
    for note in done.notes:
        say(f"  {note}", error=True)
    say(f"  {done.created:,} new, {done.updated:,} changed, {done.unchanged:,} unchanged", error=True)
    for kind, number in sorted(done.not_held.items()):
        say(f"  {number:,} of type {kind}: glucoflow does not hold these", error=True)
    if done.rejected_file is not None:
        say(f"  what could not be read is in {done.rejected_file} with its reasons", error=True)


def _say_preview(seen: Preview) -> None:
    rows = seen.rows
    say(f"{seen.file}: {seen.title}{f', of {seen.person}' if seen.person else ''}")
    say(f"  {rows.rows:,} rows: {rows.read:,} read, {rows.n_merged:,} merged, {rows.n_unread:,} unread")
    if seen.first and seen.last:
        say(f"  from {seen.first.isoformat()} to {seen.last.isoformat()}")
    say(f"  {seen.already_there:,} of these moments are there already")
    for name, said in seen.decisions.items():
        say(f"  {name}: {said}")
    for note in seen.notes:
        say(f"  {note}")
