"""A chart's aggregation and our figure are the same number, on a real node.

Tolerances: counts, shares, means and SD to the rounding of doubles (the field is a `float`, exact for whole mg/dL);
percentiles, which Elasticsearch estimates by t-digest, to 1 mg/dL.
"""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from elasticsearch import Elasticsearch, helpers

from glucoflow.analytics import Series, figures_of
from glucoflow.analytics.time_in_ranges import by_hour, shares_of
from glucoflow.model.ranges import BANDS, band, tight
from tests.analytics.traces import walk

TRACE = Series.of(*walk(30, seed=31, gaps=True), offset_min=330)
MAPPINGS = {
    "properties": {
        "glucose.mg_dl": {"type": "float"},
        "glucose.range": {"type": "keyword"},
        "glucose.tight": {"type": "boolean"},
        "time.hour": {"type": "byte"},
    }
}
AGGREGATIONS: dict[str, Any] = {
    "stats": {"extended_stats": {"field": "glucose.mg_dl"}},
    "percentiles": {"percentiles": {"field": "glucose.mg_dl", "percents": [25, 50, 75]}},
    "bands": {"terms": {"field": "glucose.range"}},
    "tight": {"filter": {"term": {"glucose.tight": True}}},
    "hours": {
        "terms": {"field": "time.hour", "size": 24},
        "aggs": {"mean": {"avg": {"field": "glucose.mg_dl"}}, "bands": {"terms": {"field": "glucose.range"}}},
    },
}


@pytest.fixture(scope="module")
def answer(es: Elasticsearch) -> Iterator[dict[str, Any]]:
    index = f"metrics-{uuid.uuid4().hex[:8]}"
    es.indices.create(index=index, mappings=MAPPINGS, settings={"number_of_replicas": 0})
    values, hours = TRACE.mg_dl.tolist(), (TRACE.minute_of_day // 60).tolist()
    sources = (
        {"glucose": {"mg_dl": value, "range": band(value), "tight": tight(value)}, "time": {"hour": hour}}
        for value, hour in zip(values, hours, strict=True)
    )
    helpers.bulk(es, ({"_index": index, "_source": source} for source in sources), refresh=True)
    yield dict(es.search(index=index, size=0, track_total_hits=True, aggregations=AGGREGATIONS)["aggregations"])
    es.indices.delete(index=index)


def test_mean_and_spread(answer: dict[str, Any]) -> None:
    figures, stats = figures_of(TRACE), answer["stats"]
    assert figures.n == stats["count"]
    assert figures.mean_mg_dl == pytest.approx(stats["avg"], rel=1e-9)
    assert figures.sd_mg_dl == pytest.approx(stats["std_deviation_sampling"], rel=1e-9)
    assert (figures.min_mg_dl, figures.max_mg_dl) == (stats["min"], stats["max"])


def test_quartiles(answer: dict[str, Any]) -> None:
    figures, values = figures_of(TRACE), answer["percentiles"]["values"]
    for ours, key in ((figures.p25_mg_dl, "25.0"), (figures.median_mg_dl, "50.0"), (figures.p75_mg_dl, "75.0")):
        assert ours == pytest.approx(values[key], abs=1)


def test_shares(answer: dict[str, Any]) -> None:
    shares = shares_of(TRACE)
    assert shares is not None
    counts = {bucket["key"]: bucket["doc_count"] for bucket in answer["bands"]["buckets"]}
    assert len(counts) >= 4, "the trace reaches the outer bands"
    for name in BANDS:
        assert getattr(shares, name) == pytest.approx(100 * counts.get(name, 0) / len(TRACE), abs=1e-9)
    assert shares.tight == pytest.approx(100 * answer["tight"]["doc_count"] / len(TRACE), abs=1e-9)


def test_hours(answer: dict[str, Any]) -> None:
    buckets = {bucket["key"]: bucket for bucket in answer["hours"]["buckets"]}
    assert sorted(buckets) == list(range(24))
    for group in by_hour(TRACE):
        bucket = buckets[group.key]
        assert group.n == bucket["doc_count"]
        assert group.mean_mg_dl == pytest.approx(bucket["mean"]["value"], rel=1e-9)
        low = sum(inner["doc_count"] for inner in bucket["bands"]["buckets"] if inner["key"] in ("very_low", "low"))
        assert group.shares is not None
        assert group.shares.below_70 == pytest.approx(100 * low / group.n, abs=1e-9)
