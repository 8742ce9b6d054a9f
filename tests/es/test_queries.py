"""Queries against figures computed apart, with the standard library, from the same readings."""

import statistics
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
import pytest
from elasticsearch import Elasticsearch

from glucoflow.enrich import Enricher
from glucoflow.es.names import Names
from glucoflow.es.provision import delete_user, ensure_index
from glucoflow.es.queries import Queries
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.model import records as r
from glucoflow.model.documents import Document, SampleFields
from tests.es.made import NOW, START, enriched, owner, readings

MIXED = [38, 39, 41.5, 53, 53.5, 54, 69, 69.5, 70, 100, 112.5, 140, 180, 180.5, 181, 250, 250.5, 251, 401, 405]


def superseded(document: Document) -> Document:
    sample = msgspec.structs.replace(document.source.sample or SampleFields(), superseded=True)
    return Document(document.id, msgspec.structs.replace(document.source, sample=sample))


def made() -> list[Document]:
    values = [float(MIXED[at * 7 % len(MIXED)]) for at in range(400)]
    raw = [msgspec.structs.replace(one, value=values[at]) for at, one in enumerate(readings(400))]
    raw[300:] = [
        msgspec.structs.replace(one, time=START + timedelta(days=2, minutes=15 * at), interval_ms=900_000)
        for at, one in enumerate(raw[300:])
    ]
    found = list(Enricher(owner(), "readings").documents(raw))
    return [superseded(document) if at % 50 == 3 else document for at, document in enumerate(found)]


EVENTS = [
    r.Food(time=START + timedelta(hours=2), key="f1", carbs_g=40.0),
    r.Food(time=START + timedelta(hours=1), key="f2"),
    r.Bolus(time=START + timedelta(hours=2, minutes=5), key="b1", normal=4.5),
    r.Note(time=START + timedelta(hours=3), key="n1", text="hello"),
]


@pytest.fixture(scope="module")
def everything() -> list[Document]:
    return made()


@pytest.fixture(scope="module")
def queries(es: Elasticsearch, provisioned: Names, everything: list[Document]) -> Iterator[Queries]:
    ensure_index(es, provisioned, "queried")
    sink = ElasticsearchSink(es, provisioned, "queried")
    mine = [
        Document(d.id, msgspec.structs.replace(d.source, user=msgspec.structs.replace(d.source.user, id="queried")))
        for d in [*everything, *enriched(*EVENTS)]
    ]
    sink.write(mine, [], NOW)
    es.indices.refresh(index=provisioned.alias("queried"))
    yield Queries(es, provisioned)
    delete_user(es, provisioned, "queried")


def counted(documents: list[Document]) -> list[Document]:
    return [d for d in documents if not (d.source.sample and d.source.sample.superseded)]


def value(document: Document) -> float:
    assert document.source.glucose
    return document.source.glucose.mg_dl


def test_overview_of_one_sensor(queries: Queries, everything: list[Document]) -> None:
    used = counted(everything[:300])
    values = [value(document) for document in used]
    found = queries.overview("queried", START, START + timedelta(days=2))
    assert found.n == len(values)
    assert found.mean_mg_dl == pytest.approx(statistics.fmean(values))
    assert found.sd_mg_dl == pytest.approx(statistics.stdev(values))
    bands = Counter(document.source.glucose.range for document in used if document.source.glucose)
    assert {band: share for band, share in found.time_in_ranges.items() if share} == {
        band: pytest.approx(100 * count / len(values)) for band, count in bands.items()
    }
    assert sum(found.time_in_ranges.values()) == pytest.approx(100)
    assert found.tight_percent == pytest.approx(100 * sum(70 <= round(v) <= 140 for v in values) / len(values))
    assert (found.low_limit, found.high_limit) == (sum(v < 40 for v in values), sum(v > 400 for v in values))
    assert (found.first, found.last) == (used[0].source.timestamp, used[-1].source.timestamp)


def test_overview_counts_worn_time_not_readings(queries: Queries, everything: list[Document]) -> None:
    used = counted(everything)
    repeated = [value(d) for d in used for _ in range(3 if d.source.timestamp >= START + timedelta(days=2) else 1)]
    found = queries.overview("queried", START, START + timedelta(days=30))
    assert found.n == len(used)
    assert found.mean_mg_dl == pytest.approx(statistics.fmean(repeated))
    spread = statistics.pvariance(repeated) * len(used) / (len(used) - 1)
    assert found.sd_mg_dl == pytest.approx(spread**0.5)
    assert found.time_in_ranges["in_range"] == pytest.approx(
        100 * sum(70 <= round(v) <= 180 for v in repeated) / len(repeated)
    )
    assert found.worn_ms == len(repeated) * 300_000


