"""A record's document: local clock, context, trend, gaps, and that nothing depends on how pages were cut."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glucoflow.context import Meals, Tail
from glucoflow.enrich import DATASETS, Enricher, Owner, document_id
from glucoflow.model import records as r
from glucoflow.model.documents import Source
from glucoflow.model.localtime import epoch_ms, time_fields
from glucoflow.model.ranges import SensorLimits

OWNER = Owner(user_id="ann", connection_id="c1", provider="dexcom", zone="Europe/Berlin", delivers_meals=True)
START = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def reading(minutes: float, value: float = 100, **more: object) -> r.Reading:
    fields: dict[str, object] = {"unit": "mg/dL", "trend_word": "flat", "key": f"k{minutes}", **more}
    return msgspec.convert(
        {"time": START + timedelta(minutes=minutes), "value": value, **fields}, r.Reading, from_attributes=True
    )


def documents(*readings: r.Record, meals: Meals | None = None, tail: Tail | None = None) -> list[Source]:
    enricher = Enricher(OWNER, "readings", meals, tail)
    return [document.source for document in enricher.documents(readings)]


def test_a_reading_carries_both_units_and_its_own_clock() -> None:
    (source,) = documents(reading(0, 112, offset_min=-480))
    body = json.loads(msgspec.json.encode(source))
    assert body["@timestamp"] == "2026-11-21T06:00:00Z"
    assert body["glucose"] == {
        "value": 112,
        "unit": "mg/dL",
        "mg_dl": 112,
        "mmol_l": 6.21684,
        "range": "in_range",
        "tight": True,
        "context": "unknown",
    }
    # 22:00 the evening before, a Friday, for somebody in Los Angeles; the home zone's name would be wrong there.
    assert body["time"] == {
        "utc_offset_min": -480,
        "minute_of_day": 1320,
        "hour": 22,
        "weekday": 5,
        "date": "2026-11-20",
    }


@given(st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)), st.integers(-840, 840))  # noqa: DTZ001
def test_local_time_is_what_datetime_says(naive: datetime, offset: int) -> None:
    local = naive + timedelta(minutes=offset)
    fields = time_fields(epoch_ms(naive.replace(tzinfo=UTC)), offset, None, "UTC")
    assert fields.date == local.date().isoformat()
    assert (fields.hour, fields.minute_of_day) == (local.hour, local.hour * 60 + local.minute)
    assert fields.weekday == local.isoweekday()


@pytest.mark.parametrize(
    ("utc", "hour", "offset"),
    [
        ("2026-10-25T00:30:00Z", 2, 120),
        ("2026-10-25T01:30:00Z", 2, 60),
        ("2026-03-29T00:59:00Z", 1, 60),
        ("2026-03-29T01:00:00Z", 3, 120),
    ],
)
def test_without_an_offset_the_home_zone_decides_summer_time_included(utc: str, hour: int, offset: int) -> None:
    fields = time_fields(epoch_ms(datetime.fromisoformat(utc)), None, None, "Europe/Berlin")
    assert (fields.hour, fields.utc_offset_min, fields.zone) == (hour, offset, "Europe/Berlin")


def test_pinned_values_are_marked_with_the_sensors_threshold() -> None:
    low, high = documents(reading(0, 39), reading(5, 401))
    assert low.annotations == (r.Annotation("bg/out-of-range", "low", 40),)
    assert high.annotations == (r.Annotation("bg/out-of-range", "high", 400),)
    assert (low.glucose and low.glucose.limit, high.glucose and high.glucose.limit) == ("low", "high")


def test_a_reading_knows_better_than_its_provider_where_its_sensor_ends() -> None:
    owner = msgspec.structs.replace(OWNER, sensor_limits=SensorLimits(40, 500))
    given = [reading(0, 450), reading(5, 501), reading(10, 401, sensor_limits=SensorLimits(40, 400))]
    found = [one.source for one in Enricher(owner, "readings").documents(given)]
    assert [one.glucose and one.glucose.limit for one in found] == [None, "high", "high"]
    assert [[note.threshold for note in one.annotations] for one in found] == [[], [500], [400]]


def test_meal_context() -> None:
    breakfast = epoch_ms(START + timedelta(minutes=30))
    lunch = epoch_ms(START + timedelta(hours=9))
    meals = Meals([breakfast, lunch], boluses=[breakfast - 60_000])
    # Readings at 07:00, 07:31, 10:00 (after 09:30 = 2 h), 16:01 local.
    contexts = [
        s.glucose.context
        for s in documents(reading(0), reading(31), reading(151), reading(9 * 60 + 1), meals=meals)
        if s.glucose
    ]
    assert contexts == ["fasting", "post_meal", "unknown", "post_meal"]
    without = documents(reading(0), meals=Meals())
    assert without[0].glucose
    assert without[0].glucose.context == "unknown"


def test_a_bolus_ends_fasting_but_is_no_meal() -> None:
    meals = Meals([epoch_ms(START - timedelta(days=2))], boluses=[epoch_ms(START - timedelta(hours=1))])
    (source,) = documents(reading(0), meals=meals)
    assert source.glucose
    assert source.glucose.context == "unknown"


def test_the_providers_word_stands_and_a_missing_one_is_computed() -> None:
    told, rated, computed, odd = documents(
        reading(0, 100, trend_word="singleUp", trend_rate=2.4),
        reading(5, 110, trend_word="none", trend_rate=-1.5),
        reading(10, 120, trend_word=None),
        reading(15, 130, trend_word="rateOutOfRange"),
    )
    assert told.trend
    assert (told.trend.direction, told.trend.source, told.trend.rate) == ("singleUp", "provider", 2.4)
    assert rated.trend
    assert (rated.trend.direction, rated.trend.source, rated.trend.reported) == ("fortyFiveDown", "computed", "none")
    assert computed.trend
    assert (computed.trend.direction, computed.trend.rate, computed.trend.source) == ("singleUp", 2.0, "computed")
    assert odd.trend
    assert (odd.trend.direction, odd.trend.source) == ("rateOutOfRange", "provider")


def test_a_computed_trend_never_mixes_devices() -> None:
    one, other = r.Device(transmitter_id="a"), r.Device(transmitter_id="b")
    *_, last = documents(
        reading(0, 100, trend_word=None, device=one),
        reading(5, 300, trend_word=None, device=other),
        reading(10, 110, trend_word=None, device=one),
    )
    assert last.trend
    assert last.trend.rate == 1.0


def test_gaps_are_measured_only_where_a_reading_is_missing() -> None:
    gaps = [s.sample.gap_ms for s in documents(reading(0), reading(5), reading(12), reading(30)) if s.sample]
    assert gaps == [None, None, None, 18 * 60_000]


@settings(max_examples=60)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=40), st.integers(1, 39), st.booleans())
def test_documents_do_not_depend_on_where_pages_are_cut(steps: list[int], cut: int, words: bool) -> None:
    minutes = [sum(steps[: i + 1]) for i in range(len(steps))]
    all_readings = [reading(m, 80 + m % 90, trend_word="flat" if words else None) for m in minutes]
    whole = documents(*all_readings)
    head, rest = all_readings[:cut], all_readings[cut:]
    tail = Tail([epoch_ms(x.time) for x in head], [x.value for x in head], ["" for _ in head])
    assert documents(*head) + documents(*rest, tail=tail) == whole


def test_ids_depend_on_every_part_and_on_nothing_else() -> None:
    ids = {
        document_id(*parts)
        for parts in [
            ("a", "b", "c", "d"),
            ("ab", "", "c", "d"),
            ("a", "b", "cd", ""),
            ("a", "b", "c", "e"),
            ("a", "b", "x", "d"),
        ]
    }
    assert len(ids) == 5
    assert document_id("a", "b", "c", "d") == document_id("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("record", "dataset", "section", "content"),
    [
        (
            r.Bolus(time=START, key="1", normal=4.5, action="fast"),
            "insulin.bolus",
            "insulin",
            {"delivery_type": "normal", "action": "fast", "normal": 4.5},
        ),
        (
            r.Basal(time=START, key="1", delivery_type="automated", rate=1.5, duration_ms=2700),
            "insulin.basal",
            "insulin",
            {"delivery_type": "automated", "rate": 1.5, "duration_ms": 2700},
        ),
        (r.Food(time=START, key="1", carbs_g=40), "food", "food", {"carbs_g": 40}),
        (
            r.Exercise(time=START, key="1", intensity="light", duration_ms=60_000),
            "exercise",
            "exercise",
            {"intensity": "light", "duration_ms": 60_000},
        ),
        (r.Health(time=START, key="1", kind="stress"), "health", "health", {"kind": "stress"}),
        (r.Note(time=START, key="1", text="pizza"), "note", "note", {"text": "pizza"}),
        (
            r.Alert(time=START, key="1", name="low", state="activeAlarming"),
            "device.alert",
            "alert",
            {"name": "low", "state": "activeAlarming"},
        ),
        (
            r.Calibration(time=START, key="1", value=5.5, unit="mmol/L"),
            "cgm.calibration",
            "glucose",
            {
                "value": 5.5,
                "unit": "mmol/L",
                "mg_dl": pytest.approx(99.09, abs=0.01),
                "mmol_l": 5.5,
                "range": "in_range",
                "tight": True,
                "context": "unknown",
                "classification": "normal",
            },
        ),
        (
            r.DeviceStatus(time=START, key="1", last_upload=START),
            "device.status",
            "status",
            {"last_upload": "2026-11-21T06:00:00Z"},
        ),
        (
            r.DeviceSettings(time=START, key="1", low_alert=r.LevelAlert(enabled=True, level_mg_dl=70)),
            "device.settings",
            "settings",
            {"units": "mg/dL", "low_alert": {"enabled": True, "level_mg_dl": 70}},
        ),
    ],
)
def test_every_other_kind_has_its_section(
    record: r.Record, dataset: str, section: str, content: dict[str, object]
) -> None:
    (source,) = documents(record)
    body = json.loads(msgspec.json.encode(source))
    assert body["event"]["dataset"] == dataset
    assert body[section] == content


def test_no_record_is_without_a_document() -> None:
    known = {*DATASETS, r.Reading}
    assert known == {x for x in vars(r).values() if isinstance(x, type) and issubclass(x, r.Record)} - {r.Record}
