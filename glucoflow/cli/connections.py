"""The commands for connections and what comes by them: sync, backfill, connect, disconnect, delete."""

from datetime import datetime
from typing import Annotated

import typer

from glucoflow.cli.console import Json, User, settings_for

connection_app = typer.Typer(help="Whose account a connection reads.", no_args_is_help=True)
rejected_app = typer.Typer(help="Records that could not be understood.", no_args_is_help=True)


def sync(user: Annotated[str | None, typer.Option("--user", help="Only this person, due or not.")] = None) -> int:
    """Fetch what is new, now."""
    from glucoflow.cli.syncing import sync_now

    return sync_now(settings_for(), user)


def backfill(
    user: User,
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included.")],
    provider: Annotated[str | None, typer.Option(help="Only this provider.")] = None,
    kinds: Annotated[str | None, typer.Option(help="Only these kinds, by comma: readings, events, …")] = None,
) -> int:
    """Load a span of a person's history. Interrupted, it goes on where it was; repeated, it changes nothing."""
    from glucoflow.cli.syncing import backfill_now

    return backfill_now(settings_for(), user, first.date(), last.date(), provider, kinds)


def providers(as_json: Json = False) -> int:
    """The sources of readings that are installed, and what each needs."""
    from glucoflow.cli.providers import show_providers

    return show_providers(settings_for(), as_json)


def connect(
    user: User,
    provider: Annotated[str, typer.Argument(help="Name of the provider, as in `glucoflow providers`.")],
    region: Annotated[str | None, typer.Option(help="Where the account lives; default: as set.")] = None,
) -> None:
    """Sign a person in at a provider, here instead of on the pages."""
    from glucoflow.cli.providers import connect_now

    connect_now(settings_for(), user, provider, region)


def disconnect(user: User) -> None:
    """Forget a person's tokens and stop polling. What was read stays."""
    from glucoflow.cli.syncing import disconnect_now

    disconnect_now(settings_for(), user)


ConnectionId = Annotated[
    str | None, typer.Option("--id", help="Which one, where the person has several; see `glucoflow status --json`.")
]


@connection_app.command("confirm")
def confirm_account(user: User, connection_id: ConnectionId = None) -> None:
    """Another account than before, or somebody else's as well, is meant: read it."""
    from glucoflow.cli.syncing import confirm_now

    confirm_now(settings_for(), user, connection_id)


@connection_app.command("first")
def connection_first(user: User, connection_id: ConnectionId = None) -> None:
    """Where several of the person's sources hold the same moment, this one's reading counts."""
    from glucoflow.cli.syncing import first_now

    first_now(settings_for(), user, connection_id)


@connection_app.command("sensor")
def sensor_first(
    user: User, newer: Annotated[bool, typer.Option("--newer/--earlier", help="The newer, or the one worn before.")]
) -> None:
    """Which of two sensors worn at once counts in figures; the other's readings stay."""
    from glucoflow.cli.syncing import sensor_now

    sensor_now(settings_for(), user, newer)


@connection_app.command("upload")
def connection_upload(
    user: User,
    on: Annotated[bool, typer.Option("--on/--off", help="From the next sync on, or no longer; what is there stays.")],
    connection_id: ConnectionId = None,
) -> None:
    """Upload what the person has from elsewhere to an account that takes data, as a data set of its own."""
    from glucoflow.cli.syncing import upload_now

    upload_now(settings_for(), user, connection_id, on)


@connection_app.command("undo")
def undo_connection(
    user: User,
    connection_id: ConnectionId = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete everything that came by a connection, and disconnect it. Connecting again reads what there is."""
    from glucoflow.cli.syncing import undo_now

    if not yes:
        typer.confirm(f"Delete everything that came by this connection of {user}?", abort=True)
    undo_now(settings_for(), user, connection_id)


@rejected_app.command("replay")
def replay_rejected(
    user: Annotated[str | None, typer.Option("--user", help="Only of this person.")] = None,
) -> int:
    """Read again what held rejected records, as after an update that mends them. Those understood leave the list."""
    from glucoflow.cli.syncing import replay_now

    return replay_now(settings_for(), user)


def delete_user(
    user: User, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False, as_json: Json = False
) -> None:
    """Delete a person with every document and every trace, and print what was removed. Nothing brings them back."""
    from glucoflow.cli.syncing import delete_now

    if not yes:
        typer.confirm(f"Delete {user} with all readings? Nothing brings them back.", abort=True)
    delete_now(settings_for(), user, as_json)
