"""A real Elasticsearch node as our own child process: on loopback, with a password, in the data folder."""

import fcntl
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

import msgspec
import requests
from pydantic import SecretStr

from glucoflow.files import kept_secret, private_folder
from glucoflow.model.errors import Misconfigured, Unavailable
from glucoflow.node.config import USERNAME, NodeFiles, NodeSettings, configure
from glucoflow.node.distribution import OnBytes, find_distribution
from glucoflow.node.java import find_java
from glucoflow.node.supervise import Child, ProcessUser
from glucoflow.node.user import cache_for, give, make_for, node_user, open_way, place_for, reachable

__all__ = ["LocalNode", "NodeSettings", "RunningNode", "find_running"]

log = logging.getLogger(__name__)

PASSWORD_FILE = "elasticsearch.password"  # noqa: S105 – a name
READY_SECONDS = 120
GRACE_SECONDS = 3.0
"""Then SIGKILL, which loses nothing: each request is in the fsynced translog before it is answered."""


class RunningNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node that answers. The password's repr is masked. `pid` is Elasticsearch's own process."""

    url: str
    username: str
    password: SecretStr
    version: str
    pid: int
    log_path: Path


def find_running(data_dir: Path, timeout_seconds: float = 2) -> RunningNode | None:
    """The node that runs on this data folder and answers with our password, or None.

    The password goes only where a node of ours listens: its guard must hold the lock, which it does exactly as long as
    the node lives, and the address must be from this node's start. What a killed one left behind leads nowhere.
    """
    try:
        url, started_by = _address_file(data_dir).read_text().split()
        password = SecretStr((data_dir / PASSWORD_FILE).read_text().strip())
        with _lock_file(data_dir).open() as lock:
            if _lock(lock, fcntl.LOCK_SH) or lock.read() != started_by:
                return None
    except (FileNotFoundError, ValueError):
        return None
    return _ask(url, password, timeout_seconds, _log_path(data_dir))


class LocalNode:
    """The node of one data folder. `start` and `stop` do the work; as a context manager it stops at the end."""

    def __init__(self, data_dir: Path, cache_dir: Path, settings: NodeSettings) -> None:
        self._data_dir = data_dir.resolve()
        self._cache_dir = cache_dir.resolve()
        self._settings = settings
        self._child: Child | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, on_bytes: OnBytes | None = None) -> RunningNode:
        """Download what is missing, start, and return when it answers.

        Raises Unavailable or Misconfigured with the cure; nothing is left running then. One of the causes is a node
        that runs on this data folder already: `find_running` has it.
        """
        private_folder(self._data_dir)
        with _claimed(self._data_dir) as lock:
            _address_file(self._data_dir).unlink(missing_ok=True)
            _refuse_if_taken(self._settings.port)  # cheaper to find out now than after Java's start
            child, password, ports = self._prepare(on_bytes, lock)
            self._child = child
            child.start()
        url = f"http://127.0.0.1:{self._settings.port}"
        try:
            node = _wait_ready(url, password, child, self._settings, ports)
        except BaseException:
            self.stop()
            raise
        _address_file(self._data_dir).write_text(f"{url}\n{os.getpid()}\n")
        return node

    def alive(self) -> bool:
        return self._child is not None and self._child.alive()

    @property
    def child(self) -> Child | None:
        """The process, to stop it together with others."""
        return self._child

    def stop(self) -> None:
        """Stop it, within a few seconds. Does nothing where this object did not start it."""
        if self._child is not None:
            self._child.stop()
            self._child = None
            _address_file(self._data_dir).unlink(missing_ok=True)

    def _prepare(self, on_bytes: OnBytes | None, lock: IO[str]) -> tuple[Child, SecretStr, Path]:
        """Everything before the process itself; also the password to ask it with, and where it says its port."""
        user = node_user()
        open_way(self._data_dir, user)
        place = place_for(self._data_dir / "elasticsearch", user)
        self._note(place, user)
        cache = cache_for(self._cache_dir, user)
        home = self._settings.home
        if home is not None and not reachable(home, user):
            raise Misconfigured(
                f"ES_HOME is {home}, which the user {user.name if user else ''} cannot read.",
                remedy="Move it to a folder that everybody can enter, for example below /opt.",
            )
        distribution = find_distribution(home, cache, on_bytes)
        java = find_java(cache, bundled=distribution / "jdk", user=user)
        password = SecretStr(kept_secret(self._data_dir, PASSWORD_FILE))
        files = NodeFiles.below(place)
        give(place, [files.data, files.logs], user)
        configure(distribution, files, self._settings, password)
        give(place, [files.config, files.temporary], user)
        if self._settings.snapshots is not None:
            make_for(self._settings.snapshots, user)
        child = Child(
            "elasticsearch",
            [str(distribution / "bin" / "elasticsearch")],
            _log_path(self._data_dir),
            env={"ES_JAVA_HOME": str(java), **files.environment()},
            user=user,
            grace_seconds=GRACE_SECONDS,
            inherit_env=False,
            held_open=[lock.fileno()],
            cwd=distribution,
        )
        return child, password, files.ports

    def _note(self, place: Path, user: ProcessUser | None) -> None:
        """Leave word in the data folder where the data really are."""
        note = self._data_dir / "elasticsearch.place"
        if user is None or place.parent == self._data_dir or note.exists():
            return
        log.info("Elasticsearch runs as %s, who cannot enter %s: its data are in %s", user.name, self._data_dir, place)
        note.write_text(f"{place}\n")


def _address_file(data_dir: Path) -> Path:
    return data_dir / "elasticsearch.url"


def _lock_file(data_dir: Path) -> Path:
    return data_dir / "elasticsearch.lock"


def _log_path(data_dir: Path) -> Path:
    return data_dir / "logs" / "elasticsearch.log"


@contextmanager
def _claimed(data_dir: Path) -> Iterator[IO[str]]:
    """A lock that the node's guard goes on holding until the node is gone.

    Waits for an orphan: where the parent was killed, its node needs a moment to end. Raises Unavailable where the
    parent lives.
    """
    with _lock_file(data_dir).open("a+") as handle:
        began = time.monotonic()
        while not _lock(handle, fcntl.LOCK_EX):
            waited = time.monotonic() - began
            # Whoever looks for a running node holds the lock for a moment too.
            if (_owner_lives(handle) and waited > 0.5) or waited > GRACE_SECONDS + 2:
                running = find_running(data_dir)
                where = f" at {running.url}" if running else ""
                raise Unavailable(
                    f"An Elasticsearch already runs{where} on the data in {data_dir}.",
                    remedy="Use that one, or stop the glucoflow that started it.",
                )
            time.sleep(0.1)
        handle.truncate(0)
        handle.write(str(os.getpid()))
        handle.flush()
        yield handle


def _lock(handle: IO[str], how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner_lives(handle: IO[str]) -> bool:
    handle.seek(0)
    try:
        os.kill(int(handle.read()), 0)
    except PermissionError:  # another user's
        return True
    except (ValueError, ProcessLookupError):
        return False
    return True


def _refuse_if_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: TIME_WAIT counts as free
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise Unavailable(
                f"Elasticsearch did not start: another program uses port {port}, or it may not be used "
                f"({error.strerror}).",
                remedy="Set ES_PORT in .env to a free one.",
            ) from error


def _wait_ready(url: str, password: SecretStr, child: Child, settings: NodeSettings, ports: Path) -> RunningNode:
    """The node, once it answers. It is asked only when it has said that the port is its own: else another program,
    which took the port a moment before, would be sent the password."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and child.alive():
        listens = ports.exists() and f":{settings.port}\n" in ports.read_text()
        node = _ask(url, password, 2, child.log_path) if listens else None
        if node is not None:
            return node
        time.sleep(0.15)
    tail = child.tail(400)
    for signs, problem, remedy in _KNOWN:
        if any(sign in tail for sign in signs):
            raise Unavailable(f"Elasticsearch did not start: {problem.format(port=settings.port)}", remedy=remedy)
    ended = f"it did not answer within {READY_SECONDS} s" if child.alive() else f"it ended with code {child.exit_code}"
    raise Unavailable(
        f"Elasticsearch did not start: {ended}. Its log ends:\n{child.tail(12)}\n",
        remedy=f"The whole log is {child.log_path}.",
    )


