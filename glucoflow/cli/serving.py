"""The long-running commands (pages, flows, worker) and the one-shots that a compose file runs before them."""

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial
from importlib.metadata import version
from pathlib import Path

import msgspec
import uvicorn
from pydantic import SecretStr
from rich.console import Console
from starlette.types import ASGIApp

from glucoflow.api.site import open_site
from glucoflow.doors import whole_site
from glucoflow.files import kept_secret
from glucoflow.model.errors import Misconfigured, Unavailable
from glucoflow.model.same_names import made_of
from glucoflow.model.words import by_comma
from glucoflow.partner_api.limits import Limits
from glucoflow.service.accounts import undo_connection
from glucoflow.service.after_uploads import AfterUploads
from glucoflow.service.annotations import Annotations, behind_the_page, summarizing
from glucoflow.service.archive import write_archive
from glucoflow.service.connect import SiteConnect
from glucoflow.service.mail import mail_of
from glucoflow.service.maintenance import provision_everything
from glucoflow.service.mqtt import Publishing
from glucoflow.service.notices.desk import Desk
from glucoflow.service.openid import OpenIdProvider
from glucoflow.service.overdue import overdue_of
from glucoflow.service.program_trail import ProgramTrail
from glucoflow.service.questions import Questions
from glucoflow.service.ranking import ranking_anew
from glucoflow.service.runtime import Runtime, open_runtime, store_of
from glucoflow.service.uploads import Uploads
from glucoflow.service.visitors import is_open_home
from glucoflow.service.watching import Watch
from glucoflow.settings import LogSettings, Settings
from glucoflow.settings.doors import PartnerSettings, SignOnSettings
from glucoflow.store import Backfill
from glucoflow.web.access import WebOptions
from glucoflow.web.app import create_app

log = logging.getLogger(__name__)

STOPS_WITHIN_S = 10
"""Apps that are told what changes keep a request open for half a minute."""

LOOPBACK_HOSTS = {"127.0.0.1", "localhost", "::1"}
LOGGING_CONFIG = Path(__file__).parents[2] / "flows" / "logging.yml"


def serve_web(settings: Settings, port: int | None) -> None:
    """Serve the pages until told to stop. Raises Misconfigured for an open address without a password."""
    _refuse_open_door(settings)
    with open_runtime(settings) as rt, AfterUploads(rt) as after_uploads, _publishing(rt):
        rt.store.examine()
        site, trail = _site(rt, after_uploads)
        config = uvicorn.Config(
            site,
            host=settings.web.host,
            port=port or settings.web.port,
            log_config=None,
            access_log=False,
            ws="wsproto",
            timeout_graceful_shutdown=STOPS_WITHIN_S,
            forwarded_allow_ips=settings.forwarded.allow_ips,
        )
        server = uvicorn.Server(config)
        try:
            with suppress(SystemExit):  # how uvicorn ends where it cannot have the port
                server.run()
        finally:
            trail.flush()
        if not server.started:
            raise Unavailable(
                f"The pages cannot use port {config.port}.", remedy="Another program does; set WEB_PORT in .env."
            )


def _limits(settings: PartnerSettings) -> Limits:
    return Limits(
        per_minute=settings.requests_per_minute,
        maintenance_start=settings.maintenance_start,
        maintenance_end=settings.maintenance_end,
    )


def _refuse_open_door(settings: Settings) -> None:
    """Raises Misconfigured where others can reach the pages and nobody would have to log in."""
    if settings.web.host in LOOPBACK_HOSTS or settings.web.password is not None:
        return
    with store_of(settings.store) as store:
        if is_open_home(store, settings.web.password):
            raise Misconfigured(
                f"The pages would be open to everybody who can reach {settings.web.host}.",
                remedy="Set WEB_PASSWORD in .env, make an account with `glucoflow accounts add NAME --operator`, or "
                "set WEB_HOST=127.0.0.1.",
            )


def _publishing(rt: Runtime) -> Publishing:
    """Newest readings by MQTT, where a broker is set."""
    questions = Questions(rt.store, rt.queries, rt.clock)

    def usual_delay(user_id: str) -> timedelta:
        delays = [rt.providers.delay(one.provider, one.region) for one in rt.store.connections.for_user(user_id)]
        return min(delays, default=timedelta())

    return Publishing(
        rt.settings.mqtt, lambda: {one.id: one for one in rt.store.people.list()}, questions.latest, usual_delay
    )


