"""The commands of docker-compose.yml as processes on loopback, over its own environment: real PostgreSQL, real Prefect
server with a password on it, real Elasticsearch, a worker that takes its runs from the pool."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import yaml

from tests.cli.conftest import OURS
from tests.compose.test_file import GOOD, ROOT, filled
from tests.node import Node
from tests.ports import free_ports
from tests.postgres import PASSWORD, Server
from tests.workers import own_name

PREFIX = f"compose-{own_name()}-"


class Composed:
    """The services of the file, as processes: the same command and environment, other addresses."""

    def __init__(self, folder: Path, node: Node, postgres: Server) -> None:
        self.folder = folder
        self.services: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
        self.prefect, self.web, self.simulator = free_ports(3)
        self._replaced = {
            "http://elasticsearch:9200": node.url,
            "postgres:5432": f"127.0.0.1:{postgres.port}",
            "http://prefect-server:4200": f"http://127.0.0.1:{self.prefect}",
            "http://localhost:4200": f"http://127.0.0.1:{self.prefect}",
            "http://simulator:8400": f"http://127.0.0.1:{self.simulator}",
            "/tmp/ui": str(folder / "ui"),  # noqa: S108 - what the file says
        }
        self._changed = {
            "ES_USER": node.username,
            "ES_PASSWORD": node.password.get_secret_value(),
            "ES_INDEX": PREFIX,
            "PREFECT_SERVER_API_PORT": str(self.prefect),
            "WEB_PORT": str(self.web),
        }

    def environment(self, service: str) -> dict[str, str]:
        """What the service sees: the file's own, the passwords filled in."""
        plain = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        written = self.services[service].get("environment", {})
        filled = {name: self._filled(value) for name, value in written.items()}
        changed = {name: value for name, value in self._changed.items() if name in written or name == "WEB_PORT"}
        python_path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        data = {"GLUCOFLOW_DATA_DIR": str(self.folder / "data"), "PREFECT_HOME": str(self.folder / service)}
        return {**plain, **filled, **changed, **data, "PYTHONPATH": python_path, "DO_NOT_TRACK": "1"}

    def argv(self, service: str) -> list[str]:
        """Its command, by the interpreter of the tests."""
        program = "glucoflow"
        words = [self._filled(word) for word in self.services[service]["command"]]
        return [sys.executable, "-m", program, *words]

    def run(self, service: str) -> subprocess.CompletedProcess[str]:
        """A one-shot, to its end."""
        return subprocess.run(
            self.argv(service),
            env=self.environment(service),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @contextmanager
    def running(
        self, service: str, healthy: Callable[[], bool], *more: str, set_too: Mapping[str, str] = {}
    ) -> Iterator[subprocess.Popen[bytes]]:
        """A service, once it is healthy; told to stop at the end as compose does."""
        log = self.folder / f"{service}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*self.argv(service), *more],
                env={**self.environment(service), **set_too},
                cwd=self.folder,
                stdout=out,
                stderr=out,
            )
        try:
            deadline = time.monotonic() + 300
            while not healthy():
                assert process.poll() is None, log.read_text()[-3000:]
                assert time.monotonic() < deadline, log.read_text()[-3000:]
                time.sleep(0.2)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def ask(self, path: str, **query: Any) -> Any:
        """Prefect's API, with its password."""
        with self.api() as api:
            return api.post(path, json=query).raise_for_status().json()

    def api(self) -> httpx.Client:
        user = ("glucoflow", GOOD["PREFECT_PASSWORD"])
        return httpx.Client(base_url=f"http://127.0.0.1:{self.prefect}/api/", auth=user, timeout=120)

    def answers(self, url: str) -> bool:
        """Whether a health check's address answers well."""
        try:
            return httpx.get(url, timeout=3, auth=("glucoflow", GOOD["PREFECT_PASSWORD"])).is_success
        except httpx.HTTPError:
            return False

    def health_path(self, service: str) -> str:
        """The path that the file's own health check asks."""
        found = re.search(r"http://localhost:\d+(/[a-z/]+)'", " ".join(self.services[service]["healthcheck"]["test"]))
        assert found is not None
        return found[1]

    def _filled(self, value: str) -> str:
        text = filled(str(value), GOOD)
        for there, here in self._replaced.items():
            text = text.replace(there, here)
        return text


