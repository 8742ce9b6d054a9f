"""Summaries in the index, against the simulator's own records counted by hand, and against Elasticsearch itself."""

import sqlite3
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec import structs

from flows.backfill_work import backfill_with_summaries
from flows.summaries_work import newest_full_day, summarize_changes, summarize_last, summarize_span
from flows.summarize import summarize_people
from flows.upkeep_work import delete_person
from glucoflow.cli.marking import Marking, summarizing
from glucoflow.connector import Window
from glucoflow.documents import Document, SampleFields
from glucoflow.enrich import Enricher, Owner
from glucoflow.episodes import find_episodes
from glucoflow.errors import Rejected
from glucoflow.es.answers import Latest
from glucoflow.es.provision import delete_user
from glucoflow.es.scan import scan
from glucoflow.metrics import Series
from glucoflow.metrics.series import epoch_ms
from glucoflow.records import Reading
from glucoflow.simulator import ReviseReadings, running_simulator
from tests.flows.conftest import NOW, House, OpenHouse, small_world

SMALL = 5e-6
"""Figures are stored with six decimals."""

TWO, FIVE = datetime.fromisoformat("2026-06-15T02:00"), datetime.fromisoformat("2026-06-15T05:00")
"""By the wall clock."""

EVE = datetime(2026, 6, 19, 6, tzinfo=UTC)

Truth = list[tuple[datetime, int]]
"""Local wall-clock time and mg/dL."""


def documents(house: House, dataset: str, user_id: str = "alma") -> list[dict[str, Any]]:
    """As stored, oldest first, with `_id`."""
    alias = house.rt.names.alias(user_id)
    house.rt.client.indices.refresh(index=alias)
    hits = scan(house.rt.client, alias, {"term": {"event.dataset": dataset}})
    return [orjson.loads(bytes(hit.source)) | {"_id": hit.id} for hit in hits]


def days(house: House, user_id: str = "alma") -> dict[str, dict[str, Any]]:
    return {one["summary"]["date"]: one for one in documents(house, "summary.day", user_id)}


def periods(house: House) -> dict[str, dict[str, Any]]:
    return {one["summary"]["window"]: one["summary"] for one in documents(house, "summary.period")}


def truth(house: House, user_id: str = "alma") -> Truth:
    """Every reading by the wall clock of the person's phone."""
    since = house.sim.world.person(user_id).since
    records = house.sim.truth(user_id, "egvs", since, house.clock() + timedelta(days=1))
    return [
        (datetime.fromisoformat(record["displayTime"]).replace(tzinfo=None), record["value"])
        for record in records
        if record["value"] is not None
    ]


