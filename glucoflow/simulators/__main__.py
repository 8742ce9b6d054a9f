"""`python -m glucoflow.simulators`: a provider's fake cloud on its own."""

from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from glucoflow.simulators import DEMO, FAMILY, doubles
from glucoflow.simulators.scenario import Client


def main(
    name: Annotated[str, typer.Argument(help="Which provider's cloud.")] = DEMO,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8400,
    days: Annotated[int, typer.Option(min=1, help="Days of data before today.")] = 90,
    seed: Annotated[int, typer.Option(help="Another seed gives other people.")] = 0,
    client_id: Annotated[str, typer.Option(help="Client id that is accepted.")] = Client.id,
    client_secret: Annotated[str, typer.Option(help="Its secret.", envvar="SIMULATOR_CLIENT_SECRET")] = Client().secret,
    redirect_uri: Annotated[list[str] | None, typer.Option(help="Redirect URI that is accepted; repeatable.")] = None,
    state: Annotated[Path | None, typer.Option(help="File that keeps authorizations over a restart.")] = None,
) -> None:
    """A strict fake of a cloud with made-up people, for demos and tests; `family` has all that the demo needs."""
    known = (FAMILY, *doubles())
    if name not in known:
        typer.echo(f"There is no fake cloud called {name}. There are: {', '.join(known)}.", err=True)
        raise typer.Exit(2)
    from glucoflow.simulators.people import demo_family, demo_scenario
    from glucoflow.simulators.serving import AppOptions, until_interrupted

    client = Client(client_id, client_secret, tuple(redirect_uri) if redirect_uri else Client.redirect_uris)
    typer.echo(f"Simulated provider on http://{host}:{port} (Ctrl-C stops it)", err=True)
    try:
        cloud = import_module(f"glucoflow.simulators.{name}")
        people = demo_family if name == FAMILY else demo_scenario
        app = cloud.demo_app(people(datetime.now(UTC), days=days, seed=seed), AppOptions(client, state))
        until_interrupted(app, host, port)
    except ValueError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


if __name__ == "__main__":
    typer.run(main)
