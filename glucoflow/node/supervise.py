"""Child processes that never outlive us: each runs under `guard.py`, tied to this process by a pipe."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from glucoflow.files import private

_GUARD = Path(__file__).with_name("guard.py")
_GUARDS_OWN_SECONDS = 1.0
LONGEST_LOG = 20 * 2**20
"""Bytes: weeks of what a part says of itself."""
_HARMLESS = frozenset({"PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR"})
"""Variables that every program may see."""


class ProcessUser(msgspec.Struct, frozen=True):
    """Whom a child runs as (numeric ids), and that user's name for messages."""

    uid: int
    gid: int
    name: str


class Child:
    """One supervised process. Nothing happens before `start`.

    `env` is added to our own environment, or with `inherit_env=False` only to what any program needs, so that it does
    not get our secrets. Output goes to `log_path`, the previous run's replaced; `shorten_log`, called now and then,
    keeps it short over the years. The child has a session of its own, so a terminal's Ctrl-C reaches only us.
    `held_open` are file descriptors that its guard keeps until the child is gone: a lock on one of them lasts exactly
    as long as the child, whatever becomes of us.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        log_path: Path,
        env: Mapping[str, str] | None = None,
        user: ProcessUser | None = None,
        grace_seconds: float = 3.0,
        *,
        inherit_env: bool = True,
        held_open: Sequence[int] = (),
        cwd: Path | None = None,
    ) -> None:
        self.name = name
        self.log_path = log_path
        self._argv = list(argv)
        self._env = dict(env or {})
        self._inherit_env = inherit_env
        self._held_open = tuple(held_open)
        self._cwd = cwd
        self._user = user
        self._grace = grace_seconds
        self._guard: subprocess.Popen[bytes] | None = None
        self._told: int | None = None
        self._log: IO[bytes] | None = None

    def start(self) -> None:
        """Start it; returns at once. Its own failure shows in `alive`, `exit_code` and `tail`.

        What an earlier start has left behind, because its guard was killed, is ended first.
        """
        self._sweep()
        self.ask_to_stop()
        if self._log is not None:
            self._log.close()
        ids = (str(self._user.uid), str(self._user.gid)) if self._user else ("-", "-")
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self.log_path.unlink(missing_ok=True)
        # To be appended to, so that what is cut off in `shorten_log` leaves no hole.
        self._log = open(self.log_path, "ab", opener=private)  # noqa: SIM115 – Path.open has no opener
        inherited = {name: value for name, value in os.environ.items() if self._inherit_env or name in _HARMLESS}
        self._told, tell = os.pipe()
        self._guard = subprocess.Popen(
            [sys.executable, "-I", str(_GUARD), str(self._grace), *ids, str(tell), "--", *self._argv],
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**inherited, **self._env},
            cwd=self._cwd,
            pass_fds=(*self._held_open, tell),
            start_new_session=True,
        )
        os.close(tell)

    def alive(self) -> bool:
        return self._guard is not None and self._guard.poll() is None

    @property
    def guard_pid(self) -> int | None:
        """The process id of its guard, once it was started."""
        return self._guard.pid if self._guard else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs or before it was started."""
        return self._guard.poll() if self._guard else None

    def ask_to_stop(self) -> None:
        """Begin the end (SIGTERM, then SIGKILL after the grace) and return at once, to stop several together."""
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()

    def stop(self) -> None:
        """End it and wait until it is gone, no longer than its grace and a second."""
        self.ask_to_stop()
        if self._guard is not None:
            try:
                self._guard.wait(self._grace + _GUARDS_OWN_SECONDS)
            except subprocess.TimeoutExpired:
                self._guard.kill()
                self._guard.wait()
        self._sweep()
        if self._log is not None:
            self._log.close()

    def _sweep(self) -> None:
        """End what a guard that was killed could not end."""
        if self._told is None or self._guard is None:
            return
        group = os.read(self._told, 32)
        os.close(self._told)
        self._told = None
        if self._guard.wait() < 0 and group:
            deadline = time.monotonic() + _GUARDS_OWN_SECONDS + self._grace
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(int(group), signal.SIGTERM)
                while time.monotonic() < deadline:
                    time.sleep(0.02)
                    os.killpg(int(group), 0)
                os.killpg(int(group), signal.SIGKILL)

    def shorten_log(self, longest: int = LONGEST_LOG) -> None:
        """What is longer goes on anew, and is kept beside it as `….log.1` until the next time, if there is room.

        A line that is written in this very moment may be lost.
        """
        if self._log is None or self._log.closed or os.fstat(self._log.fileno()).st_size <= longest:
            return
        before = self.log_path.with_name(f"{self.log_path.name}.1")
        with suppress(OSError), self.log_path.open("rb") as log, open(before, "wb", opener=private) as kept:
            shutil.copyfileobj(log, kept)
        os.truncate(self._log.fileno(), 0)

    def tail(self, lines: int = 20) -> str:
        """The last lines of its output."""
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])


def stop_all(children: Sequence[Child]) -> None:
    """End all at the same time; returns when all are gone."""
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.stop()
