"""A line of the log: ECS's names, what it is about whoever logs it, and no secret."""

import json
import logging
import os
import subprocess
import sys
import threading
from contextvars import copy_context
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from glucoflow.logs import about, configure
from glucoflow.settings import LogSettings

ROOT = Path(__file__).parents[2]


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> StringIO:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "level", root.level)
    stream = StringIO()
    configure(LogSettings(level="INFO"), stream)
    return stream


def lines(heard: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in heard.getvalue().splitlines()]


def test_a_line_has_the_names_of_ecs(heard: StringIO) -> None:
    try:
        raise ValueError("the token=s3cr3t-4711 was refused")
    except ValueError:
        logging.getLogger("glucoflow.some").exception("it failed", extra={"runs": 3, "flow_run_id": "f1"})
    (line,) = lines(heard)
    assert line["log"]["level"] == "error"
    assert line["log"]["logger"] == "glucoflow.some"
    assert line["message"] == "it failed"
    assert line["@timestamp"].endswith("Z")
    assert line["error"]["type"] == "ValueError"
    assert "test_logs.py" in line["error"]["stack_trace"]
    assert line["ecs.version"]
    assert line["glucoflow"] == {"runs": 3}
    assert line["prefect"] == {"flow_run_id": "f1"}
    assert "s3cr3t-4711" not in heard.getvalue()


def test_what_is_logged_meanwhile_says_what_it_is_about(heard: StringIO) -> None:
    log = logging.getLogger("a.library")
    with about(run_id="r1", user_id="anna", connection_id="c1"):
        log.info("within")
        thread = threading.Thread(target=copy_context().run, args=(log.info, "in a thread"))
        thread.start()
        thread.join()
        with about(run_id="r2"):
            log.info("deeper", extra={"user_id": "ben"})
    log.info("after")
    within, thread_line, deeper, after = lines(heard)
    for line in (within, thread_line):
        assert line["user"] == {"id": "anna"}
        assert line["glucoflow"] == {"run": {"id": "r1"}, "connection": {"id": "c1"}}
    assert deeper["glucoflow"]["run"]["id"] == "r2"
    assert deeper["user"]["id"] == "ben", "what the line itself says counts"
    assert "glucoflow" not in after


def test_a_value_that_is_no_json_is_no_lost_line(heard: StringIO) -> None:
    logging.getLogger("x").info("odd", extra={"what": {1, 2}, "user": object()})
    (line,) = lines(heard)
    assert line["message"] == "odd"


RUN = """
import logging, sys
from glucoflow.cli.serving import prefect_logging
from glucoflow.settings import LogSettings
prefect_logging(LogSettings(level=sys.argv[1], format=sys.argv[2]))
from prefect.logging.configuration import setup_logging
setup_logging()
from glucoflow.logs import about
with about(run_id="r1", user_id="anna", connection_id="c1"):
    logging.getLogger("glucoflow.ingest").info("page of readings stored")
    logging.getLogger("elsewhere").info("chatter")
"""


@pytest.mark.parametrize(
    ("level", "form", "said"),
    [
        ("INFO", "json", '"message":"page of readings stored"'),
        ("INFO", "text", "ingest: page"),
        ("WARNING", "json", ""),
    ],
)
def test_where_flows_run_our_lines_are_by_our_settings(level: str, form: str, said: str, tmp_path: Path) -> None:
    """Prefect configures logging there, and its own level is not ours."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_HOME": str(tmp_path)}
    environment |= {"PREFECT_LOGGING_EXTRA_LOGGERS": "glucoflow,connectors,flows"}
    argv = [sys.executable, "-c", RUN, level, form]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert said in done.stderr.replace('": "', '":"')
    assert "chatter" not in done.stderr
    if level == "WARNING":
        assert "page of" not in done.stderr
    elif form == "json":
        line = json.loads(done.stderr.strip().splitlines()[-1])
        assert (line["user"]["id"], line["glucoflow"]["run"]["id"]) == ("anna", "r1")
