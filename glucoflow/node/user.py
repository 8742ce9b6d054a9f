"""Elasticsearch refuses to run as root. Whom to run it as then, and a place that this user can reach."""

import contextlib
import hashlib
import logging
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from glucoflow.model.errors import Misconfigured
from glucoflow.node.supervise import ProcessUser

log = logging.getLogger(__name__)

OWN = "glucoflow-es"
SHARED_PLACE = Path("/var/lib/glucoflow")


def node_user() -> ProcessUser | None:
    """None where we are not root; else whoever called sudo, or a user that is the node's own.

    That is one named elasticsearch where there is one, else `glucoflow-es`, which is made as a system user. `nobody`,
    whom other programs share, only where none can be made. Raises Misconfigured on a system without any of them.
    """
    if os.getuid() != 0:
        return None
    caller = os.environ.get("SUDO_UID", "0")
    if caller.isdecimal() and caller != "0":
        with contextlib.suppress(KeyError):
            return _as_user(pwd.getpwuid(int(caller)))
    for name in ("elasticsearch", OWN):
        with contextlib.suppress(KeyError):
            return _as_user(pwd.getpwnam(name))
    if _make_user(OWN):
        return _as_user(pwd.getpwnam(OWN))
    with contextlib.suppress(KeyError):
        nobody = _as_user(pwd.getpwnam("nobody"))
        log.warning("Elasticsearch runs as nobody, as other programs may: no user %s could be made", OWN)
        return nobody
    raise Misconfigured(
        "Elasticsearch must not run as root, and there is no other user to run it as.",
        remedy="Run glucoflow as an ordinary user, or create a user named elasticsearch.",
    )


def _make_user(name: str) -> bool:
    """Whether there is such a system user now. Another process may be making it at the same time."""
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        return False
    command = [useradd, "--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
    subprocess.run([*command, "--comment", "Elasticsearch of glucoflow", name], capture_output=True, check=False)
    with contextlib.suppress(KeyError):
        pwd.getpwnam(name)
        return True
    return False


def _as_user(entry: pwd.struct_passwd) -> ProcessUser:
    return ProcessUser(entry.pw_uid, entry.pw_gid, entry.pw_name)


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


def open_way(data_dir: Path, user: ProcessUser | None) -> None:
    """Let this user pass through root's data folder, and nobody else: Elasticsearch's own folder lies inside."""
    if user is not None and data_dir.stat().st_uid == os.getuid():
        os.chown(data_dir, -1, user.gid)
        data_dir.chmod(0o710)


def place_for(wanted: Path, user: ProcessUser | None) -> Path:
    """`wanted`, or, where the user cannot reach it (a clone below /root), a folder of its own under /var/lib."""
    wanted = wanted.resolve()
    if reachable(wanted, user):
        return wanted
    return SHARED_PLACE / hashlib.blake2b(str(wanted).encode(), digest_size=6).hexdigest()


def cache_for(wanted: Path, user: ProcessUser | None) -> Path:
    """`wanted`, or, where the user cannot reach it (/root/.cache), one folder under /var/lib that all nodes share."""
    return wanted if reachable(wanted, user) else SHARED_PLACE / "cache"


def give(place: Path, folders: Sequence[Path], user: ProcessUser | None) -> None:
    """Make `folders` inside `place` the user's, closed to all others: health data are in them.

    Under root, `place` itself stays root's, so that the user cannot put a link where root is about to write.
    Raises Misconfigured where somebody else owns what is there already, say a run with sudo.
    """
    place.mkdir(parents=True, exist_ok=True)
    if user is not None:
        os.chown(place, 0, user.gid)
    elif place.stat().st_uid != os.getuid():
        raise _owned_by_another(place)
    place.chmod(0o750)
    for folder in folders:
        folder.mkdir(exist_ok=True)
        owner = folder.stat().st_uid
        if user is None and owner != os.getuid():
            raise _owned_by_another(folder)
        if user is not None and owner != user.uid:
            _change_owner(folder, user)
        folder.chmod(0o700)


def make_for(folder: Path, user: ProcessUser | None) -> None:
    """A folder for this user's files, closed to others; one that is there stays as it is.

    Raises Misconfigured where it cannot be made, or the user cannot enter it.
    """
    if not reachable(folder.parent, user):
        raise Misconfigured(
            f"ES_SNAPSHOTS is {folder}, which the user {user.name if user else ''} of Elasticsearch cannot reach.",
            remedy="Choose a folder that everybody can pass to, for example below /var/lib.",
        )
    try:
        folder.mkdir(mode=0o700, parents=True)
        if user is not None:
            os.chown(folder, user.uid, user.gid)
    except FileExistsError:
        return
    except OSError as error:
        raise Misconfigured(
            f"The folder {folder} cannot be made ({error.strerror}).", remedy="Correct ES_SNAPSHOTS."
        ) from None


def _owned_by_another(folder: Path) -> Misconfigured:
    return Misconfigured(
        f"{folder} belongs to another user: Elasticsearch was started here by root before.",
        remedy=f"Start glucoflow with sudo as before, or take it over: sudo chown -R $(id -u) {folder}",
    )


def _change_owner(folder: Path, user: ProcessUser) -> None:
    for parent, folders, files in os.walk(folder):
        for name in (*folders, *files):
            os.chown(Path(parent) / name, user.uid, user.gid, follow_symlinks=False)
    os.chown(folder, user.uid, user.gid)