def instant(record: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(record["systemTime"].replace("Z", "+00:00"))


def by_date(readings: Truth) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for moment, value in readings:
        found[moment.date().isoformat()].append(value)
    return found


def share(values: Iterable[int], low: int, high: int) -> float:
    every = list(values)
    return 100 * sum(low <= value <= high for value in every) / len(every)


def assert_figures(summary: dict[str, Any], values: list[int]) -> None:
    assert summary["n"] == len(values)
    assert summary["mean_mg_dl"] == pytest.approx(statistics.fmean(values), abs=SMALL)
    assert summary["sd_mg_dl"] == pytest.approx(statistics.stdev(values), abs=SMALL)
    assert summary["gmi_percent"] == pytest.approx(3.31 + 0.02392 * statistics.fmean(values), abs=SMALL)
    assert summary["tir_percent"] == pytest.approx(share(values, 70, 180), abs=SMALL)
    assert summary["titr_percent"] == pytest.approx(share(values, 70, 140), abs=SMALL)
    assert summary["below_70_percent"] == pytest.approx(share(values, 0, 69), abs=SMALL)
    assert summary["above_250_percent"] == pytest.approx(share(values, 251, 999), abs=SMALL)
    assert (summary["min_mg_dl"], summary["max_mg_dl"]) == (min(values), max(values))


def test_every_day_and_period_is_what_the_records_come_to(open_house: OpenHouse) -> None:
    with open_house(small_world(days=30)) as house:
        house.sync()
        expected, stored = by_date(truth(house)), days(house)
        assert set(stored) == set(expected)
        assert len(stored) >= 30
        for name, values in expected.items():
            assert_figures(stored[name]["summary"], values)
            assert stored[name]["summary"]["weekday"] == date.fromisoformat(name).isoweekday()
            assert stored[name]["time"]["date"] == name
        last = date(2026, 6, 19)  # the 20th is still going on
        found = periods(house)
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


def test_episodes_are_those_of_the_records_with_what_was_around_them(house: House) -> None:
    house.sync()
    records = house.sim.truth("alma", "egvs", house.sim.world.person("alma").since, NOW + timedelta(days=1))
    read = [r for r in records if r["value"] is not None]
    times = [epoch_ms(instant(r)) for r in read]
    expected = find_episodes(Series.of(times, [float(r["value"]) for r in read], 120, 300_000))
    stored = documents(house, "episode")
    assert len(expected) > 20
    found = {(one["episode"]["kind"], one["episode"]["start"], one["episode"]["minutes"]) for one in stored}
    assert found == {(one.kind, f"{one.start:%Y-%m-%dT%H:%M:%SZ}", one.minutes) for one in expected}
    around = [near for one in stored for near in one["episode"].get("around", ())]
    assert {near["kind"] for near in around} >= {"meal", "bolus"}
    assert all(abs(near["minutes"]) <= 120 for near in around)
    meal = next(near for near in around if near["kind"] == "meal")
    assert meal["amount"] in {document["food"]["carbs_g"] for document in documents(house, "food")}
    per_day = sum(one["summary"]["episodes"]["high_l2"] for one in days(house).values())
    assert per_day >= sum(kind == "high_l2" for kind, *_ in found)  # one over midnight counts on both days


def test_computing_them_again_rewrites_nothing(house: House) -> None:
    house.sync()
    before = house.versions("alma")
    assert summarize_last(house.rt, "alma", days=40).written == 0
    again = summarize_changes(house.rt, "alma", None)
    assert (again.days, again.written, again.deleted) == (13, 0, 0)
    house.clock.advance(timedelta(minutes=2))
    assert summarize_last(house.rt, "alma").written == 0
    assert house.versions("alma") == before


@pytest.fixture
def a_high() -> ReviseReadings:
    """A change that reaches the cloud in two hours: a high of five days ago becomes 90 mg/dL lower and none at all."""
    world = small_world()
    with running_simulator(world, clock=lambda: NOW) as sim:
        records = sim.truth("alma", "egvs", NOW - timedelta(days=6), NOW - timedelta(days=5))
        moments = [instant(r) for r in records if r["value"]]
        series = Series.of(list(map(epoch_ms, moments)), [float(r["value"]) for r in records if r["value"]], 120)
    high = next(one for one in find_episodes(series) if one.kind == "high_l1" and one.minutes < 180)
    start, end = high.start - timedelta(minutes=10), high.end + timedelta(minutes=10)
    return ReviseReadings(NOW + timedelta(hours=1), start, end, by=-90)


def test_late_data_change_their_own_day_and_the_periods_and_nothing_else(
    open_house: OpenHouse, a_high: ReviseReadings
) -> None:
    with open_house(small_world(changes=(a_high,))) as house:
        house.sync()
        before, highs = days(house), documents(house, "episode")
        house.clock.advance(timedelta(hours=25))
        (outcome,) = house.sync("alma")
        assert outcome.counts.updated > 3
        after = days(house)
        changed = {name for name in before if after[name]["event"]["hash"] != before[name]["event"]["hash"]}
        revised = {(moment + timedelta(hours=2)).date().isoformat() for moment in (a_high.start, a_high.end)}
        assert revised <= changed <= {*revised, "2026-06-20"}  # the last day went on meanwhile
        assert set(after) - set(before) == {"2026-06-21"}
        for name in revised:
            assert_figures(after[name]["summary"], by_date(truth(house))[name])
        gone = {one["_id"] for one in highs} - {one["_id"] for one in documents(house, "episode")}
        inside = {one["_id"] for one in highs if a_high.start <= moment_of(one) < a_high.end}
        assert inside & gone
        assert gone <= inside | {one["_id"] for one in highs if one["time"]["date"] == "2026-06-20"}


def moment_of(document: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(document["@timestamp"].replace("Z", "+00:00"))


def test_an_exclusion_leaves_out_its_readings_and_undoing_it_brings_them_back(house: House) -> None:
    house.sync()
    marking = Marking(house.rt.store, house.rt.queries, summarizing(house.rt))
    before, fortnight = days(house), periods(house)["14d"]
    made = marking.exclude("alma", TWO, FIVE, "compression low", NOW)
    left = [(m, v) for m, v in truth(house) if not TWO <= m < FIVE]
    hidden = len(truth(house)) - len(left)
    assert made.n == hidden > 20
    after = days(house)
    assert {name for name in before if after[name]["event"]["hash"] != before[name]["event"]["hash"]} == {"2026-06-15"}
    assert_figures(after["2026-06-15"]["summary"], by_date(left)["2026-06-15"])
    assert after["2026-06-15"]["summary"]["left_out"]["excluded"] == hidden
    assert periods(house)["14d"]["left_out"]["excluded"] == hidden
    assert periods(house)["14d"]["n"] == fortnight["n"] - hidden
    assert len(house.values("alma")) == len(truth(house))  # the readings stay
    marking.undo("alma", made.id, NOW)
    assert {name: one["event"]["hash"] for name, one in days(house).items()} == {
        name: one["event"]["hash"] for name, one in before.items()
    }
    assert periods(house)["14d"] == fortnight


def test_targets_are_followed_by_every_day(house: House) -> None:
    house.sync()
    Marking(house.rt.store, house.rt.queries, summarizing(house.rt)).set_targets("alma", "pregnancy")
    stored = days(house)
    for name, values in by_date(truth(house)).items():
        summary = stored[name]["summary"]
        assert summary["target_in_percent"] == pytest.approx(share(values, 63, 140), abs=SMALL)
        assert summary["target_below_percent"] == pytest.approx(share(values, 0, 62), abs=SMALL)
        assert summary["tir_percent"] == pytest.approx(share(values, 70, 180), abs=SMALL)


def test_elasticsearch_comes_to_the_same_figures(house: House) -> None:
    """Means and shares to the decimals that are kept; quartiles, which it estimates by t-digest, to 2 mg/dL."""
    house.sync()
    aggs = {
        "mean": {"avg": {"field": "glucose.mg_dl"}},
        "bands": {"terms": {"field": "glucose.range"}},
        "quartiles": {"percentiles": {"field": "glucose.mg_dl", "percents": [25, 50, 75]}},
    }
    body = {
        "query": {"term": {"event.dataset": "cgm.reading"}},
        "aggs": {"days": {"terms": {"field": "time.date", "size": 100}, "aggs": aggs}},
    }
    house.rt.client.indices.refresh(index=house.rt.names.alias("alma"))
    buckets = house.rt.queries.aggregate("alma", body)["aggregations"]["days"]["buckets"]
    stored = days(house)
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


def test_a_backfill_is_followed_by_the_summaries_of_its_days(house: House) -> None:
    window = Window(NOW - timedelta(days=9), NOW - timedelta(days=6))
    (outcome,) = backfill_with_summaries(house.rt, "alma", window, None, (), lambda _share: None)
    assert outcome.status == "ok"
    expected = {name for name in by_date(truth(house)) if "2026-06-11" <= name <= "2026-06-14"}
    assert set(days(house)) == expected
    assert documents(house, "episode")
    assert set(periods(house)) == {"7d", "14d", "30d", "90d"}


def test_a_failure_of_the_summaries_is_not_the_syncs(house: House, tmp_path: Path) -> None:
    database = next(path for path in tmp_path.rglob("*") if path.suffix in {".db", ".sqlite", ".sqlite3"})
    with sqlite3.connect(database) as broken:
        broken.execute("ALTER TABLE exclusions RENAME TO elsewhere")
    (outcome,) = house.sync()
    assert outcome.status == "ok"
    assert house.values("alma") == house.truth("alma")
    assert days(house) == {}
    done, failed = summarize_people(house.rt, None, 10)
    assert (done, list(failed)) == ([], ["alma"])
    with sqlite3.connect(database) as mended:
        mended.execute("ALTER TABLE elsewhere RENAME TO exclusions")
    done, failed = summarize_people(house.rt, None, 35)
    assert ([one.user_id for one in done], failed) == (["alma"], {})
    assert len(days(house)) == 13


@pytest.mark.parametrize(
    ("newest", "expected"),
    [("2026-06-20T11:55", "2026-06-19"), ("2026-06-18T21:00", "2026-06-18"), ("2031-01-01T00:00", "2026-06-19"),
     ("2026-06-19T22:30", "2026-06-19")],
)  # fmt: skip
def test_periods_end_with_the_newest_full_day(newest: str, expected: str) -> None:
    """By the wearer's clock, two hours ahead; a device clock of 2031 moves nothing."""
    time = datetime.fromisoformat(newest).replace(tzinfo=UTC)
    latest = Latest(time=time, mg_dl=120, mmol_l=6.7, range="in_range", utc_offset_min=120)
    assert newest_full_day(latest, NOW) == date.fromisoformat(expected)


def test_a_deleted_person_gets_no_index_again(house: House) -> None:
    house.sync()
    delete_person(house.rt, "alma")
    with pytest.raises(Rejected):
        summarize_last(house.rt, "alma")
    assert not house.rt.client.indices.exists(index=house.rt.names.alias("alma"))


def put(house: House, user_id: str, zone: str, stretches: list[tuple[datetime, int, int]]) -> None:
    """A person with a reading of 120 mg/dL every 5 minutes over stretches of (start, hours or 0 for one, offset)."""
    house.rt.store.people.add(user_id, user_id, NOW, zone=zone)
    owner = Owner(user_id=user_id, connection_id="c", provider="dexcom", zone=zone)
    house.rt.sink(user_id).write(made(owner, stretches), (), NOW)


def made(owner: Owner, stretches: list[tuple[datetime, int, int]]) -> Iterator[Document]:
    readings = [
        Reading(time=moment, key=moment.isoformat(), offset_min=offset, value=120, unit="mg/dL", interval_ms=300_000)
        for start, hours, offset in stretches
        for moment in (start + timedelta(minutes=5 * i) for i in range(max(1, hours * 12)))
    ]
    return Enricher(owner, "readings").documents(readings)


def test_superseded_readings_count_in_nothing_but_their_own_count(odd: House) -> None:
    odd.rt.store.people.add("two", "Two", NOW)
    documents_of = list(made(Owner(user_id="two", connection_id="c", provider="dexcom", zone="UTC"), [(EVE, 4, 0)]))
    hidden = SampleFields(interval_ms=300_000, superseded=True)
    mixed = [
        Document(one.id, structs.replace(one.source, sample=hidden)) if i % 3 == 0 else one
        for i, one in enumerate(documents_of)
    ]
    odd.rt.sink("two").write(mixed, (), NOW)
    summarize_changes(odd.rt, "two", None)
    (only,) = days(odd, "two").values()
    assert (only["summary"]["n"], only["summary"]["left_out"]["superseded"]) == (32, 16)


def test_new_sensors_are_known_by_their_transmitters(open_house: OpenHouse) -> None:
    with open_house(small_world(days=30)) as house:
        house.sync()
        house.rt.client.indices.refresh(index=house.rt.names.alias("alma"))
        seen: dict[str, datetime] = {}
        for record in house.sim.truth("alma", "egvs", house.sim.world.person("alma").since, NOW):
            seen.setdefault(record["transmitterId"], instant(record))
        starts = house.rt.queries.sensor_starts("alma", NOW - timedelta(days=60), NOW)
        assert starts == sorted(seen.values())[1:]
        assert len(starts) >= 2
        assert house.rt.queries.sensor_starts("alma", starts[0], starts[1]) == starts[:1]


@pytest.fixture
def odd(house: House) -> Iterator[House]:
    """A house whose other people are removed afterwards."""
    yield house
    for person in house.rt.store.people.list():
        delete_user(house.rt.client, house.rt.names, person.id)


def test_nothing_and_one_reading(odd: House) -> None:
    odd.rt.store.people.add("nil", "Nil", NOW)
    assert summarize_last(odd.rt, "nil").written == 0
    put(odd, "uno", "UTC", [(NOW - timedelta(days=1), 0, 0)])
    summarize_changes(odd.rt, "uno", None)
    (only,) = days(odd, "uno").values()
    assert (only["summary"]["n"], only["summary"]["mean_mg_dl"]) == (1, 120)
    assert "sd_mg_dl" not in only["summary"]
    assert only["summary"]["missing"]["sd_mg_dl"] == "needs two readings"
    assert only["summary"]["sufficiency"]["reason"].startswith("not enough data")
    assert documents(odd, "episode", "uno") == []


def test_a_day_that_lost_its_readings_loses_its_summary(odd: House) -> None:
    put(odd, "uno", "UTC", [(NOW - timedelta(days=2), 4, 0), (NOW - timedelta(days=1), 4, 0)])
    summarize_changes(odd.rt, "uno", None)
    assert len(days(odd, "uno")) == 2
    gone = [key for key, day in odd.rt.queries.ids("uno", "cgm.reading", "2026-06-18", "2026-06-18").items()]
    odd.rt.sink("uno").write((), gone, NOW)
    summarize_span(odd.rt, "uno", NOW - timedelta(days=2), NOW)
    assert set(days(odd, "uno")) == {"2026-06-19"}


def test_days_of_23_and_30_hours(odd: House) -> None:
    midnight = datetime(2026, 3, 28, 23, tzinfo=UTC)  # of 29 March in Berlin, when clocks go forward
    spring = [(midnight - timedelta(hours=24), 26, 60), (midnight + timedelta(hours=2), 45, 120)]
    put(odd, "dst", "Europe/Berlin", spring)
    start = datetime(2026, 2, 2, 23, tzinfo=UTC)  # a flight six hours west at noon
    put(odd, "trip", "Europe/Berlin", [(start - timedelta(hours=24), 36, 60), (start + timedelta(hours=12), 42, -300)])
    for user_id, name, hours in (("dst", "2026-03-29", 23), ("trip", "2026-02-03", 30)):
        summarize_changes(odd.rt, user_id, None)
        summary = days(odd, user_id)[name]["summary"]
        length = datetime.fromisoformat(summary["end"]) - datetime.fromisoformat(summary["start"])
        assert (length, summary["n"], summary["active_percent"]) == (timedelta(hours=hours), hours * 12, 100)
