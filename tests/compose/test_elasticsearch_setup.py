"""docker/setup-elasticsearch.sh against a listener: whom it makes, with which rights, and no secret in arguments."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.compose.test_file import GOOD, ROOT


class Listener(ThreadingHTTPServer):
    """Takes everything, as Elasticsearch would; `asked` has the bodies by path. Not yet up for the first call."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Heard)
        self.asked: dict[str, Any] = {}
        self.refusals = 1


class Heard(BaseHTTPRequestHandler):
    server: Listener

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        refused = self.server.refusals > 0
        self.server.refusals -= 1
        if not refused:
            assert self.headers["authorization"].startswith("Basic ")
            self.server.asked[f"{self.command} {self.path}"] = body
        self.send_response(503 if refused else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.do_PUT()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
        pass


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[dict[str, Any], str]]:
    """What was asked for, and every argument that curl was given."""
    folder = tmp_path_factory.mktemp("setup")
    curl = folder / "curl"
    curl.write_text(f'#!/usr/bin/env bash\necho "$@" >> {folder}/arguments\nexec {shutil.which("curl")} "$@"\n')
    curl.chmod(0o755)
    with Listener() as listener:
        threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True).start()
        made = subprocess.run(
            ["bash", str(ROOT / "docker" / "setup-elasticsearch.sh")],
            env={
                **GOOD,
                "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
                "ES_INDEX": "glucose-",
                "ES_ENDPOINT": f"http://127.0.0.1:{listener.server_port}",
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        yield listener.asked, (folder / "arguments").read_text()
        listener.shutdown()


def test_nobody_of_ours_is_a_superuser(setup: tuple[dict[str, Any], str]) -> None:
    asked, _ = setup
    users = {path.rsplit("/", 1)[1]: set(body["roles"]) for path, body in asked.items() if "/user/glucoflow" in path}
    assert users == {
        "glucoflow": {"glucoflow_writer"},
        "glucoflow-provisioner": {"kibana_admin", "glucoflow_provisioner"},
    }
    assert asked["PUT /_security/role/glucoflow_writer"]["indices"] == [
        {"names": ["glucose-*", "glucoflow-*"], "privileges": ["all"]}
    ]
    assert asked["PUT /_security/role/glucoflow_provisioner"] == {"cluster": ["manage_security"], "indices": []}
    assert asked["POST /_security/user/kibana_system/_password"] == {"password": GOOD["KIBANA_PASSWORD"]}


def test_each_has_its_own_password_and_none_is_an_argument(setup: tuple[dict[str, Any], str]) -> None:
    asked, arguments = setup
    assert asked["PUT /_security/user/glucoflow"]["password"] == GOOD["ES_PASSWORD"]
    assert asked["PUT /_security/user/glucoflow-provisioner"]["password"] == GOOD["KIBANA_PROVISION_PASSWORD"]
    assert arguments.count("\n") >= 6
    assert not [name for name, value in GOOD.items() if value in arguments]
