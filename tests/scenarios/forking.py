"""Jobs in processes of their own that cost a fork, not a start: `python -m tests.scenarios.forking` waits for them.

A process that imports glucoflow takes two seconds of CPU until it begins. Here one does, and forks another for each
job, which can then be killed as hard as any. One job at a time.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).parents[2]


class Job:
    """A process under way. `returncode` is negative where a signal ended it."""

    def __init__(self, server: "subprocess.Popen[bytes]", said: Path) -> None:
        assert server.stdout
        self._answers = server.stdout
        self._said = said
        self._pid = int(self._answers.readline())
        self.returncode: int | None = None

    def said(self) -> str:
        """Its output."""
        return self._said.read_text() if self._said.exists() else ""

    def poll(self) -> int | None:
        """The exit code, None while it runs."""
        if self.returncode is None and select.select([self._answers], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self) -> int:
        """Until it ended."""
        if self.returncode is None:
            self.returncode = int(self._answers.readline())
        return self.returncode

    def kill(self) -> None:
        """SIGKILL, unless it has ended."""
        if self.poll() is None:
            os.kill(self._pid, signal.SIGKILL)  # its pid is nobody else's before the next job
        self.wait()


def started(arguments: Sequence[str], environment: Mapping[str, str]) -> Job:
    """`killed.main` with these arguments in a process of its own. The one before has to have ended."""
    server = _server()
    assert server.stdin
    said = Path(tempfile.gettempdir()) / f"glucoflow-forked-{server.pid}"
    said.unlink(missing_ok=True)
    task = {"arguments": list(arguments), "environment": dict(environment), "said": str(said)}
    server.stdin.write(json.dumps(task).encode() + b"\n")
    return Job(server, said)


@cache
def _server() -> "subprocess.Popen[bytes]":
    """Ends with this process, since its standard input does."""
    argv = [sys.executable, "-m", "tests.scenarios.forking"]
    return subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)


def _serve() -> None:
    import psycopg  # noqa: F401 – what is loaded when it is first needed is to be paid once as well

    import connectors.dexcom.connector
    import connectors.dexcom.oauth  # noqa: F401
    from tests.scenarios import killed

    for line in sys.stdin:
        task = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _do(killed.main, task)
        _answer(pid)
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert ended
        _answer(ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status)
        os.waitpid(pid, 0)


def _do(main: Callable[..., None], task: Mapping[str, Any]) -> NoReturn:
    code = 1
    try:
        output = os.open(task["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.clear()
        os.environ.update(task["environment"])
        main(*task["arguments"])
        code = 0
    except BaseException:  # noqa: BLE001 – this is the end of the process
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _answer(number: int) -> None:
    os.write(1, f"{number}\n".encode())


if __name__ == "__main__":
    _serve()
