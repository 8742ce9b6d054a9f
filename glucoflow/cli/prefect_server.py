"""The Prefect server of our own: who may speak to it, and how this process and its children find it.

Prefect's server as it comes answers every web page that its user opens: no password, any Host, readable from any
origin. Whoever starts flows commands what this machine does with everybody's data, so ours asks for a password and
knows its own names and its own pages only (docs/security.md).

Everything is by environment variable, since Prefect reads its settings when it is imported.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import requests
import uvicorn
from starlette.datastructures import MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from glucoflow.model.errors import Misconfigured, Unavailable

READY_SECONDS = 240
"""A busy machine needs minutes; a server that ended is noticed at once."""


class OwnPagesOnly:
    """Prefect's UI talks to its own server only, and no page of somebody else may frame it.

    As it comes it asks a vendor's host for the configuration of session recordings, with analytics switched off too.
    """

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        sockets = [origin.replace("http", "ws", 1) for origin in origins]
        self._app = app
        allowed = " ".join(["'self'", *origins, *sockets])
        self._policy = (
            "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
            f"style-src 'self' 'unsafe-inline'; connect-src {allowed}; "
            "form-action 'self'; base-uri 'self'; frame-ancestors 'none'"
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self._policy
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self._app(scope, receive, with_policy)


def serve_prefect(allowed_hosts: Sequence[str]) -> None:
    """Be Prefect's server until told to stop, for whoever knows its password and calls it by one of these names.

    Where it listens and the rest is in Prefect's own variables. Raises Misconfigured without a password.
    """
    if not os.environ.get("PREFECT_SERVER_API_AUTH_STRING"):
        raise Misconfigured(
            "Prefect's server would take orders from everybody, web pages included.",
            remedy="Set PREFECT_SERVER_API_AUTH_STRING to a user and a password, with a colon between them.",
        )
    from prefect.server.api.server import create_app
    from prefect.settings import get_current_settings

    server = get_current_settings().server
    origins = server.api.cors_allowed_origins.split(",")
    own_pages = [origin.strip() for origin in origins if "*" not in origin]
    prefect = OwnPagesOnly(create_app(final=True), own_pages)
    uvicorn.run(
        TrustedHostMiddleware(prefect, allowed_hosts, www_redirect=False),
        host=str(server.api.host),
        port=server.api.port,
        timeout_keep_alive=server.api.keepalive_timeout,
        log_level=server.logging_level.lower(),
        timeout_graceful_shutdown=1,  # flows keep their sockets open: who stops us does not wait for them
    )


def server_command() -> list[str]:
    return [sys.executable, "-m", "glucoflow", "prefect-server"]


def server_environment(home: Path, port: int, login: str) -> dict[str, str]:
    """For the server: SQLite in `home`, its UI pointed at its own port, nothing sent to anybody."""
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_HOST": "127.0.0.1",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_API_AUTH_STRING": login,
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}",
        # In memory, as it comes, a restart would forget who holds a slot, and nobody could ever take it again.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # Who waits for a slot looks again so soon: somebody sits before the page.
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "5",
        # Runs are planned so far ahead, and as many are late when a machine wakes up: an hour's would be a heap.
        "PREFECT_SERVER_SERVICES_SCHEDULER_MIN_SCHEDULED_TIME": "PT10M",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "2d",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "1209600",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
    }


def client_environment(home: Path, api_url: str, login: str | None) -> dict[str, str]:
    """For whatever runs flows: where the server is, the login if it is ours, and how to log and behave."""
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": api_url,
        **({"PREFECT_API_AUTH_STRING": login} if login else {}),
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "glucoflow,connectors,flows",
        "DO_NOT_TRACK": "1",
    }


def wait_ready(api_url: str, alive: Callable[[], bool], log_tail: Callable[[], str]) -> None:
    """Return when the API answers. Raises Unavailable with the log's last lines if it does not in time."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if not alive():
            break
        try:
            if requests.get(f"{api_url}/health", timeout=2).ok:
                return
        except requests.RequestException:
            pass  # not listening yet
        time.sleep(0.2)
    raise Unavailable(
        f"The Prefect server did not start. Its log ends:\n{log_tail()}\n",
        remedy="If another program uses its port, set PREFECT_PORT in .env; else look into logs in the data folder.",
    )
