"""The one Elasticsearch node of a test run: a real one, started and stopped by the suite.

`uv run python -m tests.node` keeps one running until Ctrl-C, and every run meanwhile uses it: each start saved is ten
seconds of both cores.
"""

import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from elasticsearch import ApiError, Elasticsearch, TransportError
from pydantic import SecretStr

from glucoflow.es.client import make_client
from glucoflow.node.local import LocalNode, NodeSettings
from glucoflow.settings import cache_folder
from tests.ports import free_ports


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """Where it is and how to get in."""

    url: str
    username: str
    password: SecretStr

    def client(self) -> Elasticsearch:
        """A new client; the caller closes it."""
        return make_client(self.url, self.username, self.password)


@contextmanager
def running_node() -> Iterator[Node]:
    """A fresh node in a folder of its own, gone afterwards with its data."""
    http, transport = free_ports(2)
    with tempfile.TemporaryDirectory(prefix="glucoflow-tests-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        settings = NodeSettings(
            port=http, transport_port=transport, heap="768m", role="superuser", snapshots=Path(folder) / "snapshots"
        )  # tests make roles and faults
        with LocalNode(Path(folder), cache_folder(None), settings) as node:
            running = node.start()
            ours = Node(url=running.url, username=running.username, password=running.password)
            with ours.client() as client:  # what looks at the disk every 30 s lifts the block that a test has set
                client.cluster.put_settings(persistent={"cluster.info.update.interval": "24h"})
            yield ours


def kept_node() -> Node | None:
    """The node that `python -m tests.node` keeps running, if one does."""
    try:
        url, username, password = _KEPT.read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    node = Node(url=url, username=username, password=SecretStr(password))
    with node.client() as client:
        try:
            client.options(request_timeout=20).cluster.health()
        except (ApiError, TransportError):
            return None
    return node


def main() -> None:
    """Keep one running until a signal."""
    with running_node() as node:
        signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
        _KEPT.parent.mkdir(parents=True, exist_ok=True)
        _KEPT.touch(0o600)
        _KEPT.write_text(f"{node.url} {node.username} {node.password.get_secret_value()}\n")
        sys.stderr.write("Tests use this node now. Ctrl-C ends it.\n")
        try:
            signal.sigwait(_ENDS)
        finally:
            _KEPT.unlink()


_ENDS = {signal.SIGINT, signal.SIGTERM}
_KEPT = cache_folder(None) / "tests-node"

if __name__ == "__main__":
    main()
