"""Files of ours: those that ship beside the code, and those that nobody but their owner may read."""

import os
import secrets
from pathlib import Path

from glucoflow.model.errors import Rejected

_INSTALLED = Path(__file__).parent / "_data"
_IN_TREE = Path(__file__).parents[1]


def packaged(folder: str) -> Path:
    """Where a folder of the repository (`index_templates`, `kibana`) is: in the installed package, else in the tree."""
    installed = _INSTALLED / folder
    return installed if installed.is_dir() else _IN_TREE / folder


def within(folder: Path, name: str) -> Path:
    """The path of a file called `name` in the folder, which is made where it is missing.

    Raises Rejected where it would lie elsewhere, be it by `..`, as another absolute path or through a link.
    """
    private_folder(folder)
    inside = folder.resolve()
    try:
        found = (inside / name).resolve()
    except (OSError, ValueError, RuntimeError) as error:  # too long, a null byte, links in a circle
        raise Rejected("path", f"cannot be a file ({type(error).__name__})") from error
    if found == inside or not found.is_relative_to(inside):
        raise Rejected("path", f"must name a file in {inside}; nothing outside of it is read or written from here")
    return found


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


def kept_secret(data_dir: Path, name: str, before: str = "") -> str:
    """What is in the file `name`: made on first use, `before` and then what nobody can guess, for its owner only."""
    file = data_dir / name
    if not file.exists():
        private_folder(data_dir)
        made = data_dir / f"{name}.{os.getpid()}"
        made.unlink(missing_ok=True)
        with open(made, "x", opener=private) as handle:
            handle.write(before + secrets.token_urlsafe(32))
        try:
            os.link(made, file)  # whole or not at all, and the first of two that start together wins
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return file.read_text().strip()
