"""The commands for backups, and for moving the store to another database."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from glucoflow.cli.console import settings_for

PassphraseFile = Annotated[
    Path | None,
    typer.Option("--passphrase-file", help="File with the passphrase; default: as set in .env, else it is asked for."),
]

store_app = typer.Typer(help="The database of people, connections and checkpoints.", no_args_is_help=True)


def backup(
    to: Annotated[Path | None, typer.Option("--to", help="Folder to write to; default: BACKUP_DIR.")] = None,
    passphrase_file: PassphraseFile = None,
    check: Annotated[
        bool, typer.Option("--check", help="Try it out as well: restore it where nobody looks, and compare.")
    ] = False,
) -> None:
    """Write everything into one encrypted file: store, key, settings and documents. Work goes on meanwhile."""
    from glucoflow.cli.backing_up import make

    make(settings_for(), to, passphrase_file, check)


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `glucoflow backup` wrote.")],
    passphrase_file: PassphraseFile = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only try it out: restore it where nobody looks, compare, and clear up.")
    ] = False,
) -> None:
    """Put a backup into an empty place: this data folder or database, and its Elasticsearch. Nothing may run there."""
    from glucoflow.cli.backing_up import put_back

    put_back(settings_for(), file, passphrase_file, check)


@store_app.command("copy")
def store_copy(
    to: Annotated[Literal["postgresql", "sqlite"], typer.Option("--to", help="Which way.")],
) -> None:
    """Carry the store from SQLite in the data folder to PostgreSQL at GLUCOFLOW_DATABASE_URL, or back.

    The target must be unused, and nothing may run. What was copied is compared, row by row; the source stays.
    """
    from glucoflow.cli.backing_up import copy_now

    copy_now(settings_for(), to)


def ask(new: bool) -> str:
    """The passphrase as somebody types it; twice where it is for a new backup."""
    text: str = typer.prompt("Passphrase of the backup", hide_input=True, confirmation_prompt=new, err=True)
    return text


def can_ask() -> bool:
    """Whether somebody sits at a terminal."""
    return sys.stdin.isatty()
