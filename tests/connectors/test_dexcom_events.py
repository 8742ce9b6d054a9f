"""Events, calibrations, alerts and devices: what each becomes, and the quirks Tidepool's platform met."""

import json
from datetime import UTC, datetime

import msgspec
import pytest

from connectors.dexcom.devices import DeviceStates
from connectors.dexcom.events import Alerts, Calibrations, Events
from glucoflow.model import records as r
from glucoflow.provider import Page
from tests.connectors.wire import (
    ALERT,
    CALIBRATION,
    EVENT,
    alert_setting,
    device,
    payload,
    schedule,
    understood,
)


def events(*records: object) -> Page:
    return understood(Events, "event", *records)


def event(**changes: object) -> r.Record:
    made = events(EVENT | changes)
    assert not made.rejected
    (record,) = made.records
    assert payload(record) == EVENT | changes
    return record


def refused(**changes: object) -> str:
    made = events(EVENT | changes)
    assert not made.records
    (rejection,) = made.rejected
    assert rejection.reason
    assert json.loads(rejection.payload) == EVENT | changes
    return rejection.field


def test_fast_insulin_is_a_bolus_and_long_insulin_a_basal_dose() -> None:
    bolus = event()
    assert isinstance(bolus, r.Bolus)
    assert (bolus.delivery_type, bolus.action, bolus.normal, bolus.offset_min) == ("normal", "fast", 4.5, -480)
    basal = event(eventSubType="longActing", value="18")
    assert isinstance(basal, r.Basal)
    assert (basal.delivery_type, basal.action, basal.amount, basal.rate) == ("manual", "long", 18, None)
    other = event(eventSubType=None)
    assert isinstance(other, r.Bolus)
    assert other.action is None


@pytest.mark.parametrize(("value", "unit"), [(None, None), ("", "units"), (None, "unknown")])
def test_insulin_and_carbs_are_kept_without_an_amount(value: str | None, unit: str | None) -> None:
    bolus = event(value=value, unit=unit)
    assert isinstance(bolus, r.Bolus)
    assert bolus.normal is None
    food = event(eventType="carbs", eventSubType=None, value=value, unit=None)
    assert isinstance(food, r.Food)
    assert food.carbs_g is None


def test_carbs_may_be_a_number_too() -> None:
    food = event(eventType="carbs", eventSubType=None, value=45, unit="grams")
    assert isinstance(food, r.Food)
    assert food.carbs_g == 45


@pytest.mark.parametrize(
    ("value", "ms"), [("30", 1_800_000), ("0.5", 30_000), ("-1", None), ("-1.00", None), (None, None)]
)
def test_exercise(value: str | None, ms: int | None) -> None:
    exercise = event(eventType="exercise", eventSubType="heavy", value=value, unit="minutes")
    assert isinstance(exercise, r.Exercise)
    assert (exercise.intensity, exercise.duration_ms) == ("heavy", ms)


@pytest.mark.parametrize("value", [None, "0", "well"])
def test_a_health_event_needs_no_value_and_may_have_one(value: str | None) -> None:
    health = event(eventType="health", eventSubType="illness", value=value, unit=None)
    assert isinstance(health, r.Health)
    assert health.kind == "illness"
    new = event(eventType="health", eventSubType="hiccups", value=value, unit=None)
    assert isinstance(new, r.Health)
    assert new.kind == "hiccups"


@pytest.mark.parametrize("kind", ["note", "notes"])
def test_notes(kind: str) -> None:
    note = event(eventType=kind, eventSubType=None, value="Läuft gut\nheute", unit=None)
    assert isinstance(note, r.Note)
    assert note.text == "Läuft gut\nheute"


