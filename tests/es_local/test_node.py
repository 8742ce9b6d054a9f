"""The node of our own, for real: password, second start, crash of the parent, data that stay."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from glucoflow.es.local import LocalNode, NodeSettings, find_running
from glucoflow.settings import cache_folder
from tests.node import Node, free_ports

ROOT = Path(__file__).parents[2]

HOLD = """
import sys, time
from pathlib import Path
from glucoflow.es.local import LocalNode, NodeSettings
folder, cache, http, transport = sys.argv[1:]
node = LocalNode(Path(folder), Path(cache), NodeSettings(port=int(http), transport_port=int(transport), heap="512m"))
print(node.start().url, flush=True)
time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    # pytest's folders are closed to others; under root the node runs as another user.
    tmp_path.chmod(0o755)
    return tmp_path


def test_only_the_right_password_gets_in(elasticsearch_node: Node) -> None:
    right = elasticsearch_node.password.get_secret_value()
    url = f"{elasticsearch_node.url}/_cluster/health"
    assert httpx.get(url, auth=(elasticsearch_node.username, right)).status_code == 200
    assert httpx.get(url, auth=(elasticsearch_node.username, right + "x")).status_code == 401
    assert httpx.get(url).status_code == 401


def test_a_killed_parent_leaves_no_node_and_loses_no_document(folder: Path) -> None:
    ports = free_ports(2)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), str(cache_folder(None)), *map(str, ports)],
        stdout=subprocess.PIPE, cwd=ROOT, text=True,
    )  # fmt: skip
    assert holder.stdout
    url = holder.stdout.readline().strip()
    running = find_running(folder)
    assert running is not None, "a second start finds the first"
    assert running.url == url
    assert "**" in repr(running.password)
    auth = (running.username, running.password.get_secret_value())
    assert httpx.put(f"{url}/kept/_doc/1", json={"a": 1}, auth=auth).status_code == 201

    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and find_running(folder, timeout_seconds=0.5):
        time.sleep(0.1)
    assert find_running(folder, timeout_seconds=0.5) is None
    _nobody_listens(ports[0])

    settings = NodeSettings(port=ports[0], transport_port=ports[1], heap="512m")
    with LocalNode(folder, cache_folder(None), settings) as node:
        node.start()
        assert httpx.get(f"{url}/kept/_doc/1", auth=auth).json()["_source"] == {"a": 1}
        started = time.monotonic()
    assert time.monotonic() - started < 5
    _nobody_listens(ports[0])


def test_the_password_is_for_its_owner_only_and_not_in_the_config(folder: Path) -> None:
    node = LocalNode(folder, cache_folder(None), NodeSettings(port=1, transport_port=2))
    password = node._password().get_secret_value()
    assert oct((folder / "elasticsearch.password").stat().st_mode & 0o777) == "0o600"
    assert len(password) >= 24
    assert node._password().get_secret_value() == password


def _nobody_listens(port: int) -> None:
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}")
