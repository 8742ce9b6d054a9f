"""Retention: a dry run touches nothing, rules take what they say, thinned hours keep their wear."""

from datetime import datetime, timedelta

import pytest

from glucoflow.enrich import Enricher, Owner
from glucoflow.model import records as r
from glucoflow.model.errors import Misconfigured
from glucoflow.service.retention import Rules, retain, rules_of
from glucoflow.settings import RetentionSettings
from tests.flows.conftest import NOW, House

OLD = datetime(2020, 5, 1, tzinfo=NOW.tzinfo)


def put(house: House, start: datetime, count: int, connection: str = "c1") -> None:
    made = [
        r.Reading(
            time=start + timedelta(minutes=5 * k),
            key=f"{connection}{start}{k}",
            record_id=f"{connection}-{start:%Y%m%d}-{k}",
            offset_min=0,
            value=float(80 + k % 12 * 10),
            unit="mg/dL",
            interval_ms=300_000,
            device=r.Device(transmitter_id="T1"),
        )
        for k in range(count)
    ]
    owner = Owner(user_id="alma", connection_id=connection, provider="dexcom", zone="UTC", delivers_meals=False)
    house.rt.sink("alma").write(list(Enricher(owner, "readings").documents(made)), (), house.clock())


def worn_ms(house: House, start: datetime, end: datetime) -> int:
    return house.rt.queries.overview("alma", start, end).worn_ms


def test_thinned_hours_keep_wear_and_mean_and_say_what_they_stand_for(house: House) -> None:
    put(house, OLD, 288)  # a day
    put(house, OLD + timedelta(minutes=1), 6, connection="c2")  # half an hour of another sensor
    put(house, NOW - timedelta(hours=3), 36)
    end = OLD + timedelta(days=1)
    rules = Rules(hourly_after_years=5)
    foretold = retain(house.rt, rules, dry=True)
    assert [(one.kind, one.n) for one in foretold.gone] == [("thinned", 288 - 24 + 5)]
    assert len(house.stored("alma")) == 288 + 6 + 36, "nothing is touched"
    before = house.rt.queries.overview("alma", OLD, end)
    written = {key: one["event"]["ingested"] for key, one in house.stored("alma").items()}  # type: ignore[index]
    house.clock.advance(timedelta(hours=1))
    done = retain(house.rt, rules, dry=False)
    assert done.gone == foretold.gone
    held = house.stored("alma")
    assert len(held) == 24 + 1 + 36
    after = house.rt.queries.overview("alma", OLD, end)
    assert after.worn_ms == before.worn_ms == 24 * 3_600_000 + 30 * 60_000
    assert after.n == 25, "the count is of what is held"
    assert before.mean_mg_dl is not None
    assert after.mean_mg_dl == pytest.approx(before.mean_mg_dl, abs=5.0), "nearest of values ten apart"
    old = [one for one in held.values() if str(one["@timestamp"]).startswith("2020")]
    values = sorted(int(one["annotations"][0]["value"]) for one in old)  # type: ignore[index]
    assert values == [6] + [12] * 24
    assert {one["annotations"][0]["code"] for one in old} == {"glucoflow/thinned"}  # type: ignore[index]
    assert all(held[key]["event"]["ingested"] == written[key] for key in held), "no summary is made anew for it"  # type: ignore[index]
    assert retain(house.rt, rules, dry=False).gone == (), "repeating it changes nothing"
    put(house, OLD, 288)
    assert len(house.stored("alma")) == 288 + 1 + 36
    assert worn_ms(house, OLD, end) == before.worn_ms, "read again it takes its old form, and no hour counts twice"


def test_rules_by_kind_take_what_is_older_and_nothing_else(house: House) -> None:
    put(house, OLD, 12)
    put(house, NOW - timedelta(hours=1), 12)
    rules = rules_of(RetentionSettings(days="cgm.reading=400, food=30"))
    dry = retain(house.rt, rules, dry=True)
    assert [(one.user_id, one.kind, one.n) for one in dry.gone] == [("alma", "cgm.reading", 12)]
    assert dry.sentences() == ["12 documents would go."]
    assert len(house.stored("alma")) == 24
    assert retain(house.rt, rules, dry=False).sentences() == ["12 documents went."]
    assert len(house.stored("alma")) == 12


def test_a_dry_run_counts_each_document_once_as_the_run_does(house: House) -> None:
    for days in (1500, 500, 380):
        put(house, (NOW - timedelta(days=days)).replace(minute=0, second=0), 12)
    rules = Rules(days={"cgm.reading": 400, "everything": 600}, hourly_after_years=1)
    dry = retain(house.rt, rules, dry=True)
    assert [(one.kind, one.n) for one in dry.gone] == [("cgm.reading", 24), ("thinned", 11)]
    assert retain(house.rt, rules, dry=False).gone == dry.gone


def test_an_hour_is_thinned_when_all_of_it_is_old_enough(house: House) -> None:
    hour = (NOW - timedelta(days=365.25)).replace(minute=0, second=0, microsecond=0)
    put(house, hour, 12)
    house.clock.now = hour + timedelta(days=365.25, minutes=30)
    assert retain(house.rt, Rules(hourly_after_years=1), dry=False).gone == ()
    house.clock.advance(timedelta(hours=1))
    assert [one.n for one in retain(house.rt, Rules(hourly_after_years=1), dry=False).gone] == [11]
    (held,) = house.stored("alma").values()
    assert held["annotations"][0]["value"] == "12"  # type: ignore[index]


def test_without_a_rule_everything_is_kept(house: House) -> None:
    put(house, OLD, 12)
    done = retain(house.rt, rules_of(RetentionSettings()), dry=False)
    assert done.gone == ()
    assert done.sentences()[0].startswith("Everything is kept")
    assert len(house.stored("alma")) == 12


@pytest.mark.parametrize(
    "days", ["cgm.readings=400", "food", "food=5", "food=many", "food=-30", "food=9999999999", "food=1000000000030"]
)
def test_a_rule_that_cannot_be_meant_stops_before_anything_goes(days: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        rules_of(RetentionSettings(days=days))
    assert "kind=days" in refused.value.remedy