def test_a_span_is_half_open(queries: Queries) -> None:
    assert queries.overview("queried", START, START + timedelta(minutes=10)).n == 2
    assert queries.overview("queried", START, START + timedelta(minutes=10, microseconds=1_000)).n == 3
    assert queries.overview("queried", START - timedelta(days=9), START).n == 0


def test_the_latest_is_the_newest_that_counts(queries: Queries, everything: list[Document]) -> None:
    newest = counted(everything)[-1].source
    found = queries.latest("queried")
    assert found
    assert newest.glucose
    assert (found.time, found.mg_dl, found.mmol_l) == (newest.timestamp, newest.glucose.mg_dl, newest.glucose.mmol_l)
    assert (found.range, found.direction, found.utc_offset_min) == (newest.glucose.range, "flat", 60)


def test_tail_and_meals_are_what_enrichment_needs(queries: Queries, everything: list[Document]) -> None:
    tail = queries.tail("queried", START + timedelta(minutes=60), timedelta(minutes=20))
    assert tail.times_ms == [int((START + timedelta(minutes=m)).timestamp() * 1000) for m in (40, 45, 50, 55)]
    assert tail.mg_dl == pytest.approx([value(document) for document in everything[8:12]])
    assert tail.devices == ["tx"] * 4
    assert queries.tail("queried", START + timedelta(hours=1), timedelta(hours=1), connection_id="c2").times_ms == []
    intake = queries.meals("queried", START, START + timedelta(days=1))
    hour = 3_600_000
    began = int(START.timestamp() * 1000)
    assert intake.meals_ms == [began + hour, began + 2 * hour]
    assert intake.boluses_ms == [began + 2 * hour + 300_000]


def test_what_was_just_written_is_in_the_tail(es: Elasticsearch, names: Names, sink: ElasticsearchSink) -> None:
    es_queries = Queries(es, names)
    sink.write(list(Enricher(owner(), "readings").documents(readings(3))), [], NOW)
    assert len(es_queries.tail("ann", START + timedelta(minutes=15), timedelta(minutes=20)).times_ms) == 3


def test_counts_newest_and_documents(queries: Queries, everything: list[Document]) -> None:
    assert queries.counts("queried") == {"cgm.reading": 400, "food": 2, "insulin.bolus": 1, "note": 1}
    assert queries.newest("queried") == everything[-1].source.timestamp
    assert queries.newest("queried", "food") == EVENTS[0].time
    assert queries.newest("queried", "exercise") is None
    events = queries.documents("queried", ["food", "insulin.bolus"], newest_first=False)
    assert [document.source.timestamp for document in events] == [EVENTS[1].time, EVENTS[0].time, EVENTS[2].time]
    bolus = events[2].source
    assert bolus.insulin
    assert bolus.insulin.normal == 4.5
    assert [d.source.timestamp for d in queries.documents("queried", ["cgm.reading"], limit=2)] == [
        document.source.timestamp for document in everything[:-3:-1]
    ]


def test_readings_as_arrays(queries: Queries, everything: list[Document]) -> None:
    found = queries.readings("queried")
    times = [int(document.source.timestamp.timestamp() * 1000) for document in everything]
    np.testing.assert_array_equal(found.utc, times)
    np.testing.assert_allclose(found.mg_dl, [value(document) for document in everything], rtol=1e-6)
    assert set(found.offset_min.tolist()) == {60}
    assert Counter(found.interval_ms.tolist()) == {300_000: 300, 900_000: 100}
    assert np.flatnonzero(found.superseded).tolist() == list(range(3, 400, 50))
    part = queries.readings("queried", START, START + timedelta(hours=1))
    np.testing.assert_array_equal(part.utc, times[:12])


def test_somebody_without_an_index_has_nothing(queries: Queries) -> None:
    span = (datetime(2020, 1, 1, tzinfo=UTC), NOW)
    assert queries.latest("nobody") is None
    assert queries.overview("nobody", *span).n == 0
    assert queries.counts("nobody") == {}
    assert queries.newest("nobody") is None
    assert queries.documents("nobody", ["food"]) == []
    assert queries.readings("nobody").utc.size == 0
    assert queries.tail("nobody", NOW, timedelta(hours=1)).times_ms == []
    assert queries.meals("nobody", *span).meals_ms == []
    assert "aggregations" not in queries.aggregate("nobody", {"aggs": {"a": {"max": {"field": "@timestamp"}}}})


def test_a_charts_body_gets_its_raw_answer_and_no_documents(queries: Queries) -> None:
    body = {"size": 50, "aggs": {"h": {"terms": {"field": "time.hour", "size": 24}}}}
    answer = queries.aggregate("queried", body)
    assert answer["hits"]["hits"] == []
    assert sum(bucket["doc_count"] for bucket in answer["aggregations"]["h"]["buckets"]) == 404
