"""The glycemic metrics of a span of readings by aggregations alone: nothing is downloaded.

Conventions are those of `glucoflow.analytics`: each reading counts for its own sensor interval, SD has n−1, values are
rounded half-even to whole mg/dL before they are judged.
"""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from glucoflow.es.answers import USUAL_INTERVAL_MS, moment
from glucoflow.model.ranges import BANDS, Band
from glucoflow.model.target_bands import band_ranges
from glucoflow.model.targets import Targets


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of the readings in a span. Shares are percent of worn time (0–100); `time_in_ranges` has all five bands.

    A reading counts for its own interval, in the mean and SD (n−1) too, as in `glucoflow.analytics`. `low_limit` and
    `high_limit` count LOW and HIGH readings. Without readings the figures are None and shares are 0.
    """

    n: int
    mean_mg_dl: float | None = None
    sd_mg_dl: float | None = None
    time_in_ranges: Mapping[Band, float] = {}
    tight_percent: float = 0.0
    low_limit: int = 0
    high_limit: int = 0
    worn_ms: int = 0
    first: datetime | None = None
    last: datetime | None = None


def overview_aggs(targets: Targets = Targets()) -> dict[str, Any]:
    """Aggregations for `overview_of`. By interval, since a 15-minute reading stands for three 5-minute ones."""
    return {
        "intervals": {
            "terms": {"field": "sample.interval_ms", "size": 20, "missing": USUAL_INTERVAL_MS},
            "aggs": {
                "values": {"extended_stats": {"field": "glucose.mg_dl"}},
                "bands": band_ranges(targets),
                "tight": {"filter": {"term": {"glucose.tight": True}}},
            },
        },
        "limits": {"terms": {"field": "glucose.limit"}},
        "first": {"min": {"field": "@timestamp"}},
        "last": {"max": {"field": "@timestamp"}},
    }


def overview_of(aggregations: Mapping[str, Any]) -> Overview:
    """An Overview from the answer to `overview_aggs`; empty where there is no index yet."""
    groups = [group for group in aggregations.get("intervals", {}).get("buckets", ()) if group["values"]["count"]]
    if not groups:
        return Overview(n=0)
    n = sum(group["values"]["count"] for group in groups)
    worn = sum(group["key"] * group["values"]["count"] for group in groups)
    mean = sum(group["key"] * group["values"]["sum"] for group in groups) / worn
    limits = {bucket["key"]: bucket["doc_count"] for bucket in aggregations["limits"]["buckets"]}
    share = dict.fromkeys(BANDS, 0.0)
    for group in groups:
        for band in BANDS:
            share[band] += 100 * group["key"] * group["bands"]["buckets"][band]["doc_count"] / worn
    return Overview(
        n=n,
        mean_mg_dl=mean,
        sd_mg_dl=_sd(groups, n, worn, mean),
        time_in_ranges=share,
        tight_percent=100 * sum(group["key"] * group["tight"]["doc_count"] for group in groups) / worn,
        low_limit=limits.get("low", 0),
        high_limit=limits.get("high", 0),
        worn_ms=worn,
        first=moment(aggregations["first"]),
        last=moment(aggregations["last"]),
    )


def _sd(groups: Sequence[Mapping[str, Any]], n: int, worn: float, mean: float) -> float | None:
    """SD with n−1, each reading weighted by its interval relative to the mean one, as in `analytics.variability`.

    A group's squares about the common mean are its own variance's plus those of its mean's distance.
    """
    if n < 2:
        return None
    total = 0.0
    for group in groups:
        values = group["values"]
        squares = values["count"] * (values["variance_population"] + (values["avg"] - mean) ** 2)
        total += group["key"] * n / worn * squares
    return math.sqrt(max(0.0, total) / (n - 1))
