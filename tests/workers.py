"""The suite on several workers (pytest-xdist): what they share, and which of them gets which tests.

One Elasticsearch and one PostgreSQL serve them all. The process that deals out the tests starts each when the first
worker asks for it, and stops it at the end, so a run of a few pure functions starts neither.
"""

import os
import secrets
import tempfile
import threading
from contextlib import ExitStack
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any, Protocol, cast

import pytest
from xdist.scheduler import LoadScopeScheduling

from tests.node import Node, kept_node, running_node
from tests.postgres import RunningServer, Server

TOGETHER = ("tests/web/", "tests/kibana/", "tests/analytics/")
"""Folders whose tests share a site, documents or a library that take long to make: one worker has all of them."""

APART = ("tests/scenarios/test_scenarios.py",)
"""Files of many slow tests that share next to nothing: each test goes where there is time."""

LONGEST = (
    "tests/cli/test_up.py",
    "tests/web/",
    "tests/kibana/",
    "tests/flows/test_prefect.py",
    "tests/compose/test_processes.py",
)
"""What takes longest begins first, so that no worker is left alone with it at the end."""


class Servers(Protocol):
    """What a worker asks for."""

    def elasticsearch(self) -> Node:
        """The node, started if nobody asked before."""

    def postgres(self) -> Server:
        """The server, started if nobody asked before. Raises FileNotFoundError where PostgreSQL is not installed."""

    def folder(self) -> Path:
        """For files that one worker leaves to the others; gone after the run."""


class RunningServers:
    """The servers themselves, in the process that owns them."""

    def __init__(self) -> None:
        self._running = ExitStack()
        self._locks = {"node": threading.Lock(), "postgres": threading.Lock()}
        self._node: Node | None = None
        self._postgres: Server | None = None
        self._folder = Path(self._running.enter_context(tempfile.TemporaryDirectory(prefix="glucoflow-shared-")))

    def elasticsearch(self) -> Node:
        with self._locks["node"]:
            if self._node is None:
                self._node = kept_node() or self._running.enter_context(running_node())
            return self._node

    def postgres(self) -> Server:
        with self._locks["postgres"]:
            if self._postgres is None:
                self._postgres = Server(self._running.enter_context(RunningServer()).port)
            return self._postgres

    def folder(self) -> Path:
        return self._folder

    def close(self) -> None:
        self._running.close()


class _Manager(BaseManager):
    """Answers workers over loopback, to whom knows the key."""


class Dealer:
    """The process that deals out the tests: it owns the servers and tells each worker where to ask for them."""

    def __init__(self) -> None:
        self.servers = RunningServers()
        self._key = secrets.token_bytes(16)
        _Manager.register("servers", callable=lambda: self.servers)
        self._server = _Manager(("127.0.0.1", 0), self._key).get_server()
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """A worker is about to start."""
        node.workerinput["servers"] = (*cast("tuple[str, int]", self._server.address), self._key)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> LoadScopeScheduling:
        return Scheduler(config, log)


class Scheduler(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Deals out files, or what `TOGETHER` and `APART` say; xdist itself would begin with files of many tests."""

    def schedule(self) -> None:
        self.config.option.loadscopereorder = False
        super().schedule()

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        if file in APART:
            return nodeid
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def begin_elsewhere(config: pytest.Config) -> None:
    """Let each worker collect the folders of tests in an order of its own: what one has compiled the others find."""
    worker = getattr(config, "workerinput", None)
    if worker is None or config.args_source is not pytest.Config.ArgsSource.TESTPATHS:
        return
    folders = sorted({str(file.parent) for root in config.args for file in Path(root).glob("*/test_*.py")})
    turn = int(worker["workerid"].removeprefix("gw")) * len(folders) // worker["workercount"]
    config.args = folders[turn:] + folders[:turn]


def longest_first(items: list[pytest.Item]) -> None:
    """Sort, stable, so that `LONGEST` comes first; the rest by folder, wherever a worker began."""

    def rank(item: pytest.Item) -> tuple[int, Path]:
        long = (n for n, start in enumerate(LONGEST) if item.nodeid.startswith(start))
        return next(long, len(LONGEST)), item.path.parent

    items.sort(key=rank)


def servers_of(config: pytest.Config) -> Servers:
    """Those of the whole run: asked for over loopback by a worker, else of this process."""
    given = getattr(config, "workerinput", {}).get("servers")
    if given is None:
        own = RunningServers()
        config.add_cleanup(own.close)
        return own
    host, port, key = given
    _Manager.register("servers")
    asked = _Manager((host, port), key)
    asked.connect()
    return cast("Servers", asked.servers())  # type: ignore[attr-defined]


def worker_name() -> str:
    """What keeps names in shared servers apart: `gw0` …, or `main` where there is one process."""
    return os.environ.get("PYTEST_XDIST_WORKER", "main")


def own_name() -> str:
    """A part of a name that no other worker and no other run uses."""
    return f"{worker_name()}-{os.getpid()}"


def own_environment(folder: Path) -> None:
    """None of the caller's settings reach a test, and Prefect keeps nothing in the caller's home."""
    ours = (
        *("BACKUP_", "DATABASE_", "DEMO_", "DEXCOM_", "ES_", "FORWARDED_"),
        *("GLUCOFLOW_", "KIBANA_", "LOG_", "PREFECT_", "SYNC_", "WEB_"),
    )
    for name in [name for name in os.environ if name.startswith(ours)]:
        del os.environ[name]
    os.environ["PREFECT_HOME"] = str(folder)
