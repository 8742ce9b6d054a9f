"""Faults on the wire and blocks in the node: nothing is lost, nothing is counted twice, each has its fate."""

import pytest
from elasticsearch import Elasticsearch
from pydantic import SecretStr

from glucoflow.es.client import make_client
from glucoflow.es.names import Names
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.model.errors import Misconfigured, Retryable
from tests.es.conftest import QUICK
from tests.es.made import NOW, documents
from tests.es.proxy import Fault, Proxy
from tests.es.test_sink import counts, stored
from tests.node import Node

REJECTED = {"type": "es_rejected_execution_exception", "reason": "rejected execution of coordinating operation"}


def test_only_the_items_that_failed_are_sent_again(
    es: Elasticsearch, names: Names, proxy: Proxy, damaged: ElasticsearchSink
) -> None:
    made = documents(60)
    odd = Fault("items", status=429, error=REJECTED, picks=lambda at: at % 3 == 0)
    proxy.faults = [
        odd,
        Fault("items", status=503, error={"type": "unavailable_shards_exception"}, picks=lambda at: at == 1),
    ]
    assert counts(damaged.write(made, [], NOW)) == (60, 0, 0, 0, 0)
    ids = [document.id for document in made]
    assert proxy.bulks == [ids, ids[::3], [ids[3]]]
    assert proxy.served == ["items", "items"]
    assert len(stored(es, names)) == 60


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", status=429, error=REJECTED),
        Fault("status", status=503, times=3),
        Fault("status", status=502),
        Fault("cut_before"),
        Fault("cut_after"),
        Fault("slow", seconds=1.5),
        Fault("html"),
        Fault("short"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_a_request_that_fails_is_sent_again_and_each_document_is_counted_once(
    es: Elasticsearch, names: Names, proxy: Proxy, damaged: ElasticsearchSink, fault: Fault
) -> None:
    proxy.faults = [fault]
    result = damaged.write(documents(250), [], NOW)
    assert proxy.served
    assert result.created + result.unchanged == 250  # what arrived before a cut is found unchanged
    assert (result.updated, result.rejected) == (0, [])
    assert len(stored(es, names)) == 250


@pytest.mark.parametrize(
    "fault", [Fault("status", times=99), Fault("items", status=429, error=REJECTED, times=99)], ids=lambda f: f.kind
)
def test_patience_ends(es: Elasticsearch, names: Names, proxy: Proxy, damaged: ElasticsearchSink, fault: Fault) -> None:
    proxy.faults = [fault]
    with pytest.raises(Retryable, match="overloaded"):
        damaged.write(documents(50), [], NOW)
    assert len(proxy.bulks) == QUICK.retry.tries
    proxy.faults = []
    assert damaged.write(documents(50), [], NOW).created == 50


def test_a_wait_that_was_asked_for_is_handed_on(
    es: Elasticsearch, names: Names, proxy: Proxy, damaged: ElasticsearchSink
) -> None:
    proxy.faults = [Fault("status", status=429, headers={"retry-after": "120"})]
    with pytest.raises(Retryable) as error:
        damaged.write(documents(1), [], NOW)
    assert error.value.retry_after == 120


def test_a_chunk_that_is_too_large_is_halved(
    es: Elasticsearch, names: Names, proxy: Proxy, damaged: ElasticsearchSink
) -> None:
    proxy.faults = [Fault("status", status=413, times=2)]
    assert counts(damaged.write(documents(80), [], NOW)) == (80, 0, 0, 0, 0)
    assert [len(ids) for ids in proxy.bulks] == [80, 40, 20, 20, 40]


def test_a_single_document_that_is_too_large_is_rejected(
    es: Elasticsearch, names: Names, proxy: Proxy, damaged: ElasticsearchSink
) -> None:
    proxy.faults = [Fault("status", status=413)]
    result = damaged.write(documents(1), [], NOW)
    assert counts(result) == (0, 0, 0, 0, 1)
    assert "larger" in result.rejected[0].reason


@pytest.mark.parametrize("status", [401, 403])
def test_no_right_is_said_at_once(
    es: Elasticsearch, names: Names, proxy: Proxy, damaged: ElasticsearchSink, status: int
) -> None:
    proxy.faults = [Fault("status", status=status, error={"type": "security_exception"}, times=9)]
    with pytest.raises(Misconfigured, match="Elasticsearch"):
        damaged.write(documents(1), [], NOW)
    assert len(proxy.served) == 1


def test_a_wrong_password_is_never_shown(elasticsearch_node: Node, names: Names) -> None:
    client = make_client(elasticsearch_node.url, elasticsearch_node.username, SecretStr("wrong-pa55"))
    with pytest.raises(Misconfigured) as error:
        ElasticsearchSink(client, names, "ann", QUICK).write(documents(1), [], NOW)
    assert "ES_PASSWORD" in error.value.remedy
    assert "wrong-pa55" not in f"{error.value} {error.value!r} {client!r}"


def test_a_full_disk_is_told_from_overload(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    alias = names.alias("ann")
    es.indices.put_settings(index=alias, settings={"index.blocks.read_only_allow_delete": True})
    with pytest.raises(Retryable, match="disk") as error:
        sink.write(documents(120), [], NOW)
    assert (error.value.retry_after or 0) >= 60
    es.indices.put_settings(index=alias, settings={"index.blocks.read_only_allow_delete": None})
    assert sink.write(documents(120), [], NOW).created == 120


def test_a_read_only_index_is_named_as_such(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    alias = names.alias("ann")
    es.indices.put_settings(index=alias, settings={"index.blocks.read_only": True})
    try:
        with pytest.raises(Retryable, match="read-only"):
            sink.write(documents(1), [], NOW)
    finally:
        es.indices.put_settings(index=alias, settings={"index.blocks.read_only": None})


def test_an_elasticsearch_that_is_down_comes_back(names: Names) -> None:
    client = make_client("http://127.0.0.1:9")
    with pytest.raises(Retryable, match="cannot be reached"):
        ElasticsearchSink(client, names, "ann", QUICK).write(documents(1), [], NOW)


def test_the_look_up_of_known_documents_survives_faults_too(
    es: Elasticsearch, names: Names, proxy: Proxy, damaged: ElasticsearchSink
) -> None:
    damaged.write(documents(50), [], NOW)
    proxy.faults = [Fault("status", path="/_mget", times=2), Fault("cut_before", path="/_mget")]
    assert counts(damaged.write([*documents(25), *documents(50, value=90)[25:]], [], NOW)) == (0, 25, 25, 0, 0)
    assert proxy.served == ["status", "status", "cut_before"]
