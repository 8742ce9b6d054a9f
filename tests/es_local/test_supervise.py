"""Children end when asked, with all they started, and tell how they ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from glucoflow.node.supervise import Child, stop_all

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(grandchild.pid, flush=True)
time.sleep(600)
"""


POLITE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit("bye"))
print("up", flush=True)
time.sleep(600)
"""


def gone(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status")
    return not status.exists() or "State:\tZ" in status.read_text()


def wait_for(condition: object, seconds: float = 5) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.02)
    return False


def test_exit_codes_and_output_come_through(tmp_path: Path) -> None:
    child = Child("x", [sys.executable, "-c", "print('hello'); raise SystemExit(7)"], tmp_path / "log")
    assert not child.alive()
    child.start()
    assert wait_for(lambda: child.exit_code == 7)
    assert child.tail() == "hello"
    child.stop()


TALKATIVE = """
for k in range(100_000):
    print(f"line {k}", flush=True)
print("done", flush=True)
"""


def test_what_it_says_for_years_fills_no_disk(tmp_path: Path) -> None:
    child = Child("x", [sys.executable, "-c", TALKATIVE], tmp_path / "x.log")
    child.start()
    while child.exit_code is None:
        child.shorten_log(100_000)
    child.shorten_log(100_000)
    assert child.tail(1) in ("done", ""), "it goes on where it was cut off"
    now, before = (tmp_path / "x.log").read_bytes(), (tmp_path / "x.log.1").read_bytes()
    assert len(now) <= 100_000
    assert b"\0" not in now, "no hole is left"
    assert before.count(b"\n") > 1000
    assert (tmp_path / "x.log.1").stat().st_mode & 0o777 == 0o600
    child.stop()
    child.start()
    assert (tmp_path / "x.log").stat().st_size < 100_000, "a new run begins anew"
    child.stop()


def test_even_a_stubborn_one_ends_with_its_own_children(tmp_path: Path) -> None:
    children = [
        Child(str(i), [sys.executable, "-c", STUBBORN], tmp_path / f"{i}.log", grace_seconds=0.5) for i in range(3)
    ]
    for child in children:
        child.start()
    assert wait_for(lambda: all(child.tail() for child in children))
    grandchildren = [int(child.tail()) for child in children]
    started = time.monotonic()
    stop_all(children)
    assert time.monotonic() - started < 3
    assert not any(child.alive() for child in children)
    assert wait_for(lambda: all(gone(pid) for pid in grandchildren))


def test_a_polite_one_may_finish(tmp_path: Path) -> None:
    child = Child("x", [sys.executable, "-c", POLITE], tmp_path / "log")
    child.start()
    assert wait_for(lambda: child.tail() == "up")
    child.stop()
    assert child.tail() == "up\nbye"


def test_a_command_that_is_not_there_says_so(tmp_path: Path) -> None:
    child = Child("x", ["/no/such/program"], tmp_path / "log")
    child.start()
    assert wait_for(lambda: child.exit_code == 127)
    assert "/no/such/program cannot be run: No such file" in child.tail()
    child.stop()


WITH_A_CHILD = """
import subprocess, sys, time
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(grandchild.pid, flush=True)
time.sleep(600)
"""

PARENT = """
import sys, time
from pathlib import Path
from glucoflow.node.supervise import Child
code = "import os, time; print(os.getpid(), flush=True); time.sleep(600)"
child = Child("x", [sys.executable, "-c", code], Path(sys.argv[1]))
child.start()
print(child.guard_pid, flush=True)
time.sleep(600)
"""


def test_what_a_killed_guard_had_is_gone_before_it_is_started_again(tmp_path: Path) -> None:
    child = Child("x", [sys.executable, "-c", WITH_A_CHILD], tmp_path / "log", grace_seconds=0.5)
    child.start()
    assert wait_for(lambda: child.tail())
    grandchild = int(child.tail())
    assert child.guard_pid is not None
    os.kill(child.guard_pid, signal.SIGKILL)
    assert wait_for(lambda: not child.alive())
    child.start()
    assert gone(grandchild)
    assert wait_for(lambda: child.tail())
    again = int(child.tail())
    assert again != grandchild
    os.kill(child.guard_pid, signal.SIGKILL)
    child.stop()
    assert gone(again)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_guard_and_parent_killed_together_leave_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with subprocess.Popen([sys.executable, "-c", PARENT, str(log)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        guard = int(parent.stdout.readline())
        assert wait_for(lambda: log.read_text().strip())
        command = int(log.read_text())
        os.kill(parent.pid, signal.SIGSTOP)  # it must not notice
        os.kill(guard, signal.SIGKILL)
        parent.kill()
    assert wait_for(lambda: gone(command))
