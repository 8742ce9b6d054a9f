"""Elasticsearch refuses to run as root. Whom to run it as then, and a place that this user can reach."""

import hashlib
import os
import pwd
import subprocess
from pathlib import Path

from glucoflow.errors import Misconfigured
from glucoflow.supervise import ProcessUser

SHARED_PLACE = Path("/var/lib/glucoflow")


def node_user() -> ProcessUser | None:
    """None where we are not root; else whoever called sudo, a user named elasticsearch, or nobody.

    Raises Misconfigured on a system without any of them.
    """
    if os.getuid() != 0:
        return None
    for uid in filter(None, [os.environ.get("SUDO_UID")]):
        if uid != "0":
            entry = pwd.getpwuid(int(uid))
            return ProcessUser(entry.pw_uid, entry.pw_gid, entry.pw_name)
    for name in ("elasticsearch", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return ProcessUser(entry.pw_uid, entry.pw_gid, entry.pw_name)
    raise Misconfigured(
        "Elasticsearch must not run as root, and there is no other user to run it as.",
        remedy="Run glucoflow as an ordinary user, or create a user named elasticsearch.",
    )


def reachable(path: Path, user: ProcessUser | None) -> bool:
    """Whether this user can enter `path`, or the nearest folder above it that exists."""
    while not path.exists():
        path = path.parent
    if user is None:
        return os.access(path, os.X_OK)
    probe = subprocess.run(
        ["test", "-x", str(path)], user=user.uid, group=user.gid, extra_groups=[], check=False, cwd="/"
    )
    return probe.returncode == 0


def place_for(wanted: Path, user: ProcessUser | None) -> Path:
    """`wanted`, or, where the user cannot reach it (a clone below /root), a folder of its own under /var/lib."""
    wanted = wanted.resolve()
    if reachable(wanted, user):
        return wanted
    return SHARED_PLACE / hashlib.blake2b(str(wanted).encode(), digest_size=6).hexdigest()


def give(folder: Path, user: ProcessUser | None) -> None:
    """Make `folder` and all in it this user's. Nothing to do where we are that user."""
    folder.mkdir(parents=True, exist_ok=True)
    if user is None:
        return
    os.chown(folder, user.uid, user.gid)
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent) / name, user.uid, user.gid, follow_symlinks=False)
