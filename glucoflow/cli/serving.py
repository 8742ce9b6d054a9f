"""The long-running commands (pages, flows, worker) and the one-shots that a compose file runs before them."""

import logging
import os
import threading
from contextlib import suppress
from datetime import date
from functools import partial
from importlib.metadata import version
from pathlib import Path

import uvicorn
from pydantic import SecretStr
from rich.console import Console

from glucoflow.cli.kept_secrets import kept_secret
from glucoflow.model.errors import Misconfigured, Unavailable
from glucoflow.service.accounts import undo_connection
from glucoflow.service.annotations import Annotations, behind_the_page, summarizing
from glucoflow.service.connect import SiteConnect
from glucoflow.service.maintenance import provision_everything
from glucoflow.service.overdue import overdue_of
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings, WebSettings
from glucoflow.web.access import WebOptions
from glucoflow.web.app import create_app

log = logging.getLogger(__name__)

LOOPBACK_HOSTS = {"127.0.0.1", "localhost", "::1"}
LOGGING_CONFIG = Path(__file__).parents[2] / "flows" / "logging.yml"


def serve_web(settings: Settings, port: int | None) -> None:
    """Serve the pages until told to stop. Raises Misconfigured for an open address without a password."""
    if settings.web.host not in LOOPBACK_HOSTS and settings.web.password is None:
        raise Misconfigured(
            f"The pages would be open to everybody who can reach {settings.web.host}.",
            remedy="Set WEB_PASSWORD in .env, or WEB_HOST=127.0.0.1.",
        )
    with open_runtime(settings) as rt:
        rt.store.examine()
        app = create_app(
            rt.store,
            rt.queries,
            SiteConnect(
                rt.store,
                rt.providers,
                request_sync,
                request_backfill,
                overdue=partial(overdue_of, settings, rt.store),
                undo=lambda one: undo_connection(rt, one).documents,
            ),
            Annotations(rt.store, rt.queries, behind_the_page(summarizing(rt))),
            web_options(settings.web, settings.store.data_dir),
            rt.clock,
        )
        config = uvicorn.Config(
            app, host=settings.web.host, port=port or settings.web.port, log_config=None, access_log=False
        )
        server = uvicorn.Server(config)
        with suppress(SystemExit):  # how uvicorn ends where it cannot have the port
            server.run()
        if not server.started:
            raise Unavailable(
                f"The pages cannot use port {config.port}.", remedy="Another program does; set WEB_PORT in .env."
            )


def web_options(settings: WebSettings, data_dir: Path) -> WebOptions:
    hosts = tuple(host.strip() for host in settings.allowed_hosts.split(",") if host.strip())
    secret = SecretStr(kept_secret(data_dir, "web.secret"))
    return WebOptions(secret=secret, allowed_hosts=hosts, password=settings.password)


def request_sync(user_id: str) -> None:
    """Ask Prefect for a sync of one person, without waiting. If that fails, the next scheduled one takes them."""
    threading.Thread(target=_request_sync, args=(user_id,), daemon=True).start()


def _request_sync(user_id: str) -> None:
    try:
        _ask_prefect("sync", user_id=user_id)
    except Exception as error:  # noqa: BLE001 – whatever Prefect's client raises: the schedule makes up for it
        log.warning("no sync could be requested from Prefect: %s", type(error).__name__)


def request_backfill(user_id: str, first: date, last: date) -> None:
    """Ask Prefect for a backfill of local days, without waiting for it. Raises Unavailable where it does not answer."""
    from prefect.exceptions import ObjectNotFound

    try:
        _ask_prefect("backfill", user_id=user_id, start=first.isoformat(), end=last.isoformat())
    except ObjectNotFound as error:
        raise Unavailable(
            "The backfill could not be asked for: Prefect does not know the flow yet.",
            remedy="The flows are still starting; try again in a minute.",
        ) from error
    except Exception as error:  # whatever Prefect's client raises
        log.warning("no backfill could be requested from Prefect: %s", type(error).__name__)
        raise Unavailable(
            "The backfill could not be asked for: Prefect, which runs it, does not answer.",
            remedy=f"Look with `glucoflow doctor`, or run `glucoflow backfill {user_id} --from {first} --to {last}`.",
        ) from error


def _ask_prefect(flow: str, **parameters: str) -> None:
    """A run of the flow's deployment, soon; raises whatever Prefect's client raises."""
    from prefect.deployments import run_deployment

    run_deployment(f"{flow}/{flow}", parameters=parameters, timeout=0, as_subflow=False)


def serve_flows(settings: Settings) -> None:
    """Serve the deployments from this process until told to stop."""
    prefect_logging()
    from flows.deployments import serve_here

    serve_here(settings)


def run_worker() -> None:
    """Run flows from our work pool until told to stop."""
    prefect_logging()
    from flows.worker import work

    work()


def provision_now(settings: Settings, deployments: bool) -> None:
    """Database, templates, an index a person, and with `deployments` the work pool and its schedules."""
    console = Console(stderr=True)
    with open_runtime(settings) as rt:
        done = provision_everything(rt)
    console.print(f"glucoflow {version('glucoflow')}: database and templates are ready.", highlight=False)
    for sentence in done.sentences():
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)
    if deployments:
        from flows.deployments import register

        console.print(f"Deployments: {', '.join(register(settings))}.")


def demo_now(settings: Settings) -> int:
    """Connect the demo's people and sync them."""
    from glucoflow.cli.syncing import sync_now
    from glucoflow.service.demo import connect_people

    with open_runtime(settings) as rt:
        connect_people(rt)
    return sync_now(settings, None)


def prefect_logging() -> None:
    """Prefect's lines as our JSON, for this process and the flow runs it starts."""
    os.environ.setdefault("PREFECT_LOGGING_CONFIG_PATH", str(LOGGING_CONFIG))
