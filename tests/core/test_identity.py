"""The same thing is held once, whatever its record is called and in which order its twins come."""

from datetime import UTC, datetime, timedelta
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glucoflow.identity import identified, once
from glucoflow.model import records as r
from glucoflow.model.ingestion import Window
from glucoflow.provider import Page

START = datetime(2026, 11, 21, 6, tzinfo=UTC)
DAY = Window(START, START + timedelta(days=1))
SENSOR = "a" * 64


def reading(key: str, minutes: float = 0, value: float = 100, sensor: str | None = SENSOR, **more: object) -> r.Reading:
    device = r.Device(id="d", transmitter_id=sensor)
    time = START + timedelta(minutes=minutes)
    fields = {"offset_min": 60, "record_id": key, **more}
    return r.Reading(time=time, key=key, value=value, unit="mg/dL", device=device, **fields)  # type: ignore[arg-type]


def bolus(key: str, units: float, minutes: float = 0) -> r.Bolus:
    return r.Bolus(time=START + timedelta(minutes=minutes), key=key, record_id=key, normal=units)


def page(*records: r.Record) -> Page:
    return once(Page(window=DAY, records=records))


def held(*records: r.Record) -> dict[str, r.Record]:
    return {identity: record for record, identity in identified(page(*records).records)}


def keys(found: Page) -> list[str]:
    return [record.key for record in found.records]


def test_one_moment_of_one_sensor_is_one_reading_whatever_the_order() -> None:
    first, twin = reading("b"), reading("a")
    contrary, other = reading("c", value=113), reading("d", sensor="f" * 64)
    for order in ([first, twin, contrary, other], [other, contrary, twin, first]):
        found = page(*order)
        assert keys(found) == ["a", "d"]
        assert [(one.field, one.key) for one in found.rejected] == [("systemTime", "c")]


def test_the_twin_that_knows_its_owners_clock_stays() -> None:
    assert keys(page(reading("a", offset_min=None), reading("b"))) == ["b"]


def test_a_page_without_twins_is_left_as_it_is() -> None:
    whole = Page(window=DAY, records=[reading(str(n), 5 * n) for n in range(20)])
    assert once(whole) is whole


def test_another_id_is_the_same_reading_and_a_corrected_value_too() -> None:
    assert held(reading("one")).keys() == held(reading("two")).keys() == held(reading("one", value=140)).keys()
    assert held(reading("one")).keys() != held(reading("one", minutes=1)).keys()
    assert held(reading("one")).keys() != held(reading("one", sensor="b" * 64)).keys()


def test_without_an_id_the_sensor_and_the_moment_are_enough() -> None:
    assert held(reading("one", record_id=None)).keys() == held(reading("two")).keys()


def test_where_no_sensor_is_named_equal_values_are_the_same_and_others_are_not() -> None:
    assert held(reading("one", sensor=None)).keys() == held(reading("two", sensor="")).keys()
    two = page(reading("one", sensor=None), reading("two", sensor=None, value=140))
    assert keys(two) == ["one", "two"]
    assert not two.rejected


def test_a_reading_whose_sensor_is_named_later_goes_where_it_was_before() -> None:
    found = page(reading("early", sensor=None), reading("late"))
    assert keys(found) == ["late"]
    assert list(found.deleted) == ["early"]


def test_two_doses_of_one_moment_stay_two_and_equal_ones_are_one() -> None:
    small, large = bolus("a", 1), bolus("b", 3)
    assert len(held(small, large)) == 2
    assert keys(page(small, large, bolus("c", 1))) == ["a", "b"]


def test_ids_of_another_app_leave_two_doses_where_they_were() -> None:
    before = held(bolus("a", 1), bolus("b", 3))
    after = held(bolus("z", 1), bolus("y", 3))
    assert {key: one.normal for key, one in before.items() if isinstance(one, r.Bolus)} == {
        key: one.normal for key, one in after.items() if isinstance(one, r.Bolus)
    }


def test_a_dose_corrected_stays_in_its_place() -> None:
    assert held(bolus("a", 1)).keys() == held(bolus("a", 2)).keys()


@pytest.mark.parametrize(
    "record",
    [
        r.Bolus(time=START, key="a", record_id="a", normal=1),
        r.Basal(time=START, key="a", record_id="a", delivery_type="manual", amount=9),
        r.Food(time=START, key="a", record_id="a", carbs_g=40),
        r.Exercise(time=START, key="a", record_id="a"),
        r.Health(time=START, key="a", record_id="a", kind="stress"),
        r.Note(time=START, key="a", record_id="a", text="x"),
        r.Fingerstick(time=START, key="a", record_id="a", value=100, unit="mg/dL"),
        r.Calibration(time=START, key="a", record_id="a", value=100, unit="mg/dL"),
        r.Alert(time=START, key="a", record_id="a", name="low", state="on"),
        reading("a"),
    ],
    ids=lambda record: type(record).__name__,
)
def test_every_sort_is_known_under_another_id(record: r.Record) -> None:
    other = msgspec.structs.replace(record, key="b", record_id="b")
    assert held(record).keys() == held(other).keys()
    assert len(held(record, other)) == 1


def test_sorts_of_one_moment_are_told_apart() -> None:
    same = {"time": START, "key": "a", "record_id": "a"}
    food, note = r.Food(**same, carbs_g=40), r.Note(**same, text="x")  # type: ignore[arg-type]
    assert len(held(food, note, bolus("a", 1), reading("a"))) == 4


def test_a_devices_state_is_known_by_its_key() -> None:
    states = [r.DeviceStatus(time=START, key=key, record_id="same") for key in ("phone", "watch")]
    assert held(*states).keys() == {"phone", "watch"}


@given(
    st.lists(
        st.builds(
            reading,
            st.sampled_from("abcdefgh"),
            st.integers(0, 2),
            st.sampled_from([100, 113]),
            st.sampled_from([SENSOR, "f" * 64, None]),
            offset_min=st.sampled_from([60, None]),
        ),
        unique_by=lambda one: one.key,
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_the_choice_never_depends_on_the_order(records: list[r.Reading], random: Random) -> None:
    shuffled = records.copy()
    random.shuffle(shuffled)
    one, other = page(*records), page(*shuffled)
    assert sorted(keys(one)) == sorted(keys(other))
    assert {rejected.key for rejected in one.rejected} == {rejected.key for rejected in other.rejected}
    assert set(one.deleted) == set(other.deleted)
    assert len(held(*records)) == len(one.records), "each thing has an identity of its own"
