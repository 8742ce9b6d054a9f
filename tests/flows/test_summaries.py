"""Summaries in the index, against the simulator's own records counted by hand, and against Elasticsearch itself."""

import statistics
from datetime import UTC, date, datetime, timedelta

import pytest

from glucoflow.analytics import Series
from glucoflow.analytics.episodes import find_episodes
from glucoflow.analytics.series import epoch_ms
from glucoflow.es.answers import Latest
from glucoflow.service.insights import find_insights
from glucoflow.service.person_series import newest_full_day
from glucoflow.service.providers import one_piece_words
from tests.flows.conftest import NOW, House
from tests.flows.counting import SMALL, assert_figures, by_date, days, documents, instant, periods, truth


def test_every_day_and_period_is_what_the_records_come_to(synced: House) -> None:
    expected, stored = by_date(truth(synced)), days(synced)
    assert set(stored) == set(expected)
    assert len(stored) >= 30
    for name, values in expected.items():
        assert_figures(stored[name]["summary"], values)
        assert stored[name]["summary"]["weekday"] == date.fromisoformat(name).isoweekday()
        assert stored[name]["time"]["date"] == name
    last = date(2026, 6, 19)  # the 20th is still going on
    found = periods(synced)
    for window, length in (("7d", 7), ("14d", 14), ("30d", 30), ("90d", 90)):
        named = [(last - timedelta(days=i)).isoformat() for i in range(length)]
        summary = found[window]
        assert_figures(summary, [value for name in named for value in expected.get(name, ())])
        assert (summary["days"], summary["date"]) == (length, "2026-06-19")
        assert summary["end"] == "2026-06-19T22:00:00Z"
    earlier = [v for i in range(14, 28) for v in expected[(last - timedelta(days=i)).isoformat()]]
    fortnight = found["14d"]
    assert fortnight["sufficiency"]["sufficient"]
    assert fortnight["change"]["mean_mg_dl"] == pytest.approx(
        fortnight["mean_mg_dl"] - statistics.fmean(earlier), abs=2 * SMALL
    )
    assert not found["90d"]["sufficiency"]["sufficient"]


def test_episodes_are_those_of_the_records_with_what_was_around_them(synced: House) -> None:
    records = synced.sim.truth("alma", "egvs", synced.sim.scenario.person("alma").since, NOW + timedelta(days=1))
    read = [r for r in records if r["value"] is not None]
    times = [epoch_ms(instant(r)) for r in read]
    expected = find_episodes(Series.of(times, [float(r["value"]) for r in read], 120, 300_000))
    stored = documents(synced, "episode")
    assert len(expected) > 20
    found = {(one["episode"]["kind"], one["episode"]["start"], one["episode"]["minutes"]) for one in stored}
    assert found == {(one.kind, f"{one.start:%Y-%m-%dT%H:%M:%SZ}", one.minutes) for one in expected}
    around = [near for one in stored for near in one["episode"].get("around", ())]
    assert {near["kind"] for near in around} >= {"meal", "bolus"}
    assert all(abs(near["minutes"]) <= 120 for near in around)
    meal = next(near for near in around if near["kind"] == "meal")
    assert meal["amount"] in {document["food"]["carbs_g"] for document in documents(synced, "food")}
    per_day = sum(one["summary"]["episodes"]["high_l2"] for one in days(synced).values())
    assert per_day >= sum(kind == "high_l2" for kind, *_ in found)  # one over midnight counts on both days


def test_what_stands_out_stands_beside_them(synced: House) -> None:
    """In the order of the page, where the 14 days' summary stands, so that a panel of 14 days shows it."""
    said = find_insights(synced.rt.store, synced.rt.queries, "alma", 14, "mg/dL", NOW).insights
    stored = sorted(documents(synced, "insight"), key=lambda one: one["insight"]["rank"])
    assert [one["insight"]["text"] for one in stored] == [one.text for one in said]
    assert len(stored) > 1
    period = next(one for one in documents(synced, "summary.period") if one["summary"]["window"] == "14d")
    for one, insight in zip(stored, said, strict=True):
        assert (one["@timestamp"], one["time"]) == (period["@timestamp"], period["time"])
        assert (one["insight"]["start"], one["insight"]["end"]) == ("2026-06-05T22:00:00Z", "2026-06-19T22:00:00Z")
        assert one["insight"].get("dates", []) == [day.isoformat() for day in insight.dates]
        assert one["insight"].get("suggestion") == insight.suggestion


def test_elasticsearch_comes_to_the_same_figures(synced: House) -> None:
    """Means and shares to the decimals that are kept; quartiles, which it estimates by t-digest, to 2 mg/dL."""
    aggs = {
        "mean": {"avg": {"field": "glucose.mg_dl"}},
        "bands": {"terms": {"field": "glucose.range"}},
        "quartiles": {"percentiles": {"field": "glucose.mg_dl", "percents": [25, 50, 75]}},
    }
    body = {
        "query": {"term": {"event.dataset": "cgm.reading"}},
        "aggs": {"days": {"terms": {"field": "time.date", "size": 100}, "aggs": aggs}},
    }
    synced.rt.client.indices.refresh(index=synced.rt.names.alias("alma"))
    buckets = synced.rt.queries.aggregate("alma", body)["aggregations"]["days"]["buckets"]
    stored = days(synced)
    assert len(buckets) == len(stored)
    for bucket in buckets:
        summary, n = stored[bucket["key"]]["summary"], bucket["doc_count"]
        bands = {one["key"]: 100 * one["doc_count"] / n for one in bucket["bands"]["buckets"]}
        assert summary["n"] == n
        assert summary["mean_mg_dl"] == pytest.approx(bucket["mean"]["value"], abs=SMALL)
        assert summary["tir_percent"] == pytest.approx(bands.get("in_range", 0), abs=SMALL)
        assert summary["high_percent"] == pytest.approx(bands.get("high", 0), abs=SMALL)
        for field, key in (("p25_mg_dl", "25.0"), ("median_mg_dl", "50.0"), ("p75_mg_dl", "75.0")):
            assert summary[field] == pytest.approx(bucket["quartiles"]["values"][key], abs=2)


def test_new_sensors_are_known_by_their_transmitters(synced: House) -> None:
    synced.rt.client.indices.refresh(index=synced.rt.names.alias("alma"))
    seen: dict[str, datetime] = {}
    for record in synced.sim.truth("alma", "egvs", synced.sim.scenario.person("alma").since, NOW):
        seen.setdefault(record["transmitterId"], instant(record))
    starts = synced.rt.queries.sensor_starts("alma", NOW - timedelta(days=60), NOW, one_piece_words())
    assert starts == sorted(seen.values())[1:]
    assert len(starts) >= 2
    assert synced.rt.queries.sensor_starts("alma", starts[0], starts[1], one_piece_words()) == starts[:1]


@pytest.mark.parametrize(
    ("newest", "expected"),
    [
        ("2026-06-20T11:55", "2026-06-19"),
        ("2026-06-18T21:00", "2026-06-18"),
        ("2031-01-01T00:00", "2026-06-19"),
        ("2026-06-19T22:30", "2026-06-19"),
    ],
)
def test_periods_end_with_the_newest_full_day(newest: str, expected: str) -> None:
    """By the wearer's clock, two hours ahead; a device clock of 2031 moves nothing."""
    time = datetime.fromisoformat(newest).replace(tzinfo=UTC)
    latest = Latest(time=time, mg_dl=120, mmol_l=6.7, range="in_range", utc_offset_min=120)
    assert newest_full_day(latest, NOW) == date.fromisoformat(expected)
