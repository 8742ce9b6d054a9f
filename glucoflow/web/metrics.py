"""The glycemic metrics of a page, from one aggregation: time in ranges, mean, GMI, CV, percent active.

Conventions are those of `glucoflow.es.overview`; superseded readings are not counted.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from glucoflow.analytics.data_sufficiency import sufficiency_of, why_no_estimate, why_no_variability
from glucoflow.analytics.variability import gmi
from glucoflow.es.overview import Overview, overview_aggs, overview_of
from glucoflow.es.queries import SUPERSEDED
from glucoflow.model.glycemia import Sufficiency
from glucoflow.model.goals import ShownShares, shown_shares
from glucoflow.model.localtime import DAY_MS
from glucoflow.model.person_id import fits
from glucoflow.model.targets import Targets
from glucoflow.service.excluding import ExcludingQueries
from glucoflow.store import Person
from glucoflow.web.newest import Delays, Newest, newest_agg, read_newest
from glucoflow.web.span import minute_after, rolling

_IS_READING = {"term": {"event.dataset": "cgm.reading"}}
READING = {"bool": {"filter": [_IS_READING], "must_not": [SUPERSEDED]}}


class SpanMetrics(Overview, frozen=True, kw_only=True):
    """What a span of readings comes to; None where nothing can be said."""

    days: float
    active_percent: float = 0.0
    targets: Targets = Targets()

    @property
    def in_range(self) -> float | None:
        return self.time_in_ranges.get("in_range")

    @property
    def below(self) -> float | None:
        return self.time_in_ranges["very_low"] + self.time_in_ranges["low"] if self.n else None

    @property
    def above(self) -> float | None:
        return self.time_in_ranges["high"] + self.time_in_ranges["very_high"] if self.n else None

    @property
    def shares(self) -> ShownShares | None:
        """The shares as shown, with the goals they are judged by; None without readings."""
        return shown_shares(self.time_in_ranges, self.targets) if self.n else None

    @property
    def state(self) -> Sufficiency:
        """Whether 70 % of 14 days are there, and of the span where it is longer (consensus 2019)."""
        return sufficiency_of(self.worn_ms, round(self.days * DAY_MS))

    @property
    def sufficient(self) -> bool:
        return self.state.sufficient

    @property
    def cv_percent(self) -> float | None:
        """None where no day's worth of readings is there (`cv_missing`)."""
        if self.cv_missing is not None or self.sd_mg_dl is None or not self.mean_mg_dl:
            return None
        return 100 * self.sd_mg_dl / self.mean_mg_dl

    @property
    def cv_missing(self) -> str | None:
        """Why there is no CV, in words; None if there is one."""
        return why_no_variability(self.worn_ms)

    @property
    def gmi_percent(self) -> float | None:
        """Glucose management indicator (jaeb.org/gmi); None unless the data bear it (`insufficient_because`)."""
        return gmi(self.mean_mg_dl) if self.mean_mg_dl is not None and not self.insufficient_because else None

    @property
    def insufficient_because(self) -> str | None:
        """Why there is no GMI, in words; None if there is one."""
        return why_no_estimate(self.worn_ms, self.state, self.targets)


def metrics_agg(start: datetime, end: datetime, targets: Targets) -> dict[str, Any]:
    """The figures of readings in [start, end) against these targets, as one aggregation beside others."""
    return {"filter": readings_in(start, end), "aggs": overview_aggs(targets)}


def readings_in(start: datetime, end: datetime) -> dict[str, Any]:
    """A filter for the readings that count in figures, from `start` until before `end`."""
    return {"bool": {"filter": [_IS_READING, _in(start, end)], "must_not": [SUPERSEDED]}}


def _in(start: datetime, end: datetime | None = None) -> dict[str, Any]:
    until = {"lt": end.isoformat()} if end is not None else {}
    return {"range": {"@timestamp": {"gte": start.isoformat(), **until}}}


def read_metrics(
    answer: Mapping[str, Any], start: datetime, end: datetime, targets: Targets = Targets()
) -> SpanMetrics:
    """Metrics from the answer to `metrics_agg` (empty where there is no index yet), against the same targets."""
    found = overview_of(answer)
    length = end - start
    active = min(100.0, 100 * found.worn_ms / (length / timedelta(milliseconds=1))) if found.n else 0.0
    days = length / timedelta(days=1)
    return SpanMetrics(**msgspec.structs.asdict(found), days=days, active_percent=active, targets=targets)


class Lately(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a card shows: the newest reading, the line of the last hours, the figures of the last 14 days."""

    newest: Newest | None
    trace: tuple[tuple[float, float | None], ...]
    """(position 0–1 in the last hours, mg/dL or None for a gap)"""
    metrics: SpanMetrics


TRACE_HOURS = 6


LATELY = "14d"


def look(
    queries: ExcludingQueries,
    person: Person,
    now: datetime,
    delays: Delays,
    more: Mapping[str, Any] | None = None,
    within: tuple[datetime, datetime] | None = None,
) -> tuple[Lately, Mapping[str, Any]]:
    """`Lately`, and the answers to `more` aggregations, which are of documents `within` [start, end).

    One search over these days alone, however many years there are; a second one where no reading is so new. The
    present is the next full minute. `delays`: of the person's providers.
    """
    now = minute_after(now)
    body = _body(now, person, more or {}, within)
    known = fits(person.id)  # a row that is older than the rule of ids has no index
    aggs = queries.aggregate(person.id, body).get("aggregations", {}) if known else {}
    newest = aggs.get(_NEWEST, {})
    if aggs and not newest["doc_count"]:
        newest = queries.aggregate(person.id, {"aggs": _newest()}).get("aggregations", {}).get(_NEWEST, {})
    start = rolling(LATELY, person.zone, now).start
    lately = Lately(
        newest=read_newest(newest.get("newest", {}), delays),
        trace=_points(aggs.get("trace", {}), now),
        metrics=read_metrics(aggs.get("metrics", {}), start, now, person.targets),
    )
    return lately, aggs


_NEWEST = "readings"


def _newest() -> dict[str, Any]:
    return {_NEWEST: {"filter": READING, "aggs": {"newest": newest_agg()}}}


def _body(
    now: datetime, person: Person, more: Mapping[str, Any], within: tuple[datetime, datetime] | None
) -> dict[str, Any]:
    """14 local days of figures, hours of trace, the newest reading; a reading of the future is the newest, too."""
    start, days = now - timedelta(hours=TRACE_HOURS), rolling(LATELY, person.zone, now).start
    by_time = {
        "field": "@timestamp",
        "fixed_interval": "5m",
        "min_doc_count": 0,
        "extended_bounds": {"min": _ms(start), "max": _ms(now)},
    }
    trace = {"date_histogram": by_time, "aggs": {"g": {"avg": {"field": "glucose.mg_dl"}}}}
    return {
        "query": {"bool": {"should": [_in(days), *([_in(*within)] if within else [])], "minimum_should_match": 1}},
        "aggs": {
            **_newest(),
            "trace": {"filter": readings_in(start, now), "aggs": {"t": trace}},
            "metrics": metrics_agg(days, now, person.targets),
            **more,
        },
    }


def _points(answer: Mapping[str, Any], now: datetime) -> tuple[tuple[float, float | None], ...]:
    start, width = _ms(now - timedelta(hours=TRACE_HOURS)), TRACE_HOURS * 3_600_000
    buckets = answer.get("t", {}).get("buckets", ())
    return tuple(((one["key"] + 150_000 - start) / width, one["g"]["value"]) for one in buckets)


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
