"""A real Elasticsearch node as our own child process: on loopback, with a password, in the data folder."""

import base64
import hashlib
import logging
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import Self

import httpx
import msgspec
from pydantic import SecretStr

from glucoflow.errors import Unavailable
from glucoflow.es.distribution import OnBytes, find_distribution, remove_unfinished
from glucoflow.es.java import find_java
from glucoflow.es.node_user import give, node_user, place_for, reachable
from glucoflow.supervise import Child

log = logging.getLogger(__name__)

USERNAME = "glucoflow"
READY_SECONDS = 120
GRACE_SECONDS = 3.0
"""Then SIGKILL, which loses nothing: each request is in the fsynced translog before it is answered."""


class RunningNode(msgspec.Struct, frozen=True, kw_only=True):
    """A node that answers. The password's repr is masked."""

    url: str
    username: str
    password: SecretStr
    log_path: Path


class NodeSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How to run it. `heap` like `1g`, None for one fitted to the machine; `home` the user's own Elasticsearch."""

    port: int
    transport_port: int
    heap: str | None = None
    home: Path | None = None


class _Files(msgspec.Struct, frozen=True, kw_only=True):
    """Where a node's own things are."""

    config: Path
    data: Path
    logs: Path

    @classmethod
    def below(cls, place: Path) -> Self:
        return cls(config=place / "config", data=place / "data", logs=place / "logs")


def find_running(data_dir: Path, timeout_seconds: float = 2) -> RunningNode | None:
    """The node that runs on this data folder and answers with our password, or None."""
    try:
        url = (data_dir / "elasticsearch.url").read_text().strip()
        password = SecretStr((data_dir / "elasticsearch.password").read_text().strip())
    except FileNotFoundError:
        return None
    node = RunningNode(url=url, username=USERNAME, password=password, log_path=data_dir / "logs" / "elasticsearch.log")
    return node if _health(node, timeout_seconds) in ("yellow", "green") else None


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

        Raises Unavailable or Misconfigured with the cure; nothing is left running then.
        """
        user = node_user()
        place = place_for(self._data_dir / "elasticsearch", user)
        if place != self._data_dir / "elasticsearch":
            log.info("Elasticsearch runs as %s and keeps its data in %s", user.name if user else "", place)
        cache = self._cache_dir if reachable(self._cache_dir, user) else place.parent / "cache"
        remove_unfinished(cache)
        distribution = find_distribution(self._settings.home, cache, on_bytes)
        java = find_java(cache)
        password = self._password()
        files = _Files.below(place)
        _configure(distribution, files, self._settings, password)
        give(place, user)
        self._child = Child(
            "elasticsearch",
            [str(distribution / "bin" / "elasticsearch")],
            self._data_dir / "logs" / "elasticsearch.log",
            env={"ES_JAVA_HOME": str(java), "ES_PATH_CONF": str(files.config), "HOME": str(place), "ES_TMPDIR": ""},
            user=user,
            grace_seconds=GRACE_SECONDS,
        )
        node = RunningNode(
            url=f"http://127.0.0.1:{self._settings.port}",
            username=USERNAME,
            password=password,
            log_path=self._child.log_path,
        )
        self._child.start()
        try:
            _wait_ready(node, self._child, self._settings)
        except BaseException:
            self.stop()
            raise
        (self._data_dir / "elasticsearch.url").write_text(node.url)
        return node

    def alive(self) -> bool:
        return self._child is not None and self._child.alive()

    @property
    def child(self) -> Child | None:
        """The process, to stop it together with others."""
        return self._child

    def stop(self) -> None:
        """Stop it, within a few seconds. Does nothing where it does not run."""
        if self._child is not None:
            self._child.stop()
        (self._data_dir / "elasticsearch.url").unlink(missing_ok=True)

    def _password(self) -> SecretStr:
        """Made at the first start, kept for this user only."""
        file = self._data_dir / "elasticsearch.password"
        if not file.exists():
            self._data_dir.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as handle:
                handle.write(secrets.token_urlsafe(24))
        return SecretStr(file.read_text().strip())


def fitting_heap(memory_bytes: int) -> str:
    """An eighth of the memory, between 512 MB and 1 GB: a family's readings need no more."""
    return f"{min(1024, max(512, memory_bytes // 8 // 2**20))}m"


