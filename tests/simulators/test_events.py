"""What people note, and what their devices tell: events, calibrations, alerts and settings."""

from datetime import timedelta
from itertools import pairwise

import numpy as np

from glucoflow.simulators.dexcom import SettableClock
from tests.simulators.caller import Caller, Record, utc
from tests.simulators.conftest import NOW, SINCE, ZONES


def test_events_are_of_every_type_in_the_wire_form(caller: Caller) -> None:
    events = [event for person in ZONES for event in caller.records(person, "events", SINCE, NOW)]
    assert {event["eventType"] for event in events} == {
        "insulin",
        "carbs",
        "exercise",
        "health",
        "bloodGlucose",
        "notes",
    }
    units = {
        "insulin": "units",
        "carbs": "grams",
        "exercise": "minutes",
        "bloodGlucose": "mg/dL",
        "health": None,
        "notes": None,
    }
    subtypes = {
        "insulin": {"fastActing", "longActing"},
        "exercise": {"light", "medium", "heavy"},
        "health": {"illness", "stress", "highSymptoms", "lowSymptoms", "cycle", "alcohol"},
    }
    for event in events:
        assert event["unit"] == units[event["eventType"]]
        assert event["eventSubType"] in subtypes.get(event["eventType"], {None})
        assert event["eventStatus"] == "created"
        assert event["value"] is None or isinstance(event["value"], str)
        assert utc(event["recordedSystemTime"]) >= utc(event["systemTime"])
    assert len({event["recordId"] for event in events}) == len(events)


def test_glucose_rises_after_meals(caller: Caller, readings: dict[str, list[Record]]) -> None:
    times = np.array([utc(record["systemTime"]).timestamp() for record in readings["alma"]])
    values = np.array([record["value"] for record in readings["alma"]], dtype=float)
    meals = [event for event in caller.records("alma", "events", SINCE, NOW) if event["eventType"] == "carbs"]
    rises = []
    for meal in meals:
        at = utc(meal["systemTime"]).timestamp()
        if int(meal["value"]) >= 35:
            rises.append(np.interp(at + 3600, times, values) - np.interp(at, times, values))
    assert len(rises) > 150
    assert 20 < float(np.mean(rises)) < 100


def test_only_the_g6_calibrates(caller: Caller) -> None:
    for person in ZONES:
        found = caller.records(person, "calibrations", SINCE, NOW)
        assert (40 < len(found) < 90) if person == "bruno" else not found
        assert all(40 <= one["value"] <= 400 and one["transmitterTicks"] >= 0 for one in found)


def test_alerts_follow_from_the_curve_and_the_settings_of_the_time(
    caller: Caller, readings: dict[str, list[Record]]
) -> None:
    alerts = caller.records("bruno", "alerts", SINCE, NOW)
    assert {alert["alertState"] for alert in alerts} == {"activeAlarming", "activeSnoozed", "inactive"}
    assert {"low", "high", "urgentLow", "urgentLowSoon", "fall", "noReadings"} <= {one["alertName"] for one in alerts}
    assert "rise" not in {alert["alertName"] for alert in alerts}
    value_at = {record["systemTime"]: record["value"] for record in readings["bruno"]}
    changed = SINCE + timedelta(days=60)
    levels: dict[bool, list[int]] = {False: [], True: []}
    for alert in alerts:
        if alert["alertName"] == "low" and alert["alertState"] == "activeAlarming":
            levels[utc(alert["systemTime"]) >= changed].append(value_at[alert["systemTime"]])
    assert max(levels[False]) < 70
    assert 70 <= max(levels[True]) < 75


def test_every_alarm_ends(caller: Caller) -> None:
    for person in ZONES:
        alerts = caller.records(person, "alerts", SINCE, NOW)
        for name in {alert["alertName"] for alert in alerts}:
            states = [
                one["alertState"] for one in alerts if one["alertName"] == name and one["alertState"] != "activeSnoozed"
            ]
            # from the second on: what began before the data did has no beginning here; the change of the low
            # setting may leave one end unpaired
            odd = sum(a == b for a, b in pairwise(states))
            assert odd <= 1, (person, name)


def test_devices_show_the_settings_of_the_moment(caller: Caller, clock: SettableClock) -> None:
    def lows() -> list[tuple[int, str]]:
        device = caller.get("devices", caller.tokens("bruno")["access_token"]).json()["records"][0]
        assert device["transmitterGeneration"] == "g6"
        return [
            (alert["value"], alert["systemTime"])
            for schedule in device["alertSchedules"]
            for alert in schedule["alertSettings"]
            if alert["alertName"] == "low"
        ]

    clock.set(SINCE + timedelta(days=59))
    assert lows() == [(70, "2026-08-23T00:00:00Z")] * 2
    clock.set(SINCE + timedelta(days=61))
    new, old = (75, "2026-10-22T00:00:00Z"), (70, "2026-08-23T00:00:00Z")
    assert lows() == [new, new, old]


def test_a_device_uploads_when_its_newest_reading_was(caller: Caller, clock: SettableClock) -> None:
    def uploaded() -> str:
        access = caller.tokens()["access_token"]
        return str(caller.get("devices", access).json()["records"][0]["lastUploadDate"])

    before = uploaded()
    clock.advance(timedelta(hours=1))
    assert utc(uploaded()) - utc(before) == timedelta(hours=1)
