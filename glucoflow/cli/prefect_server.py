"""The Prefect server of our own, and how this process and its children find it.

Everything is by environment variable, since Prefect reads its settings when it is imported.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from glucoflow.model.errors import Unavailable

READY_SECONDS = 60


def server_command(port: int) -> list[str]:
    return [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]


def server_environment(home: Path, port: int) -> dict[str, str]:
    """For the server: SQLite in `home`, its UI pointed at its own port, nothing sent to anybody."""
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_SERVER_API_PORT": str(port),  # --port alone leaves the UI asking port 4200
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "2d",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": "1209600",
        "PREFECT_LOGGING_SERVER_LEVEL": "WARNING",
        "DO_NOT_TRACK": "1",
    }


def client_environment(home: Path, api_url: str) -> dict[str, str]:
    """For whatever runs flows: where the server is, and how to log and behave."""
    return {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": api_url,
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
        "PREFECT_CLIENT_RETRY_EXTRA_CODES": "500",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_LOGGING_LEVEL": "INFO",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "glucoflow,connectors,flows",
        "DO_NOT_TRACK": "1",
    }


def wait_ready(api_url: str, alive: Callable[[], bool], log_tail: Callable[[], str]) -> None:
    """Return when the API answers. Raises Unavailable with the log's last lines if it does not within a minute."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if not alive():
            break
        try:
            if httpx.get(f"{api_url}/health", timeout=2).is_success:
                return
        except httpx.HTTPError:
            pass  # not listening yet
        time.sleep(0.2)
    raise Unavailable(
        f"The Prefect server did not start. Its log ends:\n{log_tail()}\n",
        remedy="If another program uses its port, set PREFECT_PORT in .env; else look into logs in the data folder.",
    )
