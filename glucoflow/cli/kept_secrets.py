"""Secrets that this machine makes for itself, in files of the data folder."""

import os
import secrets
from pathlib import Path

from glucoflow.files import private_folder


def kept_secret(data_dir: Path, name: str, before: str = "") -> str:
    """What is in the file `name`: made on first use, `before` and then what nobody can guess, for its owner only."""
    file = data_dir / name
    if not file.exists():
        private_folder(data_dir)
        made = data_dir / f"{name}.{os.getpid()}"
        made.unlink(missing_ok=True)
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(before + secrets.token_urlsafe(32))
        try:
            os.link(made, file)  # whole or not at all, and the first of two that start together wins
        except FileExistsError:
            pass
        finally:
            made.unlink()
    return file.read_text().strip()
