"""What our queries answer and our figures are the same numbers, on a real node, for two sensors of unlike intervals.

Tolerance: the rounding of doubles (the field is a `float`, exact for whole mg/dL).
"""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from glucoflow.analytics import Series, metrics_of
from glucoflow.analytics.time_in_ranges import time_in_ranges, time_in_target
from glucoflow.enrich import Enricher, Owner
from glucoflow.es.names import Names
from glucoflow.es.provision import ensure_index, provision
from glucoflow.es.queries import Queries
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.model.ranges import BANDS
from glucoflow.model.records import Reading
from glucoflow.model.targets import Targets, own_targets
from glucoflow.web.metrics import SpanMetrics, metrics_agg, read_metrics
from tests.analytics.traces import MIDNIGHT, walk

DAY_MS = 86_400_000
START = datetime.fromtimestamp(MIDNIGHT / 1000, UTC)
END = START + timedelta(days=31)
OWN = own_targets("adult", low=80, high=160)


def two_sensors() -> Series:
    """Fifteen days of a 5-minute sensor, then fifteen of a 15-minute one that reads twice as high."""
    early, late = walk(15, seed=31, gaps=True), walk(15, seed=32, interval_min=15, gaps=True)
    times = np.concatenate((early[0], late[0] + 15 * DAY_MS))
    values = np.concatenate((early[1], np.minimum(2 * late[1], 401)))
    return Series.of(times, values, 0, np.where(times < MIDNIGHT + 15 * DAY_MS, 300_000, 900_000))


TRACE = two_sensors()


@pytest.fixture(scope="module")
def queries(es: Elasticsearch) -> Iterator[Queries]:
    prefix = f"figures-{uuid.uuid4().hex[:8]}-"
    names = Names(prefix=prefix, runs=f"{prefix}runs")
    provision(es, names)
    ensure_index(es, names, "ann")
    readings = [
        Reading(
            time=START + timedelta(milliseconds=int(utc) - MIDNIGHT),
            key=str(utc),
            offset_min=0,
            value=float(value),
            unit="mg/dL",
            interval_ms=int(interval),
        )
        for utc, value, interval in zip(TRACE.utc, TRACE.mg_dl, TRACE.interval_ms, strict=True)
    ]
    enricher = Enricher(Owner(user_id="ann", connection_id="c", provider="tests", zone="UTC"), "readings")
    ElasticsearchSink(es, names, "ann").write(enricher.documents(readings), (), END)
    es.indices.refresh(index=names.alias("ann"))
    yield Queries(es, names)
    es.indices.delete(index=f"{names.alias('ann')}-000001")


def on_a_page(queries: Queries, targets: Targets) -> SpanMetrics:
    answer = queries.aggregate("ann", {"aggs": {"metrics": metrics_agg(START, END, targets)}})
    return read_metrics(answer["aggregations"]["metrics"], START, END)


def test_mean_spread_and_limits(queries: Queries) -> None:
    metrics, found = metrics_of(TRACE), queries.overview("ann", START, END)
    assert found.n == metrics.n
    assert found.mean_mg_dl == pytest.approx(metrics.mean_mg_dl, rel=1e-9)
    assert found.sd_mg_dl == pytest.approx(metrics.sd_mg_dl, rel=1e-9)
    assert found.mean_mg_dl != pytest.approx(TRACE.mg_dl.mean(), abs=1), "the intervals weigh"
    assert (found.low_limit, found.high_limit) == (metrics.n_low_limit, metrics.n_high_limit)
    assert metrics.n_low_limit > 0
    assert metrics.n_high_limit > 0


def test_shares(queries: Queries) -> None:
    shares, found = time_in_ranges(TRACE), queries.overview("ann", START, END)
    assert shares is not None
    for name in BANDS:
        assert found.time_in_ranges[name] == pytest.approx(getattr(shares, name), abs=1e-9)
        assert found.time_in_ranges[name] > 0, "the trace reaches every band"
    assert found.tight_percent == pytest.approx(shares.tight, abs=1e-9)


def test_a_page_says_the_same_and_follows_a_persons_own_range(queries: Queries) -> None:
    metrics, found = metrics_of(TRACE, period_ms=31 * DAY_MS), on_a_page(queries, Targets())
    assert (found.mean_mg_dl, found.sd_mg_dl) == pytest.approx((metrics.mean_mg_dl, metrics.sd_mg_dl), rel=1e-9)
    assert (found.in_range, found.below, found.above) == pytest.approx(
        (metrics.tir_percent, metrics.below_70_percent, metrics.above_180_percent), abs=1e-9
    )
    assert found.active_percent == pytest.approx(metrics.active_percent, abs=1e-9)
    own, page = time_in_target(TRACE, OWN), on_a_page(queries, OWN)
    assert own is not None
    assert (page.in_range, page.below, page.above) == pytest.approx((own.in_range, own.below, own.above), abs=1e-9)


def test_readings_come_back_as_the_series_they_were(queries: Queries) -> None:
    found = queries.readings("ann", START, END)
    again = Series.of(found.utc, found.mg_dl, found.offset_min, found.interval_ms, superseded=found.superseded)
    assert (again.beyond == found.beyond).all()
    assert metrics_of(again) == metrics_of(TRACE)
