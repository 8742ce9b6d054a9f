"""Long reads: complete, in order, as stored byte for byte, and with one page in memory."""

import tracemalloc
from datetime import timedelta

import msgspec
import pytest
from elasticsearch import Elasticsearch

from glucoflow.es.encode import decode
from glucoflow.es.names import Names
from glucoflow.es.provision import ensure_index
from glucoflow.es.scan import scan
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.model import records as r
from glucoflow.model.errors import Retryable
from glucoflow.retry import RetryPolicy
from tests.es.made import LATER, NOW, START, documents, enriched
from tests.es.proxy import Fault, Proxy

QUICK = RetryPolicy(tries=4, first_wait_s=0.01, longest_wait_s=0.05)


def filled(es: Elasticsearch, names: Names, sink: ElasticsearchSink, count: int) -> str:
    sink.write(documents(count), [], NOW)
    es.indices.refresh(index=names.alias("ann"))
    return names.alias("ann")


def test_every_document_once_oldest_first(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    alias = filled(es, names, sink, 505)
    hits = list(scan(es, alias, page=100))
    made = documents(505)
    assert [hit.id for hit in hits] == [document.id for document in made]
    assert b'"payload":{"recordId": "id7", "value": 1.50}' in bytes(hits[7].source)
    assert [hit.id for hit in scan(es, alias, {"range": {"@timestamp": {"lt": "2026-03-01T00:20:00Z"}}})] == [
        document.id for document in made[:4]
    ]


@pytest.mark.parametrize("page", [5, 505])
def test_a_full_last_page_is_not_the_end_of_the_world(
    es: Elasticsearch, names: Names, sink: ElasticsearchSink, page: int
) -> None:
    alias = filled(es, names, sink, 505)
    query = {"range": {"@timestamp": {"lt": "2026-03-01T00:50:00Z"}}} if page == 5 else None
    assert len(list(scan(es, alias, query, page=page))) == (10 if page == 5 else 505)


def test_nobody_there(es: Elasticsearch, names: Names) -> None:
    assert list(scan(es, names.alias("nobody"))) == []


def test_what_is_written_meanwhile_does_not_disturb(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    alias = filled(es, names, sink, 300)
    reading = (decode(hit.source) for hit in scan(es, alias))
    first = next(reading)
    sink.write(documents(300, value=60), [documents(300)[299].id], LATER)
    es.indices.refresh(index=alias)
    rest = list(reading)
    assert [first, *rest] == sorted([first, *rest], key=lambda source: source.timestamp)
    assert len(rest) == 299
    assert {source.event.ingested for source in rest} == {NOW}


def test_a_lost_view_is_opened_again_and_nothing_is_missed_or_repeated(
    es: Elasticsearch, names: Names, sink: ElasticsearchSink, proxy: Proxy, through: Elasticsearch
) -> None:
    notes = [r.Note(time=START + timedelta(minutes=at // 7), key=f"n{at}", text=str(at)) for at in range(200)]
    made = enriched(*notes)  # seven of each moment, so that pages end inside one
    sink.write(made, [], NOW)
    es.indices.refresh(index=names.alias("ann"))
    reading = scan(through, names.alias("ann"), page=20)
    found = [next(reading) for _ in range(45)]
    lost = {"type": "search_phase_execution_exception", "reason": "no search context"}
    proxy.faults = [Fault("status", path="/_search", status=404, error=lost, times=2)]
    found += reading
    assert proxy.served == ["status", "status"]
    assert sorted(hit.id for hit in found) == sorted(document.id for document in made)
    texts = [msgspec.json.decode(hit.source)["note"]["text"] for hit in found]
    assert [int(text) // 7 for text in texts] == [at // 7 for at in range(200)]


def test_faults_on_the_way_are_survived_or_said(
    es: Elasticsearch, names: Names, sink: ElasticsearchSink, proxy: Proxy, through: Elasticsearch
) -> None:
    alias = filled(es, names, sink, 100)
    proxy.faults = [
        Fault("status", path="/_search"),
        Fault("cut_after", path="/_search"),
        Fault("status", path="/_pit"),
    ]
    assert len(list(scan(through, alias, page=30, retry=QUICK))) == 100
    assert sorted(proxy.served) == ["cut_after", "status", "status"]
    proxy.faults = [Fault("status", path="/_search", times=99)]
    with pytest.raises(Retryable, match="overloaded"):
        list(scan(through, alias, page=30, retry=QUICK))


def test_views_are_given_back_even_when_the_reader_stops_early(
    es: Elasticsearch, names: Names, sink: ElasticsearchSink
) -> None:
    alias = filled(es, names, sink, 100)
    reading = scan(es, alias, page=10)
    next(reading)
    assert open_views(es, alias) == 1
    reading.close()
    assert open_views(es, alias) == 0


def open_views(es: Elasticsearch, alias: str) -> int:
    stats = es.indices.stats(index=alias, metric="search").body
    return int(stats["_all"]["total"]["search"]["open_contexts"])


def test_memory_is_a_page_and_not_the_index(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    ensure_index(es, names, "ann")
    payload = msgspec.Raw(b'{"x": "%b"}' % (b"y" * 4_000))
    sink.write(documents(4_000, payload=payload), [], NOW)  # 18 MB
    es.indices.refresh(index=names.alias("ann"))
    tracemalloc.start()
    count = sum(decode(hit.source).glucose is not None for hit in scan(es, names.alias("ann")))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 4_000
    assert peak < 40e6  # two pages of 2,000 documents would be all of them: a page and its decoded hits
