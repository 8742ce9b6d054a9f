"""Files of ours: those that ship beside the code, and those that nobody but their owner may read."""

import os
from pathlib import Path

_INSTALLED = Path(__file__).parent / "_data"
_IN_TREE = Path(__file__).parents[1]


def packaged(folder: str) -> Path:
    """Where a folder of the repository (`index_templates`, `kibana`) is: in the installed package, else in the tree."""
    installed = _INSTALLED / folder
    return installed if installed.is_dir() else _IN_TREE / folder


def private(path: str, flags: int) -> int:
    """An `opener` for files with readings, secrets or logs: mode 0600, also where the file was there with another."""
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def private_folder(path: Path) -> None:
    """Make the folder where it is missing, for its owner only; one of ours that others could list is closed to them.

    Under root others may still pass through one that was there: what runs as another user may have its files below.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.stat()
    mine, passing = found.st_uid == os.getuid(), 0o011 if os.getuid() == 0 else 0
    if mine and found.st_mode & 0o077 & ~passing:
        path.chmod(found.st_mode & (0o700 | passing))
