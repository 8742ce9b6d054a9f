"""The commands that run until told to stop, and the one-shots that a compose file runs before them."""

import json
import os
from typing import Annotated

import typer

from glucoflow.cli.console import User, settings_for
from glucoflow.simulators import demo_doubles


def mcp(user: User) -> None:
    """Answer an assistant's questions about a person, over standard input and output (MCP). It only reads."""
    from glucoflow.cli.assistant import answer

    answer(settings_for(), user)


def web(
    port: Annotated[int | None, typer.Option(help="Port; default: WEB_PORT.")] = None,
) -> None:
    """Serve the pages."""
    from glucoflow.cli.serving import serve_web

    serve_web(settings_for(command_logs=True), port)


def serve() -> None:
    """Serve the flows to Prefect from this process (one machine)."""
    from glucoflow.cli.serving import serve_flows

    serve_flows(settings_for(command_logs=True))


def worker(
    health_port: Annotated[
        int | None, typer.Option(help="Tell on this port of loopback (/health) that it works.")
    ] = None,
) -> None:
    """Run flows from Prefect's work pool (several machines)."""
    from glucoflow.cli.serving import run_worker

    run_worker(settings_for(command_logs=True), health_port)


def prefect_server() -> None:
    """Serve Prefect's API and UI to those who know their password; PREFECT_SERVER_… variables say where."""
    from glucoflow.cli.prefect_server import serve_prefect

    serve_prefect(settings_for(command_logs=True).prefect.hosts)


def provision(
    deployments: Annotated[bool, typer.Option("--deployments", help="Also Prefect's work pool and schedules.")] = False,
) -> None:
    """Bring database, index templates and indices to this version."""
    from glucoflow.cli.serving import provision_now

    provision_now(settings_for(), deployments)


def demo(
    simulator: Annotated[str, typer.Option(help="Address of a running `glucoflow simulator family`.")],
) -> int:
    """Connect the six made-up people to a simulator that runs elsewhere, and sync them."""
    from glucoflow.cli.serving import demo_now

    os.environ["DEMO_SIMULATORS"] = json.dumps(demo_doubles(simulator))
    return demo_now(settings_for())
