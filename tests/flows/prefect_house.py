"""A real Prefect server of ours and what takes its runs (`glucoflow serve`, workers), as processes of a test."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests

from glucoflow.cli.prefect_server import client_environment, server_command, server_environment
from tests.cli.conftest import OURS
from tests.node import Node
from tests.ports import free_ports
from tests.prefect_database import PrefectDatabase

ROOT = Path(__file__).parents[2]
LONGEST_START_S = 180
LOGIN = "glucoflow:made-up"


class PrefectHouse:
    """Processes over one Prefect server, one store and one prefix of indices. `close` ends them all."""

    def __init__(self, folder: Path, node: Node, database: PrefectDatabase, prefix: str, **more: str) -> None:
        self.folder = folder
        self._database = database
        (port,) = free_ports(1)
        self.api = f"http://127.0.0.1:{port}/api"
        self._port = port
        self.environment = {
            "ES_ENDPOINT": node.url,
            "ES_USER": node.username,
            "ES_PASSWORD": node.password.get_secret_value(),
            "ES_INDEX": prefix,
            "GLUCOFLOW_DATA_DIR": str(folder / "data"),
            **client_environment(folder / "home", self.api, LOGIN),
            "PREFECT_WORKER_QUERY_SECONDS": "2",
            **more,
        }
        self._running: list[subprocess.Popen[bytes]] = []
        self._server: subprocess.Popen[bytes] | None = None

    def close(self) -> None:
        for process in self._running:
            self.kill(process)

    def start_server(self) -> None:
        """Prefect's server, once it answers; again on the same database where it ran before."""
        file = self.folder / "home" / "prefect.db"
        if not file.exists():
            self._database.put(file)
        server = self._start("server", server_command(), server_environment(self.folder / "home", self._port, LOGIN))
        self.until(lambda: requests.get(f"{self.api}/health", timeout=10).ok, server)
        self._database.keep(file)
        self._server = server

    def restart_server(self) -> None:
        """Kill it and start it again."""
        assert self._server is not None
        self.kill(self._server)
        self.start_server()

    @property
    def server_pid(self) -> int:
        """The server's process, which runs."""
        assert self._server is not None
        return self._server.pid

    def serve(self) -> subprocess.Popen[bytes]:
        """`glucoflow serve`, which takes runs at once."""
        return self._start("serve", [sys.executable, "-m", "glucoflow", "serve"])

    def work(self, name: str = "worker", **more: str) -> subprocess.Popen[bytes]:
        """A worker of our pool, which `provision` has made."""
        return self._start(name, [sys.executable, "-m", "glucoflow", "worker"], more)

    def provision(self) -> None:
        """The pool and its deployments."""
        command = [sys.executable, "-m", "glucoflow", "provision", "--deployments"]
        subprocess.run(command, env=self._whole({}), cwd=self.folder, check=True, capture_output=True, timeout=400)

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """SIGKILL for a process and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def until(
        self, holds: Callable[[], bool], *alive: subprocess.Popen[bytes], seconds: float = LONGEST_START_S
    ) -> None:
        """Wait until it holds, while these live; what cannot be reached yet does not hold."""
        deadline = time.monotonic() + seconds
        while True:
            with suppress(requests.RequestException):
                if holds():
                    return
            assert all(one.poll() is None for one in alive), self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.3)

    def said(self) -> str:
        """The ends of all logs."""
        return "\n".join(f"--- {log.name}\n{log.read_text()[-1500:]}" for log in sorted(self.folder.glob("*.log")))

    def ask(self, path: str, **query: Any) -> Any:
        """Prefect's API."""
        return self._answer("POST", path, query)

    def look(self, path: str) -> Any:
        """Prefect's API, looked at."""
        return self._answer("GET", path, None)

    def deployment(self, name: str) -> str | None:
        """Its id, once there is one."""
        found = self.ask("deployments/filter", deployments={"name": {"any_": [name]}})
        return str(found[0]["id"]) if found else None

    def run(self, name: str, **parameters: Any) -> str:
        """Ask for a run of a deployment; its id."""
        self.until(lambda: self.deployment(name) is not None)
        made = self.ask(f"deployments/{self.deployment(name)}/create_flow_run", parameters=parameters)
        return str(made["id"])

    def flow_run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.look(f"flow_runs/{run_id}")
        return found

    def ended(self, run_id: str, *alive: subprocess.Popen[bytes], seconds: float = LONGEST_START_S) -> dict[str, Any]:
        """The run, once it has come to an end."""
        last = {"CRASHED", "COMPLETED", "FAILED", "CANCELLED"}
        self.until(lambda: self.flow_run(run_id)["state_type"] in last, *alive, seconds=seconds)
        return self.flow_run(run_id)

    def _answer(self, method: str, path: str, query: dict[str, Any] | None) -> Any:
        user, _, password = LOGIN.partition(":")
        while True:
            answer = requests.request(method, f"{self.api}/{path}", json=query, auth=(user, password), timeout=60)
            if answer.status_code != 503:  # its database is just locked
                answer.raise_for_status()
                return answer.json() if answer.content else None
            time.sleep(0.5)

    def _whole(self, more: dict[str, str]) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        python_path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        return {**plain, **self.environment, "PYTHONPATH": python_path, **more}

    def _start(self, name: str, argv: list[str], more: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                argv, env=self._whole(more or {}), cwd=self.folder, stdout=log, stderr=log, start_new_session=True
            )
        self._running.append(process)
        return process


def doubles(address: str) -> dict[str, str]:
    """The environment in which people of the demo are asked for at `address`."""
    return {"DEMO_SIMULATORS": json.dumps({"dexcom": address})}
