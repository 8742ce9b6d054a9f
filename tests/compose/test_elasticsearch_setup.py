"""docker/setup-elasticsearch.sh against a listener: whom it makes, with which rights, and no secret in arguments."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from glucoflow.node.config import ROLE, roles
from tests.compose.test_file import GOOD, ROOT


def _taking(asked: dict[str, Any]) -> Callable[[Request], Response]:
    """Takes everything into `asked`, by path, as Elasticsearch would. Not yet up for the first call."""
    refusals = iter([True])

    def take(request: Request) -> Response:
        if next(refusals, False):
            return Response(status=503)
        assert request.authorization
        assert request.authorization.type == "basic"
        asked[f"{request.method} {request.full_path.rstrip('?')}"] = request.get_json(force=True)
        return Response(status=200)

    return take


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], str]:
    """What was asked for, and every argument that curl was given."""
    return _set_up(tmp_path_factory.mktemp("setup"))


def _set_up(folder: Path, **more: str) -> tuple[dict[str, Any], str]:
    """The same, with further variables."""
    curl = folder / "curl"
    curl.write_text(f'#!/usr/bin/env bash\necho "$@" >> {folder}/arguments\nexec {shutil.which("curl")} "$@"\n')
    curl.chmod(0o755)
    asked: dict[str, Any] = {}
    with HTTPServer() as listener:
        listener.expect_request(re.compile(".*")).respond_with_handler(_taking(asked))
        made = subprocess.run(
            ["bash", str(ROOT / "docker" / "setup-elasticsearch.sh")],
            env={
                **GOOD,
                "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
                "ES_INDEX": "glucose-",
                "ES_ENDPOINT": listener.url_for("").rstrip("/"),
                **more,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert made.returncode == 0, made.stderr
        listener.check_assertions()
        return asked, (folder / "arguments").read_text()


def test_snapshots_are_a_right_only_where_backups_use_them(setup: tuple[dict[str, Any], str], tmp_path: Path) -> None:
    usual = setup[0]["PUT /_security/role/glucoflow_writer"]["cluster"]
    asked, _ = _set_up(tmp_path, BACKUP_SNAPSHOT_REPOSITORY="home")
    assert asked["PUT /_security/role/glucoflow_writer"]["cluster"] == [*usual, "cluster:admin/snapshot/*"]


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


def test_up_gives_its_own_node_the_same_rights(setup: tuple[dict[str, Any], str]) -> None:
    """As the node's file of roles has it: YAML that is JSON. What it may not is tried in `tests/cli/test_up.py`."""
    asked, _ = setup
    assert json.loads(roles(("glucose-*", "glucoflow-*"))) == {ROLE: asked["PUT /_security/role/glucoflow_writer"]}


def test_each_has_its_own_password_and_none_is_an_argument(setup: tuple[dict[str, Any], str]) -> None:
    asked, arguments = setup
    assert asked["PUT /_security/user/glucoflow"]["password"] == GOOD["ES_PASSWORD"]
    assert asked["PUT /_security/user/glucoflow-provisioner"]["password"] == GOOD["KIBANA_PROVISION_PASSWORD"]
    assert arguments.count("\n") >= 6
    assert not [name for name, value in GOOD.items() if value in arguments]
