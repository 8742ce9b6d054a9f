"""The node of our own, for real: password, second start, crash of the parent, data that stay."""

import fcntl
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from pytest_httpserver import HTTPServer

from glucoflow.files import kept_secret
from glucoflow.model.errors import Unavailable
from glucoflow.node.local import PASSWORD_FILE, LocalNode, NodeSettings, find_running
from glucoflow.settings import cache_folder
from tests.node import Node
from tests.ports import free_ports

ROOT = Path(__file__).parents[2]

HOLD = """
import sys, time
from pathlib import Path
from glucoflow.node.local import LocalNode, NodeSettings
folder, cache, http, transport = sys.argv[1:]
node = LocalNode(Path(folder), Path(cache), NodeSettings(port=int(http), transport_port=int(transport), heap="512m"))
print(node.start().url, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    # pytest's own folders are closed to others; under root the node runs as another user.
    with tempfile.TemporaryDirectory(prefix="glucoflow-tests-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
def hold() -> Iterator[Callable[[Path, list[int]], tuple[subprocess.Popen[str], str]]]:
    """Starts another process that runs a node; that process and the node's address."""
    with ExitStack() as stack:

        def start(folder: Path, ports: list[int]) -> tuple[subprocess.Popen[str], str]:
            holder = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", HOLD, str(folder), str(cache_folder(None)), *map(str, ports)],
                    stdout=subprocess.PIPE,
                    cwd=ROOT,
                    text=True,
                    env={**os.environ, "A_SECRET": "hunter2"},
                )
            )
            stack.callback(holder.kill)
            assert holder.stdout
            return holder, holder.stdout.readline().strip()

        yield start


def test_only_the_right_password_gets_in(elasticsearch_node: Node) -> None:
    right = elasticsearch_node.password.get_secret_value()
    url = f"{elasticsearch_node.url}/_cluster/health"
    assert httpx.get(url, auth=(elasticsearch_node.username, right)).status_code == 200
    assert httpx.get(url, auth=(elasticsearch_node.username, right + "x")).status_code == 401
    assert httpx.get(url).status_code == 401


