"""The one Elasticsearch node of a test session: a real one, started and stopped by the suite."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from elasticsearch import Elasticsearch
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
        settings = NodeSettings(port=http, transport_port=transport, heap="768m")
        with LocalNode(Path(folder), cache_folder(None), settings) as node:
            running = node.start()
            yield Node(url=running.url, username=running.username, password=running.password)