def set_up_postgres(postgres: Server) -> subprocess.CompletedProcess[str]:
    """The one-shot that makes users and databases, as the superuser of this server."""
    there = {"PGHOST": "127.0.0.1", "PGPORT": str(postgres.port), "PGUSER": "gluco", "PGPASSWORD": PASSWORD}
    return subprocess.run(
        ["bash", str(ROOT / "docker" / "setup-postgres.sh")],
        env={**there, **GOOD, "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def composed(
    elasticsearch_node: Node, postgres: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Composed]:
    """PostgreSQL, Prefect's server and the simulator, healthy by the file's own checks."""
    with ExitStack() as stack:
        for _ in range(2):  # it runs at every start
            done = set_up_postgres(postgres)
            assert done.returncode == 0, done.stderr
        made = Composed(tmp_path_factory.mktemp("compose"), elasticsearch_node, postgres)
        for service, port, more in (
            ("prefect-server", made.prefect, []),
            ("simulator", made.simulator, ["--host", "127.0.0.1", "--port", str(made.simulator), "--days", "3"]),
        ):
            url = f"http://127.0.0.1:{port}{made.health_path(service)}"
            stack.enter_context(made.running(service, lambda url=url: made.answers(url), *more))  # type: ignore[misc]
        yield made
        with elasticsearch_node.client() as client:
            client.indices.delete(index=list(client.indices.get(index=f"{PREFIX}*")))


def test_from_nothing_to_a_sync_by_a_worker(composed: Composed) -> None:
    provisioned = composed.run("provision")
    assert provisioned.returncode == 0, provisioned.stderr
    assert composed.run("provision").returncode == 0, "it runs at every start"
    made = {one["name"] for one in composed.ask("deployments/filter")}
    assert {"sync", "backfill", "refresh-tokens", "summarize"} <= made

    demo = composed.run("demo")
    assert demo.returncode == 0, demo.stderr
    assert composed.run("demo").returncode == 0, "and so does this"

    with composed.running("worker", lambda: bool(_workers(composed))) as worker:
        (sync,) = composed.ask("deployments/filter", deployments={"name": {"any_": ["sync"]}})
        (now,) = composed.ask("deployments/filter", deployments={"name": {"any_": ["now"]}})
        # Two people connect within a second of one another: neither is left to the schedule.
        run, other = (
            composed.ask(f"deployments/{now['id']}/create_flow_run", parameters={"user_id": user_id})
            for user_id in ("alma", "bruno")
        )
        for one in (run, other):
            ended = _ended(composed, one["id"])
            assert (ended["state_type"], ended["name"]) == ("COMPLETED", "sync-person"), ended["state"]["message"]
            assert ended["state"]["message"].startswith("1 connection,")
            assert ended["work_pool_name"] == "glucoflow"
        assert worker.poll() is None
        _assert_healthy_by_its_own_check(composed)
        _assert_scheduled(composed, sync["id"])
    assert _has_run_ids((composed.folder / "worker.log").read_text(), run["id"])


def test_the_pages_ask_for_the_password_and_tell_their_health_without(composed: Composed) -> None:
    base = f"http://127.0.0.1:{composed.web}"
    with composed.running("web", lambda: composed.answers(base + composed.health_path("web"))):
        page = httpx.get(base, headers={"Accept": "text/html"}, timeout=120)
        assert page.status_code == 303
        assert page.headers["location"].startswith("/login")
        login = httpx.get(f"{base}/login", timeout=120)
        assert "password" in login.text


def test_a_name_of_ones_own_leaves_the_health_check_in_peace(composed: Composed) -> None:
    base, own = f"http://127.0.0.1:{composed.web}", {"WEB_ALLOWED_HOSTS": "glucose.example"}
    with composed.running("web", lambda: composed.answers(base + composed.health_path("web")), set_too=own):
        assert httpx.get(f"{base}/login", timeout=120).status_code == 421
        assert httpx.get(f"{base}/login", headers={"host": "glucose.example"}, timeout=120).status_code == 200


@pytest.mark.parametrize(("user", "database"), [("prefect", "glucoflow"), ("glucoflow", "prefect")])
def test_neither_user_of_the_database_gets_at_the_others(
    composed: Composed, postgres: Server, user: str, database: str
) -> None:
    password = {"glucoflow": GOOD["STORE_PASSWORD"], "prefect": GOOD["PREFECT_STORE_PASSWORD"]}[user]
    address = f"postgresql://{user}:{password}@127.0.0.1:{postgres.port}/"
    with psycopg.connect(address + user) as own:
        (power,) = own.execute(
            "SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchone() or (None,)
        assert power is False
    with pytest.raises(psycopg.OperationalError, match="permission denied"):
        psycopg.connect(address + database)


def test_prefect_refuses_whoever_has_no_password(composed: Composed) -> None:
    answer = httpx.post(f"http://127.0.0.1:{composed.prefect}/api/flow_runs/filter", json={}, timeout=120)
    assert answer.status_code == 401


def _workers(composed: Composed) -> list[Any]:
    found: list[Any] = composed.ask("work_pools/glucoflow/workers/filter")
    return found


def _ended(composed: Composed, run_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + 300
    while True:
        with composed.api() as api:
            run: dict[str, Any] = api.get(f"flow_runs/{run_id}").json()
        if run["state_type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
            return run
        assert time.monotonic() < deadline, run["state_name"]
        time.sleep(0.5)


def _assert_healthy_by_its_own_check(composed: Composed) -> None:
    """What compose runs every half minute, for years: the check itself, and what it costs."""
    kind, program, *words = composed.services["worker"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "python")
    done = subprocess.run([sys.executable, "-X", "importtime", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.splitlines()}
    assert "urllib" in imported
    assert not imported & {"glucoflow", "prefect", "pydantic", "sqlalchemy", "elasticsearch"}, (
        "each costs seconds of CPU"
    )


def _assert_scheduled(composed: Composed, deployment_id: str) -> None:
    wanted = {
        "deployments": {"id": {"any_": [deployment_id]}},
        "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}},
    }
    deadline = time.monotonic() + 300
    while not composed.ask("flow_runs/filter", **wanted):
        assert "InvalidRequestError" not in (composed.folder / "prefect-server.log").read_text(), "the scheduler fails"
        assert time.monotonic() < deadline
        time.sleep(0.5)


def _has_run_ids(log: str, run_id: str) -> bool:
    """Whether some JSON line says which run it belongs to, and those of our own about a page whose it is."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert lines, log[-2000:]
    pages = [line for line in lines if line["log"]["logger"] == "glucoflow.ingest"]
    assert {line["user"]["id"] for line in pages} == {"alma", "bruno"}
    assert all(line["glucoflow"]["run"]["id"] and line["glucoflow"]["connection"]["id"] for line in pages)
    return any(line.get("prefect", {}).get("flow_run_id") == run_id for line in lines)