def _site(rt: Runtime, after_uploads: AfterUploads) -> tuple[ASGIApp, ProgramTrail]:
    """The pages, and the doors for apps and other programs; and what counts what programs do."""
    options = web_options(rt.settings)
    app = create_app(
        rt.store,
        rt.queries,
        SiteConnect(
            rt.store,
            rt.providers,
            request_sync,
            request_backfill,
            overdue=partial(overdue_of, rt.settings, rt.store),
            undo=lambda one: undo_connection(rt, one).documents,
            request_deletion=request_deletion,
            reread=lambda: msgspec.structs.replace(rt.providers, settings=Settings.load().providers),
            rank_anew=lambda user_id: ranking_anew(rt, user_id),
        ),
        Annotations(rt.store, rt.queries, behind_the_page(summarizing(rt))),
        options,
        rt.clock,
        Uploads(rt),
        mail=mail_of(rt.settings.mail),
        archive=partial(write_archive, rt),
        notices=Desk(rt),
        request_guests=request_guests if rt.settings.kibana.url else None,
        watch=Watch(rt),
    )
    trail: ProgramTrail = app.state.services.programs
    apps = open_site(rt.store, rt.client, rt.names, options.secret, rt.clock, trail, after_uploads)
    return whole_site(app, apps, rt.queries, _limits(rt.settings.partner)), trail


def web_options(settings: Settings) -> WebOptions:
    sign_on = settings.sign_on
    return WebOptions(
        secret=SecretStr(kept_secret(settings.store.data_dir, "web.secret")),
        allowed_hosts=by_comma(settings.web.allowed_hosts),
        password=settings.web.password,
        metrics_token=settings.web.metrics_token,
        sign_on=sign_on_of(sign_on),
        sign_on_back=str(sign_on.redirect_uri) if sign_on.redirect_uri else None,
        open_to_all=sign_on.open_to_all,
    )


def sign_on_of(settings: SignOnSettings) -> OpenIdProvider | None:
    """The sign-on, if one is set. Raises Misconfigured where our name there is missing."""
    if settings.issuer is None:
        return None
    if not settings.client_id:
        raise Misconfigured(
            "OIDC_ISSUER is set, and not how glucoflow is called there.",
            remedy="Register glucoflow at your sign-on, and set OIDC_CLIENT_ID (and OIDC_CLIENT_SECRET).",
        )
    return made_of(settings, OpenIdProvider)


def request_sync(user_id: str) -> None:
    """Ask Prefect for a sync of one person, without waiting. If that fails, the next scheduled one takes them."""
    _in_a_thread(lambda: _ask_for_sync(user_id))


def request_backfill(asked: Backfill) -> None:
    """Ask Prefect for a run that takes a backfill up, without waiting. If that fails, the next sync asks for one."""
    _in_a_thread(lambda: _ask_for_backfill(asked))


def _in_a_thread(ask: Callable[[], None]) -> None:
    def run() -> None:
        try:
            ask()
        except Exception as error:  # noqa: BLE001 – whatever Prefect's client raises: the schedule makes up for it
            log.warning("no run could be requested from Prefect: %s", type(error).__name__)

    threading.Thread(target=run, daemon=True).start()


def request_guests() -> None:
    """Ask Prefect to make and remove guests in Kibana, without waiting. If that fails, the next hour's run does."""
    _in_a_thread(_ask_for_guests)


def _ask_for_guests() -> None:
    from flows.asking import ask_for

    ask_for("kibana-guests/kibana-guests")


def request_deletion(user_id: str) -> None:
    """Ask Prefect to delete a person, without waiting for it. Raises Unavailable where it does not answer."""
    from flows.asking import ask_for

    try:
        ask_for("delete-user/delete-user", user_id=user_id, confirm=user_id)
    except Exception as error:  # whatever Prefect's client raises
        log.warning("no deletion could be requested from Prefect: %s", type(error).__name__)
        raise Unavailable(
            "The deletion could not be asked for: Prefect, which runs it, does not answer.",
            remedy=f"Look with `glucoflow doctor`, or run `glucoflow delete-user {user_id}`.",
        ) from error


def _ask_for_sync(user_id: str) -> None:
    from flows.asking import NOW, ask_for

    ask_for(NOW, user_id=user_id)


def _ask_for_backfill(asked: Backfill) -> None:
    from flows.asking import request_backfill

    request_backfill(asked)


def serve_flows(settings: Settings) -> None:
    """Serve the deployments from this process until told to stop."""
    prefect_logging(settings.log)
    from flows.deployments import serve_here

    serve_here(settings)


def run_worker(settings: Settings, health_port: int | None) -> None:
    """Run flows from our work pool until told to stop, and say on that port of loopback whether runs are looked for."""
    prefect_logging(settings.log)
    if health_port is not None:  # before Prefect is imported, which reads them then
        os.environ |= {"PREFECT_WORKER_WEBSERVER_HOST": "localhost", "PREFECT_WORKER_WEBSERVER_PORT": str(health_port)}
    from flows.worker import work

    work(tell_health=health_port is not None)


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


def prefect_logging(settings: LogSettings) -> None:
    """Prefect's lines and ours by our own settings, for this process and the flow runs it starts."""
    os.environ.setdefault("PREFECT_LOGGING_CONFIG_PATH", str(LOGGING_CONFIG))
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_FORMATTER", settings.format)
    for name in ("GLUCOFLOW", "CONNECTORS", "FLOWS"):
        os.environ.setdefault(f"PREFECT_LOGGING_LOGGERS_{name}_LEVEL", settings.level)
