"""The commands. Each opens what it needs, calls plain functions, and says how it went."""

import importlib.metadata
import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from glucoflow.cli import accounts, annotations, apps, file_options, partners
from glucoflow.cli.console import Json, User, say_error, settings_for
from glucoflow.model.errors import GlucoflowError, Rejected
from glucoflow.model.words import count
from glucoflow.simulators import demo_doubles
from glucoflow.simulators.__main__ import main as simulate

app = typer.Typer(
    name="glucoflow",
    no_args_is_help=True,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
keys_app = typer.Typer(help="The keys that encrypt tokens.", no_args_is_help=True)
app.add_typer(keys_app, name="keys")
connection_app = typer.Typer(help="Whose account a connection reads.", no_args_is_help=True)
app.add_typer(connection_app, name="connection")
rejected_app = typer.Typer(help="Records that could not be understood.", no_args_is_help=True)
app.add_typer(rejected_app, name="rejected")
kibana_app = typer.Typer(help="Kibana's dashboards.", no_args_is_help=True)
app.add_typer(kibana_app, name="kibana")
app.add_typer(accounts.app, name="accounts")
app.add_typer(apps.app, name="apps")
app.add_typer(partners.app, name="partners")


def run() -> None:
    """Parse and run; errors of ours become two lines on standard error and the exit code of their kind."""
    try:
        code: Any = app(standalone_mode=False)
    except GlucoflowError as error:
        say_error(error)
        code = error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        code = 130
    except typer.Exit as end:
        code = end.exit_code
    except Exception as error:  # click's own usage errors know how to show themselves
        if not hasattr(error, "show"):
            raise
        error.show()
        code = getattr(error, "exit_code", 2)
    sys.stdout.flush()
    sys.exit(code if isinstance(code, int) else 0)


@app.callback()
def glucoflow(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.", is_eager=True)] = False,
) -> None:
    """Your continuous-glucose-monitor data, in an Elasticsearch of your own. Not for dosing."""
    if version:
        typer.echo(importlib.metadata.version("glucoflow"))
        raise typer.Exit


@app.command()
def up(
    demo: Annotated[bool, typer.Option("--demo", help="Add simulated providers and six made-up people.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Sync, print the table, and end.")] = False,
    as_json: Json = False,
) -> int:
    """Start everything on this machine, sync, and show where to look."""
    from glucoflow.cli.up import UpOptions
    from glucoflow.cli.up import up as start

    code = start(settings_for(), UpOptions(demo=demo, once=once, as_json=as_json))
    sys.stdout.flush()
    sys.stderr.flush()
    # Prefect's client tries for minutes to send its last events to a server that has just been stopped.
    os._exit(code)


@app.command()
def sync(user: Annotated[str | None, typer.Option("--user", help="Only this person, due or not.")] = None) -> int:
    """Fetch what is new, now."""
    from glucoflow.cli.syncing import sync_now

    return sync_now(settings_for(), user)


@app.command()
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


@app.command()
def people(as_json: Json = False) -> None:
    """Everybody whose readings are here."""
    from glucoflow.cli.status import show_people

    show_people(settings_for(), as_json)


@app.command()
def status(as_json: Json = False) -> int:
    """Each connection: last success, lag, readings, next poll, and what to do about its last error."""
    from glucoflow.cli.status import show_status

    return show_status(settings_for(), as_json)


@app.command()
def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="Only store and Elasticsearch, as a health check.")] = False,
) -> int:
    """Check everything glucoflow needs, and name the cure of what is wrong."""
    from glucoflow.cli.doctor import examine

    return examine(settings_for(), quick)


@app.command()
def mcp(user: User) -> None:
    """Answer an assistant's questions about a person, over standard input and output (MCP). It only reads."""
    from glucoflow.cli.assistant import answer

    answer(settings_for(), user)


@app.command()
def web(
    port: Annotated[int | None, typer.Option(help="Port; default: WEB_PORT.")] = None,
) -> None:
    """Serve the pages."""
    from glucoflow.cli.serving import serve_web

    serve_web(settings_for(command_logs=True), port)


