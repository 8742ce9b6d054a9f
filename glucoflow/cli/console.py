"""What commands share: settings with quiet logs, common arguments, and how they speak to the person who watches."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from glucoflow.model.errors import GlucoflowError
from glucoflow.model.said import plain
from glucoflow.model.words import by_comma

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from rich.progress import Progress

    from glucoflow.service.runtime import Runtime
    from glucoflow.settings import Settings
    from glucoflow.store import Store

User = Annotated[str, typer.Argument(help="Id of the person, as in `glucoflow people`.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


def settings_for(command_logs: bool = False) -> "Settings":
    """The settings, with logging set up: commands that a person watches print warnings only, in plain text."""
    from glucoflow import logs  # a third of a second, which `--help` does without
    from glucoflow.settings import LogSettings, Settings

    settings = Settings.load()
    quiet = LogSettings(level="WARNING", format="text")
    logs.configure(settings.log if command_logs else quiet)
    return settings


def opened_store() -> "AbstractContextManager[Store]":
    """The store that the settings name, for a command that a person watches."""
    from glucoflow.service.runtime import store_of  # with all that `--help` does without

    return store_of(settings_for().store)


def opened_runtime() -> "AbstractContextManager[Runtime]":
    """All that the settings name, for a command that a person watches."""
    from glucoflow.service.runtime import open_runtime

    return open_runtime(settings_for())


def say(text: str, *, error: bool = False, bold: bool = False) -> None:
    """A line for the person, as it is; on standard error where standard output is for data."""
    from rich.console import Console

    console = Console(stderr=error)
    console.print(text, style="bold" if bold else None, highlight=False, markup=False, soft_wrap=True)


def say_error(error: GlucoflowError) -> None:
    """What happened, and what to do."""
    say(error.message, error=True, bold=True)
    if error.remedy:
        say(error.remedy, error=True)


def print_json(value: object) -> None:
    """One line of JSON on standard output."""
    sys.stdout.write(json.dumps(msgspec.to_builtins(value, enc_hook=plain)) + "\n")
    sys.stdout.flush()


def show_table(title: str, headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """What there is, a row each, for the person who watches."""
    from rich.console import Console
    from rich.table import Table

    table = Table(*headings, title=title, title_justify="left")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def last_time(moment: datetime | None) -> str:
    """When something was done last (UTC)."""
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "never"


def bars() -> "Progress":
    """Progress bars on standard error that vanish when done: none where it is a file or a pipe."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(console=console, transient=True, disable=not console.is_terminal)


def listed(text: str | None) -> Sequence[str]:
    """The words of an option that takes several by comma."""
    return by_comma(text or "")