def test_blood_glucose_is_a_fingerstick() -> None:
    stick = event(eventType="bloodGlucose", eventSubType=None, value="118", unit="mg/dL")
    assert isinstance(stick, r.Fingerstick)
    assert (stick.value, stick.unit, stick.subtype) == (118, "mg/dL", "manual")
    stick = event(eventType="bloodGlucose", eventSubType=None, value="6.5", unit="mmol/L")
    assert isinstance(stick, r.Fingerstick)
    assert (stick.value, stick.unit) == (6.5, "mmol/L")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"value": "-4"}, "value"),
        ({"value": "4000"}, "value"),
        ({"value": "nan"}, "value"),
        ({"value": "inf"}, "value"),
        ({"value": "some"}, "value"),
        ({"value": {}}, "value"),
        ({"unit": "grams"}, "unit"),
        ({"eventType": "unknown"}, "eventType"),
        ({"eventType": "dance"}, "eventType"),
        ({"eventType": None}, "eventType"),
        ({"eventType": "carbs", "value": "5000", "unit": "grams"}, "value"),
        ({"eventType": "exercise", "value": "99999", "unit": "minutes"}, "value"),
        ({"eventType": "notes", "value": None}, "value"),
        ({"eventType": "notes", "value": "x" * 20_000}, "value"),
        ({"eventType": "bloodGlucose", "value": None, "unit": "mg/dL"}, "value"),
        ({"eventType": "bloodGlucose", "value": "3", "unit": "stone"}, "value"),
        ({"eventType": "carbs", "value": "4", "unit": "exchanges"}, "unit"),
        ({"systemTime": None}, "systemTime"),
        ({"eventStatus": 3}, "eventStatus"),
    ],
)
def test_an_event_that_does_not_fit_is_rejected(changes: dict[str, object], field: str) -> None:
    assert refused(**changes) == field


def test_a_deleted_event_is_a_key_to_remove_whatever_else_it_says() -> None:
    made = events(EVENT | {"eventStatus": "deleted", "value": "nonsense", "systemTime": None})
    assert (made.records, list(made.deleted), made.rejected) == ([], [EVENT["recordId"]], [])
    made = events(EVENT | {"eventStatus": "deleted", "recordId": None})
    assert list(made.deleted) == ["2026-03-08T09:55:03+00:00/event/insulin/fastActing"]


def test_the_last_version_of_an_event_in_an_answer_counts_in_any_order() -> None:
    created = EVENT
    updated = EVENT | {"eventStatus": "updated", "value": "5", "recordedSystemTime": "2026-03-08T11:00:00Z"}
    again = EVENT | {"eventStatus": "updated", "value": "6", "recordedSystemTime": "2026-03-08T12:00:00Z"}
    deleted = EVENT | {"eventStatus": "deleted"}
    for order in ([created, again, updated], [updated, again, created]):
        made = events(*order)
        assert [record.normal for record in made.records if isinstance(record, r.Bolus)] == [6]
    for order in ([deleted, created, updated], [updated, created, deleted]):
        made = events(*order)
        assert (made.records, list(made.deleted)) == ([], [EVENT["recordId"]])


def test_calibrations() -> None:
    made = understood(Calibrations, "calibration", CALIBRATION, CALIBRATION | {"recordId": None, "unit": None})
    assert [record.key for record in made.records] == [CALIBRATION["recordId"], "ab" * 32 + "/345678"]
    assert {(record.value, record.unit) for record in made.records if isinstance(record, r.Calibration)} == {
        (121, "mg/dL")
    }
    assert understood(Calibrations, "calibration", CALIBRATION | {"value": None}).without_value == 1
    bad = [CALIBRATION | {"value": "many"}, CALIBRATION | {"value": 3}, CALIBRATION | {"value": 3000, "unit": "kg"}]
    made = understood(Calibrations, "calibration", *bad)
    assert [rejection.field for rejection in made.rejected] == ["value", "value", "value"]


def test_alerts_in_the_providers_words() -> None:
    made = understood(Alerts, "alert", ALERT, ALERT | {"recordId": "2", "alertName": "gremlin", "alertState": None})
    assert [(record.name, record.state) for record in made.records if isinstance(record, r.Alert)] == [
        ("gremlin", "unknown"),
        ("urgentLow", "activeAlarming"),
    ]
    made = understood(Alerts, "alert", ALERT | {"alertName": None})
    assert [rejection.field for rejection in made.rejected] == ["alertName"]


def settings_of(*records: object) -> list[r.DeviceSettings]:
    made = understood(DeviceStates, "device", *records)
    return [record for record in made.records if isinstance(record, r.DeviceSettings)]


FULL = (
    alert_setting("low", 70, "mg/dL"),
    alert_setting("high", 250, "mg/dL", enabled=False),
    alert_setting("urgentLow", 55, "mg/dL", snooze=28),
    alert_setting("urgentLowSoon", 55, "mg/dL"),
    alert_setting("outOfRange", 20, "minutes", snooze=None),
    alert_setting("rise", 2, "mg/dL/min", snooze=None),
    alert_setting("fall", 3, "mg/dL/min", snooze=None, systemTime="2026-03-04T08:00:00Z"),
    alert_setting("newFangled", 3, "furlongs"),
)


