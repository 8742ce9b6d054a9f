"""What `glucoflow up` runs: Elasticsearch, the Prefect server, the demo's provider, the pages and the flows.

The parts start at the same time where they can. `stop` ends all of them within five seconds.
"""

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path

import requests
from rich.progress import Progress

from glucoflow.cli.own_node import own_node, start
from glucoflow.cli.ports import free_port
from glucoflow.cli.prefect_server import client_environment, server_command, server_environment, wait_ready
from glucoflow.files import kept_secret
from glucoflow.model.errors import Unavailable
from glucoflow.node.local import LocalNode
from glucoflow.node.supervise import Child, stop_all
from glucoflow.service.prefect_api import LOGIN_FILE
from glucoflow.service.running import Running
from glucoflow.settings import Settings
from glucoflow.simulators import FAMILY, demo_doubles

LOOPBACK = "127.0.0.1"

READY_SECONDS = 120
"""A start takes two seconds, and many times that on a machine that is busy otherwise."""


class Stack:
    """The processes of one `up`. Parts whose address is set in `.env` are used where they are and not started."""

    def __init__(self, settings: Settings, demo_days: int | None, progress: Progress) -> None:
        """`demo_days`: how much data the demo's people have; None without a demo."""
        self._settings = settings
        self._data = settings.store.data_dir.resolve()
        self._demo_days = demo_days
        self._progress = progress
        self._children: list[Child] = []
        self._node: LocalNode | None = None
        self.elasticsearch = str(settings.es.endpoint or "").rstrip("/")
        self.prefect_api = str(settings.prefect.api_url or "").rstrip("/")
        self._prefect_login: str | None = None  # of a server of our own
        self.web: str | None = None
        self.simulator: str | None = None

    def start(self) -> None:
        """Start what everything else needs. Raises Unavailable or Misconfigured; stop() is then still due."""
        with ThreadPoolExecutor(max_workers=3) as pool:
            parts: list[Callable[[], None]] = [self._start_elasticsearch, self._start_prefect]
            if self._demo_days is not None:
                parts.append(partial(self._start_simulator, self._demo_days))
            for future in [pool.submit(part) for part in parts]:
                future.result()

    def environment(self) -> dict[str, str]:
        """For this process and its children: where the parts are, and Prefect's password."""
        prefect = client_environment(self._prefect_home, self.prefect_api, self._prefect_login)
        found = {"GLUCOFLOW_DATA_DIR": str(self._data), **prefect}
        if self.simulator:
            found["DEMO_SIMULATORS"] = json.dumps(demo_doubles(self.simulator))
        return found

    def running(self, pid: int, started_at: datetime) -> Running:
        """What others may know of it."""
        return Running(
            pid=pid,
            started_at=started_at,
            elasticsearch=self.elasticsearch,
            prefect=self.prefect_api,
            web=self.web,
            doubles=demo_doubles(self.simulator) if self.simulator else {},
        )

    def start_web(self) -> str:
        """Start the pages; their address, once they answer."""
        port = free_port(self._settings.web.port)
        child = self._child("web", [sys.executable, "-m", "glucoflow", "web", "--port", str(port)])
        self.web = f"http://localhost:{port}"
        _wait_http(f"http://{LOOPBACK}:{port}/healthz", child)
        return self.web

    def start_flows(self) -> None:
        """Serve the flows' deployments."""
        self._child("flows", [sys.executable, "-m", "glucoflow", "serve"])

    def dead(self) -> list[Child]:
        """Parts that ended by themselves."""
        return [child for child in self._all() if not child.alive()]

    def shorten_logs(self) -> None:
        """So that no part fills the disk over the years with what it says of itself."""
        for child in self._all():
            child.shorten_log()

    def restart(self, child: Child) -> None:
        """Start a part that ended by itself again, where it was. Raises Unavailable where it cannot be."""
        if self._node is not None and child is self._node.child:
            self._node.stop()
            self._node.start()
        else:
            child.start()

    def stop(self) -> None:
        """End everything that was started, all at once."""
        stop_all(self._all())
        if self._node is not None:
            self._node.stop()

    @property
    def prefect_login_file(self) -> Path | None:
        """Where what Prefect's UI asks for is, if the server is ours."""
        return self._data / LOGIN_FILE if self._prefect_login else None

    @property
    def _prefect_home(self) -> Path:
        return self._data / "prefect"

    def _all(self) -> list[Child]:
        node = self._node.child if self._node is not None else None
        return [*self._children, *([node] if node is not None else [])]

    def _child(self, name: str, argv: list[str], env: dict[str, str] | None = None) -> Child:
        child = Child(name, argv, self._data / "logs" / f"{name}.log", env={**self.environment(), **(env or {})})
        self._children.append(child)
        child.start()
        return child

    def _start_elasticsearch(self) -> None:
        if self.elasticsearch:
            return
        self._node = own_node(self._settings)
        self.elasticsearch = start(self._node, self._progress)

    def _start_prefect(self) -> None:
        if self.prefect_api:
            return
        bar = self._progress.add_task("Prefect", total=None)
        port = free_port(self._settings.prefect.port)
        self.prefect_api = f"http://{LOOPBACK}:{port}/api"
        self._prefect_login = kept_secret(self._data, LOGIN_FILE, before="glucoflow:")
        child = Child(
            "prefect",
            server_command(),
            self._data / "logs" / "prefect.log",
            env=server_environment(self._prefect_home, port, self._prefect_login),
        )
        self._children.append(child)
        child.start()
        wait_ready(self.prefect_api, child.alive, child.tail)
        self._progress.update(bar, completed=1, total=1)

    def _start_simulator(self, days: int) -> None:
        bar = self._progress.add_task("Simulated provider", total=None)
        port = free_port(8400)
        state = self._data / "simulator.json"
        program = [sys.executable, "-m", "glucoflow.simulators", FAMILY]
        argv = [*program, "--port", str(port), "--state", str(state), "--days", str(days)]
        child = Child("simulator", argv, self._data / "logs" / "simulator.log", env={})
        self._children.append(child)
        child.start()
        self.simulator = f"http://{LOOPBACK}:{port}"
        _wait_http(self.simulator, child)
        self._progress.update(bar, completed=1, total=1)