_PORT_TAKEN = ("Address already in use", "BindHttpException")
_NO_MEMORY = ("There is insufficient memory", "Cannot allocate memory", "Could not reserve enough space")
_KNOWN: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (_PORT_TAKEN, "another program uses port {port}.", "Set ES_PORT in .env to a free one."),
    (("BindTransportException",), "another program uses its transport port.", "Start again; a free one is chosen."),
    (_NO_MEMORY, "there is not enough memory.", "Close programs, or set ES_HEAP=512m in .env."),
    (("java.lang.OutOfMemoryError",), "its heap is too small.", "Set ES_HEAP=1g (or more) in .env."),
    (("cannot downgrade a node",), "the data were written by a newer Elasticsearch.", "Use that version (ES_HOME)."),
    (("No space left on device",), "the disk is full.", "Free some space and start again; nothing is lost."),
    (("failed to obtain node locks",), "another node already runs on the same data.", "Stop that one first."),
)
"""What the log says, what it means, what to do."""


def _ask(url: str, password: SecretStr, timeout_seconds: float, log_path: Path) -> RunningNode | None:
    """The node if it lets us in and can serve; the stripped distribution has no `GET /` to ask."""
    try:
        with requests.Session() as session:
            session.trust_env = False  # loopback is never asked for through a proxy
            session.auth = (USERNAME, password.get_secret_value())
            if _json(session, f"{url}/_cluster/health", timeout_seconds)["status"] not in ("yellow", "green"):
                return None
            nodes = _json(session, f"{url}/_nodes/_local/process", timeout_seconds)["nodes"]
    except (requests.RequestException, KeyError, ValueError):
        return None
    (node,) = nodes.values()
    return RunningNode(
        url=url.rstrip("/"),
        username=USERNAME,
        password=password,
        version=node["version"],
        pid=node["process"]["id"],
        log_path=log_path,
    )


def _json(session: requests.Session, url: str, timeout_seconds: float) -> Any:
    answer = session.get(url, timeout=timeout_seconds, allow_redirects=False)
    answer.raise_for_status()
    return answer.json()