@app.command()
def serve() -> None:
    """Serve the flows to Prefect from this process (one machine)."""
    from glucoflow.cli.serving import serve_flows

    serve_flows(settings_for(command_logs=True))


@app.command()
def worker(
    health_port: Annotated[
        int | None, typer.Option(help="Tell on this port of loopback (/health) that it works.")
    ] = None,
) -> None:
    """Run flows from Prefect's work pool (several machines)."""
    from glucoflow.cli.serving import run_worker

    settings_for(command_logs=True)
    run_worker(health_port)


@app.command()
def prefect_server() -> None:
    """Serve Prefect's API and UI to those who know their password; PREFECT_SERVER_… variables say where."""
    from glucoflow.cli.prefect_server import serve_prefect

    serve_prefect(settings_for(command_logs=True).prefect.hosts)


@app.command()
def provision(
    deployments: Annotated[bool, typer.Option("--deployments", help="Also Prefect's work pool and schedules.")] = False,
) -> None:
    """Bring database, index templates and indices to this version."""
    from glucoflow.cli.serving import provision_now

    provision_now(settings_for(), deployments)


@app.command()
def demo(
    simulator: Annotated[str, typer.Option(help="Address of a running `glucoflow simulator family`.")],
) -> int:
    """Connect the six made-up people to a simulator that runs elsewhere, and sync them."""
    from glucoflow.cli.serving import demo_now

    os.environ["DEMO_SIMULATORS"] = json.dumps(demo_doubles(simulator))
    return demo_now(settings_for())


@app.command()
def providers(as_json: Json = False) -> int:
    """The sources of readings that are installed, and what each needs."""
    from glucoflow.cli.providers import show_providers

    return show_providers(settings_for(), as_json)


@app.command()
def connect(
    user: User,
    provider: Annotated[str, typer.Argument(help="Name of the provider, as in `glucoflow providers`.")],
    region: Annotated[str | None, typer.Option(help="Where the account lives; default: as set.")] = None,
) -> None:
    """Sign a person in at a provider, here instead of on the pages."""
    from glucoflow.cli.providers import connect_now

    connect_now(settings_for(), user, provider, region)


@app.command()
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


@app.command("delete-user")
def delete_user(
    user: User, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False, as_json: Json = False
) -> None:
    """Delete a person with every document and every trace, and print what was removed. Nothing brings them back."""
    from glucoflow.cli.syncing import delete_now

    if not yes:
        typer.confirm(f"Delete {user} with all readings? Nothing brings them back.", abort=True)
    delete_now(settings_for(), user, as_json)


@app.command()
def export(
    user: Annotated[str, typer.Option("--user", help="Id of the person.")],
    out: Annotated[Path, typer.Option(help="File to write; for csv a folder.")],
    form: Annotated[
        Literal["tidepool", "csv", "ndjson"], typer.Option("--format", help="Form of the file.")
    ] = "ndjson",
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included.")] = None,
    kinds: Annotated[str | None, typer.Option(help="Only these, by comma: cgm.reading, food, …")] = None,
    units: Annotated[Literal["mg/dL", "mmol/L"] | None, typer.Option(help="Unit of Tidepool records.")] = None,
) -> None:
    """Write a person's documents to a file: Tidepool's records, CSV tables, or the documents themselves."""
    from glucoflow.cli.exporting import export_now

    days = [moment.date() if moment else None for moment in (first, last)]
    export_now(settings_for(), user, days[0], days[1], kinds, form, units, out)


@app.command("import-file")
def import_file(
    user: User,
    files: Annotated[
        list[Path], typer.Argument(help="Exports of any kind that glucoflow reads (docs/sources/files.md), or its own.")
    ],
    zone: file_options.Zone = None,
    day_first: file_options.DayFirst = None,
    time: file_options.Time = None,
    glucose: file_options.Glucose = None,
    unit: file_options.FileUnit = None,
    who: Annotated[str | None, typer.Option("--who", help="Which of several people in the file.")] = None,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also where the file names somebody else.")] = False,
    look: Annotated[bool, typer.Option("--look", help="Only say what would be read. Writes nothing.")] = False,
    as_json: Json = False,
) -> int:
    """Bring files into a person's index. Repeating it changes nothing; what a cloud has already stays as it is.

    Without --zone, local times are by the person's own zone. Exit code 1 where some rows could not be read, 65 where a
    file could not be read at all.
    """
    from glucoflow.cli.importing import import_now

    choices = file_options.choices(zone, day_first, time, glucose, unit)
    return import_now(settings_for(), user, files, choices, who=who, anyway=anyway, look=look, as_json=as_json)


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


