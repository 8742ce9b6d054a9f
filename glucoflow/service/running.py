"""What `glucoflow up` is running in a data folder, so that a second one, and the other commands, find it.

The file holds addresses and a process id, no password. A lock on a file beside it says whether the process is alive:
the kernel drops it with the process, so no crash can leave a stale one behind.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec

from glucoflow.files import private_folder
from glucoflow.model.errors import Unavailable


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses of the parts. `doubles`, by provider, only with the demo."""

    pid: int
    started_at: datetime
    elasticsearch: str
    prefect: str | None = None
    web: str | None = None
    doubles: Mapping[str, str] = {}


def find(data_dir: Path) -> Running | None:
    """What is running on this data folder, or None."""
    lock = data_dir / "running.lock"
    if not lock.exists() or not _held(lock):
        return None
    try:
        return msgspec.json.decode((data_dir / "running.json").read_bytes(), type=Running)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


@contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Own the data folder for as long as the block runs. Raises Unavailable where another `up` does."""
    private_folder(data_dir)
    with (data_dir / "running.lock").open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Unavailable(
                f"glucoflow is already starting or running on {data_dir.resolve()}.",
                remedy="Use that one, stop it first (Ctrl-C), or choose another folder with GLUCOFLOW_DATA_DIR.",
            ) from None
        try:
            yield
        finally:
            (data_dir / "running.json").unlink(missing_ok=True)


def announce(data_dir: Path, running: Running) -> None:
    """Write the addresses for others to find, whole or not at all."""
    temporary = data_dir / "running.json.new"
    temporary.write_bytes(msgspec.json.encode(running))
    os.replace(temporary, data_dir / "running.json")  # noqa: PTH105 – the atomic one


def _held(lock: Path) -> bool:
    with lock.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False
