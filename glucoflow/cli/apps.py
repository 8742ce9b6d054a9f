"""`apps`: the credentials of apps that upload or read by Nightscout's ways."""

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from glucoflow.cli.console import Json, User, last_time, opened_store, print_json, say, show_table

app = typer.Typer(help="Apps that upload or read a person's data by Nightscout's ways.", no_args_is_help=True)

Rights = Literal["read", "upload", "both"]


@app.command()
def add(
    user: User,
    name: Annotated[str, typer.Argument(help="What it is to be called: xDrip+ on my phone.")],
    rights: Annotated[Rights, typer.Option(help="What it may do.")] = "both",
    as_json: Json = False,
) -> None:
    """Make a secret for an app. It is shown this once, and names the person."""
    with opened_store() as store:
        made = store.apps.add(user, name, rights, datetime.now(UTC))
    if as_json:
        print_json({"id": made.app.id, "name": made.app.name, "rights": made.app.rights, "secret": made.secret})
        return
    say(f"The secret of {made.app.name}, shown this once:")
    say(made.secret, bold=True)
    say("In the app, give the address of the pages and this as API secret or token. xDrip+ takes both in one line:")
    say(f"https://{made.secret}@<address>/api/v1/")


@app.command("list")
def list_apps(
    user: Annotated[str | None, typer.Option("--user", help="Only this person's.")] = None, as_json: Json = False
) -> None:
    """Everybody's apps, what they may do and when they were last used."""
    with opened_store() as store:
        found = store.apps.list(user)
    if as_json:
        print_json(found)
        return
    rows = []
    for one in found:
        state = f"revoked {one.revoked_at:%Y-%m-%d}" if one.revoked_at else "in use"
        rows.append((one.id, one.user_id, one.name, one.rights, last_time(one.last_used_at), state))
    show_table("Apps", ("id", "person", "name", "may", "last used (UTC)", "state"), rows)


@app.command()
def revoke(app_id: Annotated[str, typer.Argument(help="Its id, as in `glucoflow apps list`.")]) -> None:
    """Take an app's rights away, now and for good."""
    with opened_store() as store:
        gone = store.apps.revoke(app_id, datetime.now(UTC))
    say(f"{gone.name} of {gone.user_id} can neither read nor upload any more.")
