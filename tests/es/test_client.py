"""What a person is told when Elasticsearch cannot be worked with."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch
from pydantic import SecretStr
from pytest_httpserver import HTTPServer

from glucoflow.es.client import Health, check, make_client
from glucoflow.es.names import Names
from glucoflow.es.provision import delete_user, ensure_index, provision
from glucoflow.es.queries import Queries
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.model.errors import Fatal, Misconfigured, Retryable, Unavailable
from glucoflow.node.config import MOST_SHARDS
from tests.es.conftest import QUICK
from tests.es.made import NOW, documents
from tests.es.proxy import Fault, Proxy
from tests.node import Node


@contextmanager
def answering(body: object, product: bool = True, status: int = 200) -> Iterator[str]:
    """A server that says the same to everybody."""
    headers = {"x-elastic-product": "Elasticsearch"} if product else {}
    media = "application/vnd.elasticsearch+json;compatible-with=9"
    with HTTPServer() as server:
        server.expect_request(re.compile(".*")).respond_with_json(body, status, headers, media)
        yield server.url_for("").rstrip("/")


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
    for block, told_as in (("read_only_allow_delete", "flooded"), ("read_only", "read_only")):
        es.indices.put_settings(index=index, settings={f"index.blocks.{block}": True})
        health = check(es, names.everything)
        assert [index in health.flooded, index in health.read_only] == [told_as == "flooded", told_as == "read_only"]
        es.indices.put_settings(index=index, settings={f"index.blocks.{block}": None})
    health = check(es, names.everything)
    assert (health.flooded, health.read_only) == ((), ())


def test_the_shards_are_counted_before_there_are_too_many(es: Elasticsearch, names: Names) -> None:
    before = check(es)
    assert before.most_shards == MOST_SHARDS, "the node of our own has room for a thousand people"
    assert not before.nearly_too_many_shards
    ensure_index(es, names, "ann")
    assert check(es).shards > before.shards or check(es).shards > 0
    assert Health(version=None, status=None, shards=900, most_shards=1_000).nearly_too_many_shards
    assert not Health(version=None, status=None, shards=899, most_shards=1_000).nearly_too_many_shards
    assert not Health(version=None, status=None, shards=899, most_shards=None).nearly_too_many_shards


def test_at_the_limit_of_shards_the_words_say_what_to_do(
    proxy: Proxy, through: Elasticsearch, es: Elasticsearch, names: Names
) -> None:
    """The answer is Elasticsearch 9.5.0's own. It was "most likely a fault in glucoflow"."""
    reason = (
        "Validation Failed: 1: this action would add [2] shards, but this cluster currently has [1000]/[1000] maximum "
        "normal shards open; for more information, see https://www.elastic.co/docs/…;"
    )
    proxy.faults = [
        Fault("status", names.first_index("ann"), status=400, error={"type": "validation_exception", "reason": reason})
    ]
    with pytest.raises(Fatal, match=r"cluster\.max_shards_per_node") as error:
        ensure_index(through.options(request_timeout=30), names, "ann")
    assert "add a node" in error.value.remedy
    assert "fault in glucoflow" not in str(error.value)


def test_an_index_that_a_snapshot_takes_is_a_matter_of_waiting(
    proxy: Proxy, through: Elasticsearch, es: Elasticsearch, names: Names
) -> None:
    """The answer is Elasticsearch 9.5.0's own to a deletion while somebody's nightly snapshot is made."""
    ensure_index(es, names, "ann")
    reason = (
        "Cannot delete indices that are being snapshotted: [[cgm-ann-000001/Kh]]. Try again after snapshot finishes"
    )
    told = {"type": "snapshot_in_progress_exception", "reason": reason}
    proxy.faults = [Fault("status", names.first_index("ann"), status=400, error=told)]
    with pytest.raises(Retryable, match="snapshot"):
        delete_user(through, names, "ann")


def test_a_closed_index_is_named_as_such(es: Elasticsearch, names: Names) -> None:
    index = ensure_index(es, names, "ann").name
    sink = ElasticsearchSink(es, names, "ann", QUICK)
    sink.write(documents(1), [], NOW)
    es.indices.close(index=index)
    for ask in (
        lambda: sink.write(documents(2), [], NOW),
        lambda: ensure_index(es, names, "ann"),
        lambda: Queries(es, names).latest("ann"),
        lambda: Queries(es, names).overview("ann", NOW - timedelta(days=900), NOW),
        lambda: Queries(es, names).readings("ann"),
    ):
        with pytest.raises(Fatal, match="closed") as error:
            ask()
        assert "_open" in error.value.remedy
    assert provision(es, names).outdated == ()
    es.indices.open(index=index)
    es.cluster.health(index=index, wait_for_status="yellow")
    assert sink.write(documents(2), [], NOW).created == 1


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
