"""EGVs: the plain record, every quirk, and what is rejected."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from connectors.dexcom.answers import envelope
from connectors.dexcom.readings import Readings
from glucoflow.model.records import Reading
from glucoflow.provider import Page
from tests.connectors.wire import DAY, EGV, NOW, body, payload, understood


def page(*records: object) -> Page:
    return understood(Readings, "egv", *records)


def one(**changes: object) -> Reading:
    """The reading of a plain EGV with changes; a value of `...` removes the field."""
    wire = {name: value for name, value in (EGV | changes).items() if value is not ...}
    made = page(wire)
    assert not made.rejected
    (reading,) = made.records
    assert isinstance(reading, Reading)
    return reading


def refused(**changes: object) -> tuple[str, str]:
    wire = {name: value for name, value in (EGV | changes).items() if value is not ...}
    made = page(wire, EGV | {"recordId": "good", "systemTime": "2026-03-08T10:00:03Z"})
    assert [record.key for record in made.records] == ["good"]
    (rejection,) = made.rejected
    assert json.loads(rejection.payload) == wire
    return rejection.field, rejection.reason


def test_a_plain_record() -> None:
    reading = one()
    assert (reading.time, reading.offset_min) == (datetime(2026, 3, 8, 9, 55, 3, tzinfo=UTC), -480)
    assert (reading.value, reading.unit) == (112, "mg/dL")
    assert (reading.trend_word, reading.trend_rate, reading.ticks) == ("flat", -0.2, 345678)
    assert reading.key == reading.record_id == EGV["recordId"]
    assert payload(reading) == EGV
    assert reading.device is not None
    assert msgspec.to_builtins(reading.device) == {
        "id": "DexcomG7_abababababababab",
        "model": "G7",
        "manufacturer": "Dexcom",
        "name": "Dexcom G7",
        "transmitter_id": "ab" * 32,
        "generation": "g7",
        "display": "iOS",
    }


@pytest.mark.parametrize(
    ("changes", "model", "name"),
    [
        ({"transmitterGeneration": "g6"}, "G6", "Dexcom G6"),
        ({"transmitterGeneration": "g6 pro"}, "G6 Pro", "Dexcom G6 Pro"),
        ({"transmitterGeneration": "g6Pro"}, "G6 Pro", "Dexcom G6 Pro"),
        ({"transmitterGeneration": "g7", "transmitterGenerationVariant": "d1+"}, "ONE+", "Dexcom ONE+"),
        ({"transmitterGenerationVariant": "g715day"}, "G7 15 Day", "Dexcom G7 15 Day"),
        ({"transmitterGeneration": "g6", "displayApp": "DexcomOne"}, "ONE", "Dexcom ONE"),
        ({"transmitterGeneration": "unknown"}, None, "Dexcom"),
        ({"transmitterGeneration": "g9"}, "g9", "Dexcom g9"),  # never seen: shown as it is
        ({"transmitterGeneration": "G7 15-day"}, "G7 15 Day", "Dexcom G7 15 Day"),
        ({"transmitterGeneration": "G7_15DAY"}, "G7 15 Day", "Dexcom G7 15 Day"),
        ({"transmitterGeneration": "stelo"}, "Stelo", "Dexcom Stelo"),
        ({"displayApp": "Stelo"}, "Stelo", "Dexcom Stelo"),
        ({"transmitterGeneration": None}, None, "Dexcom"),
    ],
)
def test_devices_are_named_as_the_partner_guide_asks(changes: dict[str, object], model: str | None, name: str) -> None:
    device = one(**changes).device
    assert device is not None
    assert (device.manufacturer, device.model, device.name) == ("Dexcom", model, name)
    assert device.generation == changes.get("transmitterGeneration", "g7")


def test_words_we_do_not_know_are_kept() -> None:
    reading = one(trend="sidewaysUp", status="curious", displayDevice="watch", rateUnit="unknown")
    assert reading.trend_word == "sidewaysUp"
    assert reading.trend_rate is None  # a rate without a known unit means nothing; the payload has it
    assert reading.device is not None
    assert reading.device.display == "watch"


@pytest.mark.parametrize("missing", [None, ...])
def test_optional_fields_may_be_null_or_absent(missing: object) -> None:
    names = (
        "displayTime",
        "transmitterTicks",
        "status",
        "trend",
        "trendRate",
        "rateUnit",
        "displayDevice",
        "transmitterGeneration",
        "displayApp",
    )
    reading = one(**dict.fromkeys(names, missing))
    assert (reading.offset_min, reading.ticks, reading.trend_word, reading.trend_rate) == (None, None, None, None)


def test_natural_keys_without_a_record_id() -> None:
    assert one(recordId=None).key == "ab" * 32 + "/345678"
    assert one(recordId="").key == "ab" * 32 + "/345678"
    assert one(recordId=..., transmitterTicks=None).key == "2026-03-08T09:55:03+00:00/egv"
    assert one(recordId=..., transmitterId="").key == "2026-03-08T09:55:03+00:00/egv"
    assert one(recordId=...).record_id is None


def test_both_units_and_the_limits() -> None:
    assert one(value=39, status="low", trend="none", trendRate=None).value == 39
    assert one(value=401, status="high").value == 401
    reading = one(value=6.2, unit="mmol/L", trendRate=0.1, rateUnit="mmol/L/min")
    assert (reading.value, reading.unit) == (6.2, "mmol/L")
    assert reading.trend_rate == pytest.approx(1.801559)
    assert one(value=2.16479, unit="mmol/L").value == 2.16479
    assert one(value=20, status="low").value == 39  # as Tidepool pins them
    assert one(value=500, status="high").value == 401


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"value": 5}, "value"),  # an old receiver's error code
        ({"value": 0}, "value"),
        ({"value": -112}, "value"),
        ({"value": 402}, "value"),
        ({"value": 39, "unit": "mmol/L"}, "value"),
        ({"value": "many"}, "value"),
        ({"value": "NaN"}, "value"),
        ({"value": 5, "unit": None}, "value"),  # 5 mmol/L might be, and so might be an error code
        ({"value": True}, "value"),
        ({"value": [112]}, "value"),
        ({"value": 10**200}, "value"),
        ({"systemTime": None}, "systemTime"),
        ({"systemTime": ...}, "systemTime"),
        ({"systemTime": "yesterday"}, "systemTime"),
        ({"systemTime": 1772963703}, "systemTime"),
        ({"systemTime": "2026-02-30T00:00:00Z"}, "systemTime"),
        ({"systemTime": "2026-03-11T00:00:00Z"}, "systemTime"),  # more than a day ahead of now
        ({"systemTime": "1970-01-01T00:00:00Z"}, "systemTime"),
    ],
)
def test_a_bad_record_is_rejected_with_field_and_reason(changes: dict[str, object], field: str) -> None:
    named, reason = refused(**changes)
    assert named == field
    assert reason


@pytest.mark.parametrize("value", [None, ...])
def test_a_record_without_a_value_is_counted_and_nothing_is_wrong_with_it(value: object) -> None:
    wire = {name: part for name, part in (EGV | {"value": value}).items() if part is not ...}
    made = page(wire, EGV | {"recordId": "good", "systemTime": "2026-03-08T10:00:03Z"})
    assert [record.key for record in made.records] == ["good"]
    assert (made.without_value, list(made.rejected)) == (1, [])


@pytest.mark.parametrize("unit", ["unknown", None, ..., "furlong", 1, ["mg/dL"]])
def test_without_a_unit_that_is_known_the_value_says_which(unit: object) -> None:
    assert (one(unit=unit).value, one(unit=unit).unit) == (112, "mg/dL")
    assert (one(unit=unit, value=6.2).value, one(unit=unit, value=6.2).unit) == (6.2, "mmol/L")


@pytest.mark.parametrize(
    ("changes", "left_out"),
    [
        ({"trendRate": 1000}, {"trendRate": 1}),
        ({"trendRate": "fast"}, {"trendRate": 1}),
        ({"trendRate": "NaN"}, {"trendRate": 1}),
        ({"trendRate": True}, {"trendRate": 1}),
        ({"transmitterTicks": "many"}, {"transmitterTicks": 1}),
        ({"transmitterTicks": 12.5}, {"transmitterTicks": 1}),
        ({"trend": "x" * 300}, {"trend": 1}),
        ({"trend": "\ud800"}, {"trend": 1}),
        ({"displayDevice": 7, "displayApp": {"name": "G7"}}, {"displayDevice": 1, "displayApp": 1}),
        ({"status": 0}, {"status": 1}),
        ({"displayTime": 1772963703}, {"displayTime": 1}),
    ],
)
def test_an_odd_side_field_is_left_out_and_counted_and_the_payload_keeps_it(
    changes: dict[str, object], left_out: dict[str, int]
) -> None:
    made = page(EGV | changes)
    assert not made.rejected
    (reading,) = made.records
    assert isinstance(reading, Reading)
    assert (reading.value, reading.key) == (112, EGV["recordId"])
    assert json.loads(bytes(reading.payload)) == EGV | changes
    assert made.left_out == left_out


def test_numbers_are_taken_as_they_come() -> None:
    reading = one(value="112.0", trendRate="0.4", transmitterTicks="345678")
    assert (reading.value, reading.trend_rate, reading.ticks) == (112, 0.4, 345678)
    assert one(transmitterTicks=345678.0).ticks == 345678
    assert one(recordId=17).key == "17"


@pytest.mark.parametrize("digits", ["9" * 5000, "1" * 4299, "1." + "3" * 5000, "1e999"])
@pytest.mark.parametrize("field", ["transmitterTicks", "trendRate", "added", "value"])
def test_numbers_of_any_length_take_nothing_with_them(field: str, digits: str) -> None:
    good = EGV | {"recordId": "good", "systemTime": "2026-03-08T10:00:03Z"}
    answer = body("egv", EGV | {field: "HERE"}, good).replace(b'"HERE"', digits.encode())
    made = Readings(NOW).page(DAY, envelope(answer, "egv").records)
    assert [rejected.field for rejected in made.rejected] == (["value"] if field == "value" else [])
    for record in made.records:
        assert digits not in json.loads(bytes(record.payload))  # parsed by a parser that bounds its numbers
    assert "good" in [record.key for record in made.records]


def test_a_stelo_reads_every_15_minutes() -> None:
    assert one(transmitterGeneration="stelo").interval_ms == 900_000
    assert one().interval_ms is None


@pytest.mark.parametrize("record", [None, 5, "text", [], [EGV], True])
def test_what_is_no_object_is_rejected(record: object) -> None:
    made = page(record, EGV)
    assert len(made.records) == 1
    assert [rejection.field for rejection in made.rejected] == ["record"]


def test_a_clock_that_is_a_day_ahead_is_still_believed() -> None:
    assert one(systemTime="2026-03-10T11:59:59Z").time == datetime(2026, 3, 10, 11, 59, 59, tzinfo=UTC)


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e400"])
def test_numbers_that_json_does_not_have_cost_one_record(constant: str) -> None:
    good = EGV | {"recordId": "good", "systemTime": "2026-03-08T10:00:03Z"}
    answer = body("egv", EGV | {"value": "HERE"}, good).replace(b'"HERE"', constant.encode())
    made = Readings(NOW).page(DAY, envelope(answer, "egv").records)
    assert [record.key for record in made.records] == ["good"]
    assert [rejection.field for rejection in made.rejected] == ["value"]


def test_broken_utf_8_costs_nothing_but_the_letter() -> None:
    answer = body("egv", EGV | {"displayApp": "G?"}).replace(b"G?", b"G\xff")
    made = Readings(NOW).page(DAY, envelope(answer, "egv").records)
    assert len(made.records) + len(made.rejected) == 1


def test_a_page_is_in_time_order_and_holds_nothing_twice() -> None:
    later = EGV | {"recordId": "later", "systemTime": "2026-03-08T10:00:03Z"}
    made = page(later, EGV, EGV | {"value": 113}, later)
    assert [record.key for record in made.records] == [EGV["recordId"], "later"]
    assert [record.value for record in made.records if isinstance(record, Reading)] == [113, 112]
    assert not made.rejected


def test_payloads_are_on_one_line_even_if_the_answer_is_not() -> None:
    pretty = json.dumps({"recordType": "egv", "records": [EGV]}, indent=2).encode()
    (record,) = Readings(NOW).page(DAY, envelope(pretty, "egv").records).records
    assert b"\n" not in bytes(record.payload)
    assert payload(record) == EGV


def test_a_page_of_100_000_records() -> None:
    start = datetime(2026, 3, 8, tzinfo=UTC)
    records = [
        EGV | {"recordId": str(n), "transmitterTicks": n, "systemTime": f"{start + timedelta(seconds=n / 2):%FT%TZ}"}
        for n in range(100_000)
    ]
    made = page(*records)
    assert (len(made.records), len(made.rejected)) == (100_000, 0)


@pytest.mark.parametrize(
    ("generation", "every_min", "count", "interval_ms"),
    [
        ("g9", 15, 20, 900_000),
        ("g9", 1, 20, 60_000),
        ("g9", 5, 20, None),
        ("g9", 15, 5, None),
        ("g7", 15, 20, None),
        ("stelo", 15, 2, 900_000),
    ],
)
def test_a_sensor_that_nobody_knows_reports_as_often_as_it_does(
    generation: str, every_min: int, count: int, interval_ms: int | None
) -> None:
    first = datetime(2026, 3, 8, tzinfo=UTC)
    records = [
        EGV | {
            "recordId": f"r{n}",
            "systemTime": f"{first + timedelta(minutes=n * every_min):%Y-%m-%dT%H:%M:%SZ}",
            "transmitterGeneration": generation,
        }
        for n in range(count)
    ]  # fmt: skip
    made = page(*records).records
    assert {one.interval_ms for one in made if isinstance(one, Reading)} == {interval_ms}
