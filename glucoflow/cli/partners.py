"""`partners`: programs of others that fetch people's data with their consent."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from glucoflow.cli.console import Json, opened_store, print_json, say, show_table

app = typer.Typer(
    help="Programs of others that fetch people's data with their consent (OAuth 2).", no_args_is_help=True
)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What people are shown when they are asked: Tidepool.")],
    redirect: Annotated[list[str], typer.Option(help="Where its people come back to; may be given several times.")],
    as_json: Json = False,
) -> None:
    """Register a partner. Its secret is shown this once."""
    with opened_store() as store:
        made = store.partners.add(name, redirect, datetime.now(UTC))
    if as_json:
        print_json({"client_id": made.partner.id, "client_secret": made.secret})
        return
    say(f"{made.partner.name} is registered. Its client id, and its client secret, which is shown this once:")
    say(made.partner.id, bold=True)
    say(made.secret, bold=True)
    say("What it needs to know is at /partner/docs of the pages' address.")


@app.command("list")
def list_partners(as_json: Json = False) -> None:
    """All partners and where their people come back to."""
    with opened_store() as store:
        found = store.partners.list()
    shown = [
        {"id": one.id, "name": one.name, "redirect": one.redirect_uris, "removed": one.revoked_at} for one in found
    ]
    if as_json:
        print_json(shown)
        return
    rows = []
    for one in found:
        state = f"removed {one.revoked_at:%Y-%m-%d}" if one.revoked_at else "in use"
        rows.append((one.id, one.name, "\n".join(one.redirect_uris), state))
    show_table("Partners", ("client id", "name", "redirect", "state"), rows)


@app.command()
def remove(client_id: Annotated[str, typer.Argument(help="Its client id, as in `glucoflow partners list`.")]) -> None:
    """End everything that was shared with a partner, now and for good."""
    with opened_store() as store:
        gone = store.partners.remove(client_id, datetime.now(UTC))
    say(f"{gone.name} fetches nothing any more.")