def hashed(password: SecretStr, salt: bytes) -> str:
    """The password as Elasticsearch's file realm stores it: PBKDF2-HMAC-SHA512, 10,000 rounds, 256 bits."""
    digest = hashlib.pbkdf2_hmac("sha512", password.get_secret_value().encode(), salt, 10_000, 32)
    return f"{{PBKDF2}}10000${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _configure(distribution: Path, files: _Files, settings: NodeSettings, password: SecretStr) -> None:
    for folder in (files.config, files.data, files.logs, files.config / "jvm.options.d"):
        folder.mkdir(parents=True, exist_ok=True)
    for name in ("jvm.options", "log4j2.properties"):
        shutil.copy(distribution / "config" / name, files.config / name)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    heap = settings.heap or fitting_heap(memory)
    (files.config / "jvm.options.d" / "heap.options").write_text(f"-Xms{heap}\n-Xmx{heap}\n")
    (files.config / "elasticsearch.yml").write_text(_YAML.format(files=files, settings=settings))
    (files.config / "users").write_text(f"{USERNAME}:{hashed(password, secrets.token_bytes(32))}\n")
    (files.config / "users_roles").write_text(f"superuser:{USERNAME}\n")
    (files.config / "roles.yml").touch()


# Watermarks in bytes: percentages would stop a node on a laptop whose large disk is nine tenths full.
_YAML = """\
cluster.name: glucoflow
node.name: glucoflow
path.data: {files.data}
path.logs: {files.logs}
network.host: 127.0.0.1
http.port: {settings.port}
transport.port: {settings.transport_port}
discovery.type: single-node
cluster.routing.allocation.disk.watermark.low: 3gb
cluster.routing.allocation.disk.watermark.high: 2gb
cluster.routing.allocation.disk.watermark.flood_stage: 1gb
xpack.security.enabled: true
xpack.security.autoconfiguration.enabled: false
xpack.security.http.ssl.enabled: false
xpack.security.transport.ssl.enabled: false
xpack.security.authc.realms.file.file1.order: 0
"""


def _wait_ready(node: RunningNode, child: Child, settings: NodeSettings) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and child.alive():
        if _health(node, 2) in ("yellow", "green"):
            return
        time.sleep(0.15)
    tail = child.tail(200)
    for sign, problem, remedy in _KNOWN:
        if sign in tail:
            raise Unavailable(f"Elasticsearch did not start: {problem.format(port=settings.port)}", remedy=remedy)
    raise Unavailable(
        f"Elasticsearch did not start within {READY_SECONDS} s. Its log ends:\n{child.tail(12)}\n",
        remedy=f"The whole log is {node.log_path}.",
    )


_KNOWN: tuple[tuple[str, str, str], ...] = (
    ("Address already in use", "another program uses port {port}.", "Set ES_PORT in .env to a free one."),
    ("BindHttpException", "another program uses port {port}.", "Set ES_PORT in .env to a free one."),
    ("There is insufficient memory", "there is not enough memory.", "Close programs, or set ES_HEAP=512m in .env."),
    ("Cannot allocate memory", "there is not enough memory.", "Close programs, or set ES_HEAP=512m in .env."),
    ("cannot downgrade a node", "the data were written by a newer Elasticsearch.", "Use that version (ES_HOME)."),
    ("No space left on device", "the disk is full.", "Free some space and start again; nothing is lost."),
    ("failed to obtain node locks", "another node already runs on the same data.", "Stop that one first."),
)
"""What the log says, what it means, what to do."""


def _health(node: RunningNode, timeout_seconds: float) -> str | None:
    auth = (node.username, node.password.get_secret_value())
    try:
        answer = httpx.get(f"{node.url}/_cluster/health", auth=auth, timeout=timeout_seconds)
    except httpx.HTTPError:
        return None
    if not answer.is_success:
        return None
    status = answer.json().get("status")
    return str(status) if status else None