@keys_app.command("new")
def new_key() -> None:
    """Print a new key for GLUCOFLOW_TOKEN_KEY."""
    from cryptography.fernet import Fernet

    typer.echo(Fernet.generate_key().decode())


@keys_app.command("rotate")
def rotate_keys() -> None:
    """Encrypt everything anew with the first of the keys in GLUCOFLOW_TOKEN_KEY; the others can go afterwards."""
    from glucoflow.service.runtime import store_of

    with store_of(settings_for().store) as store:
        done = store.rotate()
    what = f"{count(done.connections, 'connection')} and {count(done.rejected_records, 'rejected record')}"
    typer.echo(f"Encrypted anew: {what}. Older keys can go now.")


app.command("simulator")(simulate)
for _command in (
    annotations.targets,
    annotations.exclude,
    annotations.protocol,
    annotations.insights,
    annotations.summarize,
):
    app.command()(_command)


@app.command()
def report(
    file: Annotated[
        Path | None, typer.Argument(help="An export of any kind that glucoflow reads (docs/sources/files.md).")
    ] = None,
    user: Annotated[str | None, typer.Option("--user", help="A connected person instead of a file.")] = None,
    zone: file_options.Zone = None,
    units: Annotated[
        Literal["mg/dL", "mmol/L"] | None, typer.Option(help="Unit to show; default: the person's, or mg/dL.")
    ] = None,
    first: Annotated[datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day, included.")] = None,
    profile: Annotated[annotations.Profile, typer.Option(help="Range and goals to judge a file by.")] = "adult",
    low: Annotated[float | None, typer.Option(help="Own lower limit for a file, in the unit shown.")] = None,
    high: Annotated[float | None, typer.Option(help="Own upper limit for a file, in the unit shown.")] = None,
    as_json: Json = False,
    html: Annotated[Path | None, typer.Option(help="Write a one-page report to print or send.")] = None,
    pdf: Annotated[Path | None, typer.Option(help="Write it as PDF; of a person the default.")] = None,
    letter: Annotated[bool, typer.Option("--letter", help="Letter instead of A4.")] = False,
    days_page: Annotated[bool, typer.Option("--days", help="A second page: days one under another.")] = False,
    born: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Birth date to print.")] = None,
    day_first: file_options.DayFirst = None,
    time: file_options.Time = None,
    glucose: file_options.Glucose = None,
    unit: file_options.FileUnit = None,
) -> int:
    """All figures from a file, without any server; or the page that a clinic asks for, of a connected person.

    Exit code 1 where some of a file's rows could not be read.
    """
    from glucoflow.cli.reporting import report_file, report_person, targets_of

    days = [moment.date() if moment else None for moment in (first, last, born)]
    pages: dict[str, Any] = {"html": html, "pdf": pdf, "letter": letter, "large": days_page, "born": days[2]}
    if (file is None) == (user is None):
        raise Rejected("report", "is of a file or of a person (--user), one of them")
    if user is not None:
        if as_json or low is not None or high is not None or profile != "adult":
            raise Rejected("report", "of a person is judged by their own targets; their figures are in the API")
        return report_person(settings_for(), user, first=days[0], last=days[1], unit=units, **pages)
    assert file is not None  # noqa: S101 - one of them is there
    shown = units or "mg/dL"
    return report_file(
        file,
        file_options.choices(zone, day_first, time, glucose, unit),
        unit=shown,
        targets=targets_of(profile, low, high, shown),
        first=days[0],
        last=days[1],
        as_json=as_json,
        **pages,
    )
