"""What a person is told when Elasticsearch cannot be worked with."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from pydantic import SecretStr

from glucoflow.es.client import check, make_client
from glucoflow.es.names import Names
from glucoflow.es.provision import ensure_index
from glucoflow.model.errors import Misconfigured, Unavailable
from tests.es.proxy import Fault, Proxy
from tests.node import Node


@contextmanager
def answering(body: object, product: bool = True, status: int = 200) -> Iterator[str]:
    """A server that says the same to everybody."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

        def do_GET(self) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/vnd.elasticsearch+json;compatible-with=9")
            if product:
                self.send_header("x-elastic-product", "Elasticsearch")
            self.end_headers()
            self.wfile.write(data)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_good_one(es: Elasticsearch) -> None:
    health = check(es)
    assert health.version
    assert int(health.version.split(".")[0]) >= 9
    assert health.status in {"green", "yellow"}
    assert health.disk_free_percent
    assert 0 < health.disk_free_percent <= 100


def test_a_read_only_index_is_reported(es: Elasticsearch, names: Names) -> None:
    index = names.first_index("ann")
    ensure_index(es, names, "ann")
    es.indices.put_settings(index=index, settings={"index.blocks.read_only_allow_delete": True})
    assert index in check(es).read_only
    es.indices.put_settings(index=index, settings={"index.blocks.read_only_allow_delete": None})
    assert index not in check(es).read_only


def test_nobody_there() -> None:
    with pytest.raises(Unavailable, match="cannot be reached") as error:
        check(make_client("http://127.0.0.1:9"))
    assert "ES_ENDPOINT" in error.value.remedy


def test_no_answer(proxy: Proxy, through: Elasticsearch) -> None:
    proxy.faults = [Fault("slow", path="/_cluster/health", seconds=1.5)]
    with pytest.raises(Unavailable, match="in time"):
        check(through)
    assert proxy.served


def test_a_wrong_password(elasticsearch_node: Node) -> None:
    client = make_client(elasticsearch_node.url, elasticsearch_node.username, SecretStr("not-this-one"))
    with pytest.raises(Misconfigured, match="password") as error:
        check(client)
    assert "not-this-one" not in str(error.value)


def test_something_else_at_that_address() -> None:
    with answering({"hello": "world"}, product=False) as url, pytest.raises(Misconfigured, match="something else"):
        check(make_client(url))


@pytest.mark.parametrize(("version", "good"), [("8.19.4", False), ("9.0.0", True), ("9.10.1-SNAPSHOT", True)])
def test_the_version(version: str, good: bool) -> None:
    with answering({"nodes": {"a": {"version": version}}, "status": "green"}) as url:
        client = make_client(url)
        if good:
            assert check(client).version == version
        else:
            with pytest.raises(Misconfigured, match="too old"):
                check(client)


def test_an_old_one_that_does_not_understand_us() -> None:
    refusal = {"error": {"type": "media_type_header_exception"}, "status": 400}
    with answering(refusal, status=400) as url, pytest.raises(Misconfigured, match="too old"):
        check(make_client(url))


def test_bad_settings(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="address"):
        make_client("localhost")
    with pytest.raises(Misconfigured, match="CA certificate"):
        make_client("https://localhost:9200", ca_certs=tmp_path / "none.pem")
