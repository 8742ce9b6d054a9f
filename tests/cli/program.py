"""`glucoflow up` as a process of its own, in a home and a data folder that are new."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import msgspec

from glucoflow.service import running
from glucoflow.settings import cache_folder
from tests.cli.conftest import OURS, Said
from tests.ports import is_free

ROOT = Path(__file__).parents[2]
LONGEST_START_S = 400
DEMO = ("up", "--demo", "--days", "7", "--json")
"""Enough for everything that is looked at; the 90 days that a user gets take ten times as long to read."""


class Folder:
    """A home and a data folder; deleted at the end."""

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="glucoflow-up-"))
        self.home.chmod(0o755)  # under root the node runs as somebody else
        self.data = self.home / "data"
        # Below the ports that systems hand out for other things, and far enough apart to find the next free one.
        blocks = (20_000 + (os.getpid() * 7 + n) % 120 * 100 for n in range(120))
        first = next(block for block in blocks if all(is_free(block + gap) for gap in (0, 30, 60)))
        plain = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self.environment = {
            "OIDC_CLIENT_SECRET": "secret-of-a-sign-on-that-is-not-used",
            "SMTP_PASSWORD": "password-of-a-mail-server-that-is-not-used",
            "LOG_LEVEL": "DEBUG",
            **plain,
            "HOME": str(self.home),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "GLUCOFLOW_CACHE_DIR": str(cache_folder(None)),
            "GLUCOFLOW_DATA_DIR": str(self.data),
            "ES_PORT": str(first),
            "ES_SNAPSHOTS": str(self.home / "snapshots"),
            "PREFECT_PORT": str(first + 30),
            "WEB_PORT": str(first + 60),
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.home, ignore_errors=True)

    def command(self, *arguments: str, **environment: str) -> Said:
        """A command, to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "glucoflow", *arguments],
            cwd=self.home,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=LONGEST_START_S,
            check=False,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def processes(self) -> list[str]:
        """Command lines of all that was started for this folder and still lives."""
        return list(self.pids().values())

    def pids(self) -> dict[int, str]:
        """The same by process id, found by their environment."""
        mark = f"GLUCOFLOW_DATA_DIR={self.data}\0".encode()
        place = f"{self.home}/".encode()
        found = {}
        for entry in Path("/proc").iterdir():
            try:
                line = (entry / "cmdline").read_bytes()
                ours = mark in (entry / "environ").read_bytes() or place in line
            except (OSError, NotADirectoryError):
                continue
            if ours and entry.name != str(os.getpid()) and line:
                found[int(entry.name)] = line.replace(b"\0", b" ").decode(errors="replace")
        return found

    def gone_within(self, seconds: float) -> bool:
        """Whether nothing of it is left after so long at most."""
        deadline = time.monotonic() + seconds
        while self.processes():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True


class Up:
    """A running `glucoflow up --demo --days 7 --json`; `answer` is what it printed on standard output."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._err = (folder.home / "up.err").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "glucoflow", *DEMO],
            cwd=folder.home,
            env=folder.environment,
            stdout=subprocess.PIPE,
            stderr=self._err,
            text=True,
        )
        self.answer: dict[str, Any] = {}
        self.began = datetime.now(UTC)

    def __enter__(self) -> Self:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.said()
        self.answer = json.loads(line)
        deadline = time.monotonic() + 300
        while "Ctrl-C" not in self.said():
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.1)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._err.close()

    def said(self) -> str:
        """Standard error so far."""
        return (self.folder.home / "up.err").read_text()

    def where(self) -> running.Running:
        """The addresses of its parts."""
        return msgspec.json.decode((self.folder.data / "running.json").read_bytes(), type=running.Running)
