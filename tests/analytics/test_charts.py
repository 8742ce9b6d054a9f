"""What Elasticsearch answers to the charts that pages and Kibana show, and what is computed here of the same readings.

Tolerances: counts, shares, means and SD to the rounding of doubles (the field is a `float`, exact for whole mg/dL);
percentiles, which Elasticsearch estimates by t-digest, to 1 mg/dL.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from elasticsearch import Elasticsearch

from glucoflow.analytics import Series, metrics_of
from glucoflow.enrich import Enricher
from glucoflow.es.names import Names
from glucoflow.es.provision import delete_user, ensure_index
from glucoflow.es.queries import Queries
from glucoflow.es.sink import ElasticsearchSink
from glucoflow.model import records as r
from glucoflow.model.targets import PROFILES
from glucoflow.web.app import chart_folder
from glucoflow.web.charts import View, filled, load_charts
from tests.analytics.traces import walk
from tests.es.made import NOW, owner

OFFSET_MIN = 330
TRACE = Series.of(*walk(30, seed=31, gaps=True), offset_min=OFFSET_MIN)
START = datetime.fromtimestamp(TRACE.utc[0] / 1000, UTC)
END = datetime.fromtimestamp(TRACE.utc[-1] / 1000, UTC) + timedelta(minutes=5)
CHARTS = load_charts(chart_folder())


@pytest.fixture(scope="module")
def queries(es: Elasticsearch) -> Iterator[Queries]:
    """The trace as Ann's readings, by the way that a provider's go."""
    prefix = f"metrics{uuid.uuid4().hex[:8]}-"
    names = Names(prefix=prefix, runs=f"{prefix}runs")
    ensure_index(es, names, "ann")
    records = [
        r.Reading(
            time=datetime.fromtimestamp(at / 1000, UTC), key=str(at), offset_min=OFFSET_MIN, value=value, unit="mg/dL"
        )
        for at, value in zip(TRACE.utc.tolist(), TRACE.mg_dl.tolist(), strict=True)
    ]
    ElasticsearchSink(es, names, "ann").write(Enricher(owner(), "readings").documents(records), (), NOW)
    es.indices.refresh(index=names.alias("ann"))
    yield Queries(es, names)
    delete_user(es, names, "ann")


def drawn(queries: Queries, chart: str) -> Any:
    """The one row of data that a chart gets on a page."""
    view = View(start=START, end=END, unit="mg/dL", targets=PROFILES["adult"])
    spec = filled(CHARTS[chart], view, lambda body: queries.aggregate("ann", body))
    (row,) = spec["data"]["values"]
    return row


def local_hours() -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.asarray(TRACE.minute_of_day, dtype=np.int64) // 60


def local_dates() -> list[str]:
    moments = (datetime.fromtimestamp(at / 1000 + 60 * OFFSET_MIN, UTC) for at in TRACE.utc.tolist())
    return [f"{moment:%Y-%m-%d}" for moment in moments]


def test_the_key_figures_chart(queries: Queries) -> None:
    metrics, row = metrics_of(TRACE), drawn(queries, "key_figures")["who"]["buckets"]["first"]
    assert row["n"]["value"] == metrics.n
    assert row["st"]["avg"] == pytest.approx(metrics.mean_mg_dl, rel=1e-9)
    assert row["st"]["std_deviation_sampling"] == pytest.approx(metrics.sd_mg_dl, rel=1e-9)
    assert (row["st"]["min"], row["st"]["max"]) == (metrics.min_mg_dl, metrics.max_mg_dl)


def test_hourly_boxes(queries: Queries) -> None:
    buckets = {int(bucket["key"]): bucket for bucket in drawn(queries, "hourly_boxes")["h"]["buckets"]}
    assert sorted(buckets) == list(range(24))
    for hour, bucket in buckets.items():
        values = TRACE.mg_dl[local_hours() == hour]
        assert bucket["doc_count"] == len(values)
        for one in bucket["p"]["values"]:
            assert one["value"] == pytest.approx(np.percentile(values, one["key"]), abs=1)


def test_heatmaps_of_the_mean_and_of_lows(queries: Queries) -> None:
    weekdays = np.array([datetime.fromisoformat(date).isoweekday() for date in local_dates()])
    for chart in ("heatmap_mean", "heatmap_low"):
        cells = {
            (day["key"], hour["key"]): hour
            for day in drawn(queries, chart)["w"]["buckets"]
            for hour in day["h"]["buckets"]
        }
        assert len(cells) == 7 * 24
        for (day, hour), cell in cells.items():
            values = TRACE.mg_dl[(weekdays == day) & (local_hours() == hour)]
            assert cell["doc_count"] == len(values)
            if chart == "heatmap_mean":
                assert cell["g"]["value"] == pytest.approx(values.mean(), rel=1e-9)
            else:
                assert cell["out"]["doc_count"] == int((values < 70).sum())


def test_time_in_ranges_day_by_day(queries: Queries) -> None:
    by_date = defaultdict(list)
    for date, value in zip(local_dates(), TRACE.mg_dl.tolist(), strict=True):
        by_date[date].append(value)
    buckets = {bucket["key"]: bucket for bucket in drawn(queries, "tir_14d")["d"]["buckets"]}
    assert set(buckets) == set(by_date)
    for date, values in by_date.items():
        counted = {name: band["doc_count"] for name, band in buckets[date]["band"]["buckets"].items()}
        assert counted["very_low"] == sum(value < 54 for value in values)
        assert counted["in_range"] == sum(70 <= value <= 180 for value in values)
        assert counted["very_high"] == sum(value > 250 for value in values)
        assert sum(counted.values()) == len(values)
