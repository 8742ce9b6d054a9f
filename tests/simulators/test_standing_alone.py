"""The simulator as a process of its own."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.simulators.caller import LOGIN, landed, plain


@pytest.fixture
def port() -> int:
    """A port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def address(port: int, tmp_path: Path) -> Iterator[str]:
    """The address of `python -m glucoflow.simulators.dexcom` with two days of data and an app of its own."""
    command = [
        sys.executable,
        "-m",
        "glucoflow.simulators",
        "--port",
        str(port),
        "--days",
        "2",
        "--client-id",
        "mine",
    ]
    command += ["--client-secret", "kept", "--redirect-uri", LOGIN["redirect_uri"], "--state", str(tmp_path / "grants")]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True)
    try:
        yield _up(f"http://127.0.0.1:{port}", process)
    finally:
        process.terminate()
        _, said = process.communicate(timeout=120)
    assert "Traceback" not in said
    assert re.search(rf"http://127\.0\.0\.1:{port}\b", said)


def _up(address: str, process: subprocess.Popen[str]) -> str:
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx.get(f"{address}/health", timeout=2).json() == {"status": "ok"}:
                return address
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError(f"did not start: {process.poll()}")


def test_it_serves_its_people_to_its_own_app(address: str) -> None:
    people = httpx.get(f"{address}/people").json()
    assert [(one["id"], one["unit"]) for one in people] == [
        ("alma", "mg/dL"),
        ("bruno", "mg/dL"),
        ("chiara", "mmol/L"),
        ("dario", "mg/dL"),
    ]
    query = {**LOGIN, "client_id": "mine", "person": "dario", "auto": "1"}
    code = landed(httpx.get(f"{address}/v3/oauth2/login", params=query))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": LOGIN["redirect_uri"]}
    tokens = httpx.post(
        f"{address}/v3/oauth2/token", data={**form, "client_id": "mine", "client_secret": "kept"}
    ).json()
    now = datetime.now(UTC)
    window = {"startDate": plain(now - timedelta(days=1)), "endDate": plain(now)}
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    records = httpx.get(f"{address}/v3/users/self/egvs", params=window, headers=headers).json()["records"]
    assert 200 < len(records) <= 288
    assert now - datetime.fromisoformat(records[0]["systemTime"]) < timedelta(hours=3)


def test_a_damaged_file_of_authorizations_is_named_with_its_cure(tmp_path: Path, port: int) -> None:
    state = tmp_path / "grants"
    state.write_text("{")
    command = [sys.executable, "-m", "glucoflow.simulators", "--port", str(port), "--state", str(state)]
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert f"{state} is damaged" in done.stderr
    assert "Delete it" in done.stderr
    assert "Traceback" not in done.stderr