class Restarts:
    """When a part that keeps ending by itself may be started again: at once, then after 1, 2, 4 … 60 seconds."""

    MOST_IN_A_ROW = 10
    QUIET_S = 300.0
    """A part that lived this long has recovered."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` tells seconds and never goes back."""
        self._clock = clock
        self._last: dict[str, float] = {}
        self._in_a_row: dict[str, int] = {}

    def due(self, name: str) -> bool:
        """Whether to start it now; counts that as a start. Raises Unavailable after ten in a row that did not last."""
        now, row = self._clock(), self._in_a_row.get(name, 0)
        since = now - self._last.get(name, now - self.QUIET_S)
        if since >= self.QUIET_S:
            row = 0
        if row and since < min(60.0, 2.0 ** (row - 1)):
            return False
        if row >= self.MOST_IN_A_ROW:
            raise Unavailable(
                f"The part called {name} ended by itself {row} times in a row.",
                remedy=f"Nothing is lost. Look into logs/{name}.log in the data folder, mend the cause, start again.",
            )
        self._last[name], self._in_a_row[name] = now, row + 1
        return True


def _wait_http(url: str, child: Child) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and child.alive():
        try:
            requests.get(url, timeout=2)
        except requests.RequestException:
            time.sleep(0.1)
        else:
            return
    raise Unavailable(
        f"The part called {child.name} did not start. Its log ends:\n{child.tail(12)}\n",
        remedy=f"The whole log is {child.log_path}.",
    )
