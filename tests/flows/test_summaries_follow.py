"""Summaries follow what happens: late data, marks, backfills, failures, a person's end."""

import sqlite3
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from flows.summarize import summarize_people
from glucoflow.analytics import Series
from glucoflow.analytics.episodes import find_episodes
from glucoflow.analytics.series import epoch_ms
from glucoflow.model.documents import Document
from glucoflow.model.errors import Rejected
from glucoflow.model.ingestion import Window
from glucoflow.service.annotations import Annotations, summarizing
from glucoflow.service.backfill import backfill_person, summarized
from glucoflow.service.deletion import delete_person
from glucoflow.service.summaries import summarize_changes, summarize_last
from glucoflow.simulators.dexcom import ReviseReadings, running_simulator
from tests.flows.conftest import NOW, House, OpenHouse, small_scenario
from tests.flows.counting import (
    SMALL,
    assert_figures,
    by_date,
    days,
    documents,
    instant,
    moment_of,
    periods,
    share,
    truth,
)

TWO, FIVE = datetime.fromisoformat("2026-06-15T02:00"), datetime.fromisoformat("2026-06-15T05:00")
"""By the wall clock."""


def test_what_no_longer_stands_out_goes(house: House) -> None:
    house.sync()
    said = {found["_id"] for found in documents(house, "insight")}
    assert said
    one = next(iter(house.rt.queries.documents("alma", ["insight"])))
    assert one.source.insight is not None
    gone = replace(one.source.insight, rank=20)
    house.rt.sink("alma").write([Document("stale", replace(one.source, insight=gone))], (), NOW)
    assert len(documents(house, "insight")) == len(said) + 1
    assert summarize_last(house.rt, "alma").deleted == 1
    assert {found["_id"] for found in documents(house, "insight")} == said


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
    scenario = small_scenario()
    with running_simulator(scenario, clock=lambda: NOW) as sim:
        records = sim.truth("alma", "egvs", NOW - timedelta(days=6), NOW - timedelta(days=5))
        moments = [instant(r) for r in records if r["value"]]
        series = Series.of(list(map(epoch_ms, moments)), [float(r["value"]) for r in records if r["value"]], 120)
    high = next(one for one in find_episodes(series) if one.kind == "high_l1" and one.minutes < 180)
    start, end = high.start - timedelta(minutes=10), high.end + timedelta(minutes=10)
    return ReviseReadings(NOW + timedelta(hours=1), start, end, by=-90)


def test_late_data_change_their_own_day_and_the_periods_and_nothing_else(
    open_house: OpenHouse, a_high: ReviseReadings
) -> None:
    with open_house(small_scenario(changes=(a_high,))) as house:
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


def test_an_exclusion_leaves_out_its_readings_and_undoing_it_brings_them_back(house: House) -> None:
    house.sync()
    marking = Annotations(house.rt.store, house.rt.queries, summarizing(house.rt))
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
    Annotations(house.rt.store, house.rt.queries, summarizing(house.rt)).set_targets("alma", "pregnancy")
    stored = days(house)
    for name, values in by_date(truth(house)).items():
        summary = stored[name]["summary"]
        assert summary["target_in_percent"] == pytest.approx(share(values, 63, 140), abs=SMALL)
        assert summary["target_below_percent"] == pytest.approx(share(values, 0, 62), abs=SMALL)
        assert summary["tir_percent"] == pytest.approx(share(values, 70, 180), abs=SMALL)


def test_a_backfill_is_followed_by_the_summaries_of_its_days(house: House) -> None:
    window = Window(NOW - timedelta(days=9), NOW - timedelta(days=6))
    (outcome,) = summarized(
        house.rt, "alma", window, backfill_person(house.rt, "alma", window, None, (), lambda _share: None)
    )
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


def test_a_deleted_person_gets_no_index_again(house: House) -> None:
    house.sync()
    delete_person(house.rt, "alma")
    with pytest.raises(Rejected):
        summarize_last(house.rt, "alma")
    assert not house.rt.client.indices.exists(index=house.rt.names.alias("alma"))
