"""Who holds a lease: one run of one process of one machine, so that what a dead process held is free at once."""

import hashlib
import os
import socket
from contextlib import suppress
from functools import cache
from pathlib import Path
from uuid import uuid4


def new_owner(pid: int | None = None) -> str:
    """A name for one run of this process (or of that one), unlike every other."""
    pid = pid or os.getpid()
    return f"{_machine()}.{pid}.{_started(pid)}.{uuid4().hex}"


def is_gone(owner: str) -> bool:
    """Whether the process behind `owner` certainly runs no more; False where that cannot be known from here.

    Only of this machine (and its own world of process ids, as a container has one) can anything be known.
    """
    if not is_here(owner):
        return False
    parts = owner.split(".")
    pid = int(parts[1])
    started = _started(pid)  # looked at first: who is gone by the second look is found gone by that
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:  # somebody else's process: it is there
        pass
    return started == "ended" or (started.isdecimal() and parts[2].isdecimal() and started != parts[2])


def is_here(owner: str) -> bool:
    """Whether `owner` names a process of this machine (and world of process ids), gone or not."""
    parts = owner.split(".")
    return len(parts) == 4 and parts[0] == _machine() and parts[1].isdecimal()


@cache
def _machine() -> str:
    """This machine since its start, and the namespace of its process ids: two containers are two machines."""
    known = [socket.gethostname()]
    with suppress(OSError):
        known = [Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid")]  # noqa: PTH115
    return hashlib.blake2b("\0".join(known).encode(), digest_size=6).hexdigest()


def _started(pid: int) -> str:
    """When a process began, in the kernel's ticks, which no change of the clock moves; `ended` for a zombie.

    `?` where /proc does not say: then a process id that is given anew looks alive, and its lease ends by its time.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return "?"
    return "ended" if fields[0] in "ZX" else fields[19]
