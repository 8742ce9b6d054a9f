"""The commands for Kibana's dashboards, for keys, and for how people's documents lie."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from glucoflow.cli.console import Json, User, opened_runtime, opened_store, print_json, say, settings_for
from glucoflow.model.words import count

keys_app = typer.Typer(help="The keys that encrypt tokens.", no_args_is_help=True)
kibana_app = typer.Typer(help="Kibana's dashboards.", no_args_is_help=True)


def init(
    host: Annotated[
        str | None, typer.Option("--host", help="Name that a reverse proxy with TLS answers to, if there is one.")
    ] = None,
) -> None:
    """Write .env for docker compose: every secret made up, and one password that is yours. Never overwrites."""
    from glucoflow.cli.backups import can_ask
    from glucoflow.cli.beginning import new_password, write_settings
    from glucoflow.provider import ENV_FILE
    from glucoflow.settings import StoreSettings

    typed = ""
    if can_ask() and not ENV_FILE.exists():
        asked = "One password, for the pages and for backups, 12 characters or more (Enter: one is made)"
        typed = typer.prompt(asked, default="", show_default=False, hide_input=True, err=True)
    password = typed or new_password()
    write_settings(ENV_FILE, password, host, StoreSettings().data_dir)
    if not typed:
        say(f"Your password, for the pages and for backups: {password}", error=True)
    say(f"{ENV_FILE.resolve()} is written. Next: docker compose up -d", error=True)


@kibana_app.command("export")
def kibana_export(
    out: Annotated[Path, typer.Option(help="File to write, ending in .ndjson.")],
    user: Annotated[str | None, typer.Option("--user", help="Id of the person.")] = None,
    operator: Annotated[bool, typer.Option("--operator", help="The operator's dashboard instead.")] = False,
) -> None:
    """Write a file to import into Kibana 8.12 or later."""
    from glucoflow.cli.kibana import export_dashboards

    export_dashboards(settings_for(), user, operator, out)


@kibana_app.command("provision")
def kibana_provision(
    login: Annotated[str | None, typer.Option("--login", help="Also make a Kibana login for this person.")] = None,
) -> None:
    """Put everybody's space, role and dashboards into the Kibana at KIBANA_URL."""
    from pydantic import SecretStr

    from glucoflow.cli.kibana import provision_now

    settings = settings_for()
    password = typer.prompt(f"Password for {login}", hide_input=True, confirmation_prompt=True) if login else None
    provision_now(settings, login, SecretStr(password) if password else None)


@kibana_app.command("guest")
def kibana_guest(
    user: User,
    name: Annotated[str, typer.Option(help="For whom.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day, by the person's clock.")],
) -> None:
    """Make a login in Kibana that reads this person until a day, and print its name and password."""
    from glucoflow.cli.kibana import guest_now

    guest_now(settings_for(), user, name, until.date())


@kibana_app.command("guests")
def kibana_guests(user: User, as_json: Json = False) -> None:
    """Who may look at a person in Kibana, and until when."""
    from glucoflow.cli.kibana import list_guests

    list_guests(settings_for(), user, as_json)


@kibana_app.command("withdraw")
def kibana_withdraw(user: User, login: Annotated[str, typer.Argument(help="Its name in Kibana.")]) -> None:
    """Remove a guest's login in Kibana."""
    from glucoflow.cli.kibana import withdraw_guest

    withdraw_guest(settings_for(), user, login)


def retention(
    apply: Annotated[
        bool, typer.Option("--apply", help="Delete it. Without this, only what would go is told.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What goes by the rules of RETENTION_DAYS and RETENTION_HOURLY_AFTER_YEARS; first a dry run."""
    from glucoflow.service.retention import retain, rules_of
    from glucoflow.service.runtime import open_runtime

    settings = settings_for()
    rules = rules_of(settings.retention)
    with open_runtime(settings) as rt:
        done = retain(rt, rules, dry=not apply)
    if as_json:
        print_json(done)
        return
    for one in done.gone:
        say(f"{one.user_id or 'everybody'}: {one.n:,} of {one.kind}")
    for sentence in done.sentences():
        say(sentence)


def share_indices() -> int:
    """Move everybody from an index of their own to the shared ones (INDEX_LAYOUT=shared), while all goes on."""
    from glucoflow.service.layout import share_indices as move

    with opened_runtime() as rt:
        moved = move(rt)
    for sentence in moved.sentences():
        typer.echo(sentence)
    return 1 if moved.busy else 0


@keys_app.command("new")
def new_key() -> None:
    """Print a new key for GLUCOFLOW_TOKEN_KEY."""
    from cryptography.fernet import Fernet

    typer.echo(Fernet.generate_key().decode())


@keys_app.command("rotate")
def rotate_keys() -> None:
    """Encrypt everything anew with the first of the keys in GLUCOFLOW_TOKEN_KEY; the others can go afterwards."""
    with opened_store() as store:
        done = store.rotate()
    what = f"{count(done.connections, 'connection')} and {count(done.rejected_records, 'rejected record')}"
    typer.echo(f"Encrypted anew: {what}. Older keys can go now.")
