"""The program: its commands in their order, and how errors become an exit code.

Each command opens what it needs, calls plain functions, and says how it went.
"""

import errno
import importlib.metadata
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from glucoflow.cli import accounts, annotations, apps, backups, connections, files, notices, partners, processes, upkeep
from glucoflow.cli.console import Json, say_error, settings_for
from glucoflow.model.errors import GlucoflowError, Unavailable
from glucoflow.simulators.__main__ import main as simulate

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_ENTRY = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EIO}
)
"""What files and folders can be, for the steps that have no words of their own for it."""

app = typer.Typer(
    name="glucoflow",
    no_args_is_help=True,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


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
    except OSError as error:
        if error.errno not in _NO_ROOM | _NO_ENTRY:
            raise
        code = _say_file(error)
    except Exception as error:  # click's own usage errors know how to show themselves
        if not hasattr(error, "show"):
            raise
        error.show()
        code = getattr(error, "exit_code", 2)
    try:
        sys.stdout.flush()
    except BrokenPipeError:  # nobody reads on: `| head`
        _drop_output()
    except OSError as error:
        code = _say_file(error)
    sys.exit(code if isinstance(code, int) else 0)


def _say_file(error: OSError) -> int:
    """What could not be written, opened or made, and the exit code."""
    where = f"{error.filename} " if error.filename else "A file "
    if error.errno in _NO_ROOM:
        remedy = "Free some space on that disk; then do it again."
    else:
        remedy = (
            "See that it is there and that the account that runs glucoflow may use it, or choose another place: the "
        )
        remedy += "data folder is GLUCOFLOW_DATA_DIR."
    said = Unavailable(f"{where}cannot be used ({error.strerror}).", remedy=remedy)
    say_error(said)
    _drop_output()
    return said.exit_code


def _drop_output() -> None:
    """What still waits for standard output."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@app.callback()
def glucoflow(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.", is_eager=True)] = False,
) -> None:
    """Your continuous-glucose-monitor data, in an Elasticsearch of your own. Not for dosing."""
    if version:
        typer.echo(importlib.metadata.version("glucoflow"))
        raise typer.Exit


def up(
    demo: Annotated[bool, typer.Option("--demo", help="Add simulated providers and six made-up people.")] = False,
    days: Annotated[int, typer.Option(min=1, help="Days of data before today that the made-up people have.")] = 90,
    once: Annotated[bool, typer.Option("--once", help="Sync, print the table, and end.")] = False,
    as_json: Json = False,
) -> int:
    """Start everything on this machine, sync, and show where to look."""
    from glucoflow.cli.up import UpOptions
    from glucoflow.cli.up import up as start

    code = start(settings_for(), UpOptions(demo=demo, days=days, once=once, as_json=as_json))
    sys.stdout.flush()
    sys.stderr.flush()
    # Prefect's client tries for minutes to send its last events to a server that has just been stopped.
    os._exit(code)


def people(as_json: Json = False) -> None:
    """Everybody whose readings are here."""
    from glucoflow.cli.status import show_people

    show_people(settings_for(), as_json)


def status(as_json: Json = False) -> int:
    """Each connection: last success, lag, readings, next poll, and what to do about its last error."""
    from glucoflow.cli.status import show_status

    return show_status(settings_for(), as_json)


def doctor(
    quick: Annotated[bool, typer.Option("--quick", help="Only store and Elasticsearch, as a health check.")] = False,
) -> int:
    """Check everything glucoflow needs, and name the cure of what is wrong."""
    from glucoflow.cli.doctor import examine

    return examine(settings_for(), quick)


COMMANDS: dict[str, Callable[..., Any]] = {
    "up": up,
    "init": upkeep.init,
    "sync": connections.sync,
    "backfill": connections.backfill,
    "people": people,
    "status": status,
    "doctor": doctor,
    "backup": backups.backup,
    "restore": backups.restore,
    "mcp": processes.mcp,
    "web": processes.web,
    "serve": processes.serve,
    "worker": processes.worker,
    "prefect-server": processes.prefect_server,
    "provision": processes.provision,
    "share-indices": upkeep.share_indices,
    "demo": processes.demo,
    "providers": connections.providers,
    "connect": connections.connect,
    "disconnect": connections.disconnect,
    "delete-user": connections.delete_user,
    "archive": files.archive,
    "export": files.export,
    "import-file": files.import_file,
    "simulator": simulate,
    "targets": annotations.targets,
    "exclude": annotations.exclude,
    "protocol": annotations.protocol,
    "insights": annotations.insights,
    "summarize": annotations.summarize,
    "report": files.report,
    "retention": upkeep.retention,
}
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)
for _name, _group in {
    "keys": upkeep.keys_app,
    "store": backups.store_app,
    "connection": connections.connection_app,
    "rejected": connections.rejected_app,
    "kibana": upkeep.kibana_app,
    "apps": apps.app,
    "partners": partners.app,
    "accounts": accounts.app,
    "notices": notices.app,
}.items():
    app.add_typer(_group, name=_name)