def test_it_runs_as_an_ordinary_user_with_nothing_of_ours_in_its_environment(elasticsearch_node: Node) -> None:
    auth = (elasticsearch_node.username, elasticsearch_node.password.get_secret_value())
    nodes = httpx.get(f"{elasticsearch_node.url}/_nodes/_local/process", auth=auth).json()["nodes"]
    process = subprocess.run(
        ["ps", "-o", "user=", "-p", str(next(iter(nodes.values()))["process"]["id"])],
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout.strip() not in ("", "root", "nobody")


def test_a_taken_port_is_named(elasticsearch_node: Node, folder: Path) -> None:
    taken = int(elasticsearch_node.url.rpartition(":")[2])
    node = LocalNode(folder, cache_folder(None), NodeSettings(port=taken, transport_port=free_ports(1)[0], heap="512m"))
    with pytest.raises(Unavailable, match=rf"another program uses port {taken}") as caught:
        node.start()
    assert "ES_PORT" in caught.value.remedy
    assert not node.alive()
    assert not (folder / "elasticsearch.url").exists()


def test_a_killed_parent_leaves_no_node_and_loses_no_document(
    folder: Path, hold: Callable[[Path, list[int]], tuple[subprocess.Popen[str], str]]
) -> None:
    ports = free_ports(2)
    settings = NodeSettings(port=ports[0], transport_port=ports[1], heap="512m")
    holder, url = hold(folder, ports)
    running = find_running(folder)
    assert running is not None, "a second start finds the first"
    assert (running.url, running.version) == (url, "9.5.0")
    assert "**" in repr(running.password)
    assert b"hunter2" not in Path(f"/proc/{running.pid}/environ").read_bytes()
    assert _closed_to_others(folder)
    assert _logs_are_bounded(folder / "elasticsearch")
    of_before = [
        folder / "elasticsearch" / "logs" / f"glucoflow{rest}" for rest in ("_server.json", "-2026-11-30-1.log.gz")
    ]
    for path in of_before:
        path.touch()
    auth = (running.username, running.password.get_secret_value())
    assert httpx.put(f"{url}/kept/_doc/1", json={"a": 1}, auth=auth, timeout=120).status_code == 201

    second = LocalNode(folder, cache_folder(None), settings)
    with pytest.raises(Unavailable, match=f"already runs at {url}"):
        second.start()
    second.stop()
    assert find_running(folder) == running, "a start that was refused takes nothing away"

    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    # At once, while the orphan may still be ending: the new node waits for it.
    with LocalNode(folder, cache_folder(None), settings) as node:
        again = node.start()
        assert not Path(f"/proc/{running.pid}").exists()
        assert again.pid != running.pid
        assert not any(path.exists() for path in of_before)
        assert httpx.get(f"{url}/kept/_doc/1", auth=auth, timeout=120).json()["_source"] == {"a": 1}
    _nobody_listens(ports[0])


@pytest.fixture
def listener() -> Iterator[HTTPServer]:
    """A program that listens where a node was expected, and keeps what it is sent."""
    with HTTPServer() as server:
        server.expect_request(re.compile(".*")).respond_with_data("")
        yield server


@pytest.mark.parametrize("lock", ["absent", "free", "held since another start"])
def test_an_address_that_a_killed_node_left_behind_gets_no_password(
    folder: Path, listener: HTTPServer, lock: str
) -> None:
    kept_secret(folder, PASSWORD_FILE)
    (folder / "elasticsearch.url").write_text(f"http://127.0.0.1:{listener.port}\n4711\n")
    with ExitStack() as stack:
        if lock != "absent":
            (folder / "elasticsearch.lock").write_text("4711")
        if lock.startswith("held"):
            held = stack.enter_context((folder / "elasticsearch.lock").open("r+"))
            fcntl.flock(held, fcntl.LOCK_EX)
            held.write("4712")
            held.flush()
        assert find_running(folder) is None
    assert listener.log == []


def test_a_program_that_took_the_port_a_moment_before_gets_no_password(
    folder: Path, listener: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("glucoflow.node.local._refuse_if_taken", lambda _port: None)  # it came just after the look
    settings = NodeSettings(port=listener.port, transport_port=free_ports(1)[0], heap="512m")
    with pytest.raises(Unavailable, match=f"another program uses port {listener.port}"):
        LocalNode(folder, cache_folder(None), settings).start()
    assert listener.log == []


def test_the_password_is_for_its_owner_only(elasticsearch_node: Node, folder: Path) -> None:
    password = kept_secret(folder, PASSWORD_FILE)
    assert oct((folder / "elasticsearch.password").stat().st_mode & 0o777) == "0o600"
    assert len(password) >= 24
    assert kept_secret(folder, PASSWORD_FILE) == password != elasticsearch_node.password.get_secret_value()


def _closed_to_others(folder: Path) -> bool:
    inside = folder / "elasticsearch"
    log = folder / "logs" / "elasticsearch.log"
    assert log.stat().st_mode & 0o777 == 0o600
    return all(part.stat().st_mode & 0o077 == 0 for part in inside.iterdir()) and inside.stat().st_mode & 0o007 == 0


def _logs_are_bounded(inside: Path) -> bool:
    """What the node keeps is one log, of which three files of 10 MB may stay; it is written to."""
    written = {path.name for path in (inside / "logs").iterdir()} - {"http.ports", "transport.ports"}
    said = (inside.parent / "logs" / "elasticsearch.log").read_text()
    text = (inside / "config" / "log4j2.properties").read_text()
    assert "started" in said
    assert "ERROR StatusLogger" not in said
    assert re.findall(r"policies\.size\.size = (\w+)", text) == ["10MB"]
    assert re.findall(r"strategy\.max = (\d+)", text) == ["2"]
    return written == {"glucoflow.log"} and "started" in (inside / "logs" / "glucoflow.log").read_text()


def _nobody_listens(port: int) -> None:
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}")
