"""Run a command and end it, with all it started, when whoever started us is gone.

Used as `python -I guard.py GRACE USER GROUP TELL -- command…`, with a pipe from the parent as standard input. The pipe
closes when the parent asks for an end, and also when it dies in whatever way: the kernel closes it. Only the standard
library, and nothing of glucoflow, so that it starts in a few hundredths of a second.

The guard itself may be killed. Linux then ends the command (`PR_SET_PDEATHSIG`); elsewhere, and for what the command
has started, the parent does: it was told the command's process group through the file descriptor TELL.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> int:
    """The command's exit code: 128 + n where signal n ended it, 127 where it cannot be run.

    USER and GROUP are numeric ids, or `-` for our own.
    """
    grace, user, group, tell = float(arguments[0]), arguments[1], arguments[2], int(arguments[3])
    command = arguments[arguments.index("--") + 1 :]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the parent's to handle
    switch = {} if user == "-" else {"user": int(user), "group": int(group), "extra_groups": []}
    guard = os.getpid()
    try:
        child = subprocess.Popen(  # type: ignore[call-overload]
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=lambda: _end_with(guard),
            **switch,
        )
    except OSError as error:
        sys.stderr.write(f"{command[0]} cannot be run: {error.strerror}.\n")  # into the child's log
        return 127

    os.write(tell, f"{child.pid}\n".encode())
    os.close(tell)

    def end(*_: object) -> None:
        threading.Thread(target=_end, args=(child.pid, child.wait, grace), daemon=True).start()

    signal.signal(signal.SIGTERM, end)
    threading.Thread(target=_when_parent_is_gone, args=(end,), daemon=True).start()
    code: int = child.wait()
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)  # what the command itself has left behind
    return 128 - code if code < 0 else code


def _end_with(guard: int) -> None:
    """In the command's process: have the kernel end it when the guard dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != guard:  # it died before this was asked for
            os.kill(os.getpid(), signal.SIGTERM)


def _when_parent_is_gone(end: Callable[[], None]) -> None:
    while os.read(0, 1024):
        pass
    end()


def _end(process_group: int, wait: Callable[[float], int], grace: float) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process_group, signal.SIGTERM)
        try:
            wait(grace)
        except subprocess.TimeoutExpired:
            os.killpg(process_group, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