def test_a_device_gives_its_status_and_the_settings_of_its_schedule() -> None:
    made = understood(DeviceStates, "device", device(schedule(*FULL)))
    assert not made.rejected
    settings, status = made.records
    assert isinstance(status, r.DeviceStatus)
    assert status.last_upload == status.time == datetime(2026, 3, 8, 10, tzinfo=UTC)
    assert isinstance(settings, r.DeviceSettings)
    assert settings.time == datetime(2026, 3, 4, 8, tzinfo=UTC)  # the newest change
    assert (settings.schedule_name, settings.manufacturers, settings.units) == ("Always", ("Dexcom",), "mg/dL")
    assert settings.low_alert == r.LevelAlert(enabled=True, level_mg_dl=70, snooze_ms=1_800_000)
    assert settings.high_alert == r.LevelAlert(enabled=False, level_mg_dl=250, snooze_ms=1_800_000)
    assert settings.urgent_low_alert == r.LevelAlert(enabled=True, level_mg_dl=55, snooze_ms=1_680_000)
    assert settings.out_of_range_alert == r.OutOfRangeAlert(enabled=True, threshold_ms=1_200_000)
    assert settings.rise_alert == r.RateAlert(enabled=True, rate_mg_dl_min=2)
    assert settings.fall_alert == r.RateAlert(enabled=True, rate_mg_dl_min=-3)


def test_settings_are_one_record_until_their_content_changes() -> None:
    def key(*settings: dict[str, object], **head: object) -> str:
        return settings_of(device(schedule(*settings, **head)))[0].key

    same = key(*FULL)
    assert key(*reversed(FULL)) == same
    assert key(*FULL, isActive=False, override={"isOverrideEnabled": True}) == same
    later = settings_of(device(schedule(*FULL), lastUploadDate="2026-03-09T01:00:00Z"))[0]
    first = settings_of(device(schedule(*FULL)))[0]
    assert msgspec.json.encode(later) == msgspec.json.encode(first)
    assert key(alert_setting("low", 75, "mg/dL"), *FULL[1:]) != same
    assert key(*FULL, startTime="22:00") != same


def test_two_phones_of_one_person_have_settings_of_their_own() -> None:
    both = settings_of(device(schedule(*FULL)), device(schedule(*FULL), displayDevice="receiver"))
    assert len({settings.key for settings in both}) == 2


def test_schedules_as_receivers_send_them() -> None:
    made = understood(
        DeviceStates,
        "device",
        device(),
        device(alertSchedules=None, displayApp=None),
        device(schedule(), displayApp="x"),
    )
    assert not made.rejected
    assert [type(record) for record in made.records] == [r.DeviceStatus] * 3


def test_of_an_alert_set_twice_the_newest_counts() -> None:
    old = alert_setting("low", 80, "mg/dL", systemTime="2026-02-01T00:00:00Z")
    new = alert_setting("low", 75, "mg/dL", systemTime="2026-03-01T00:00:00Z")
    for order in ((old, new), (new, old)):
        (settings,) = settings_of(device(schedule(*order)))
        assert settings.low_alert is not None
        assert settings.low_alert.level_mg_dl == 75


def test_fall_rates_come_with_either_sign() -> None:
    (settings,) = settings_of(device(schedule(alert_setting("fall", -2, "mg/dL/min"))))
    assert settings.fall_alert == r.RateAlert(enabled=True, rate_mg_dl_min=-2)


def test_a_bad_setting_loses_only_itself() -> None:
    bad = alert_setting("low", 5000, "mg/dL")
    made = understood(DeviceStates, "device", device(schedule(bad, FULL[1])), 17)
    (settings, _) = made.records
    assert isinstance(settings, r.DeviceSettings)
    assert (settings.low_alert, settings.high_alert is None) == (None, False)
    assert {rejection.field for rejection in made.rejected} == {"alertSettings[0].value", "record"}


def test_a_device_without_any_time() -> None:
    untimed = [alert_setting("low", 70, "mg/dL", systemTime=None)]
    made = understood(DeviceStates, "device", device(schedule(*untimed), lastUploadDate=None))
    assert (made.records, [rejection.field for rejection in made.rejected]) == (
        [],
        ["alertSchedules[0].lastUploadDate"],
    )
    (settings,) = settings_of(device(schedule(*untimed)))
    assert settings.time == datetime(2026, 3, 8, 10, tzinfo=UTC)
