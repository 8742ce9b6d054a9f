"""EGVs: the plain record, every quirk, and what is rejected."""

import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from connectors.dexcom.readings import Readings
from connectors.dexcom.wire import envelope
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
        ({"transmitterGeneration": "g9"}, None, "Dexcom"),
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
        ({"value": None}, "value"),
        ({"value": ...}, "value"),
        ({"value": 5}, "value"),  # an old receiver's error code
        ({"value": 0}, "value"),
        ({"value": -112}, "value"),
        ({"value": 402}, "value"),
        ({"value": 39, "unit": "mmol/L"}, "value"),
        ({"value": "112"}, "value"),
        ({"value": True}, "value"),
        ({"value": [112]}, "value"),
        ({"value": 10**400}, "value"),
        ({"unit": None}, "unit"),
        ({"unit": "unknown"}, "unit"),
        ({"unit": "furlong"}, "unit"),
        ({"unit": 1}, "unit"),
        ({"trendRate": 1000}, "trendRate"),
        ({"trendRate": "fast"}, "trendRate"),
        ({"transmitterTicks": "many"}, "transmitterTicks"),
        ({"systemTime": None}, "systemTime"),
        ({"systemTime": ...}, "systemTime"),
        ({"systemTime": "yesterday"}, "systemTime"),
        ({"systemTime": 1772963703}, "systemTime"),
        ({"systemTime": "2026-02-30T00:00:00Z"}, "systemTime"),
        ({"systemTime": "2026-03-11T00:00:00Z"}, "systemTime"),  # more than a day ahead of now
        ({"systemTime": "1970-01-01T00:00:00Z"}, "systemTime"),
        ({"trend": "x" * 300}, "trend"),
    ],
)
def test_a_bad_record_is_rejected_with_field_and_reason(changes: dict[str, object], field: str) -> None:
    named, reason = refused(**changes)
    assert named == field
    assert reason


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


def test_one_moment_under_two_ids_is_one_reading_whatever_the_order() -> None:
    twin = EGV | {"recordId": "0-first-by-id"}
    contrary = EGV | {"recordId": "contrary", "value": 113}
    other_device = EGV | {"recordId": "other", "transmitterId": "ff"}
    for order in ([EGV, twin, contrary, other_device], [other_device, contrary, twin, EGV]):
        made = page(*order)
        assert [record.key for record in made.records] == ["0-first-by-id", "other"]
        assert [(rejection.field, rejection.key) for rejection in made.rejected] == [("systemTime", "contrary")]


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
    assert (len(made.records), len(made.rejected)) == (50_000, 0)  # two a second: one moment each
