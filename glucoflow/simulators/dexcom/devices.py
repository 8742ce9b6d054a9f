"""The devices of an account with their alert schedules (`devices`), as they are at one moment."""

from typing import Any

from glucoflow.simulators.dexcom.alerts import settings_at
from glucoflow.simulators.dexcom.readings import DISPLAY_APP
from glucoflow.simulators.patient import PatientModel
from glucoflow.simulators.scenario import AlertSettings, SimulatedPerson
from glucoflow.simulators.wallclock import epoch, moment, offset, suffix

WEEK = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]


def devices_of(patient: PatientModel, newest: int | None, as_of: int) -> list[dict[str, Any]]:
    """The devices known at `as_of`; `newest` is the systemTime of the newest reading uploaded, None: no device yet."""
    if newest is None:
        return []
    person, worn = patient.person, patient.sensors.worn(newest, newest + 1)
    phone = {
        "lastUploadDate": _utc(newest),
        "transmitterId": patient.sensors.transmitter_id(worn[0].transmitter) if worn else None,
        "transmitterGeneration": person.generation,
        "displayDevice": person.display_device,
        "displayApp": DISPLAY_APP[person.generation],
        "alertSchedules": _schedules(person, as_of),
    }
    if person.display_device != "receiver":
        return [phone]
    # Receivers are seen to send empty schedules and no app (tidepool-org/platform, dexcom/alert_schedule.go).
    return [{**phone, "displayApp": None, "alertSchedules": []}]


def _schedules(person: SimulatedPerson, as_of: int) -> list[dict[str, Any]]:
    settings = settings_at(person, as_of)
    first = settings_at(person, 0)
    always = {
        "alertScheduleName": "Default Schedule" if person.generation == "g6" else "Profile 1",
        "isEnabled": True,
        "isDefaultSchedule": True,
        "isActive": True,
        "startTime": "00:00",
        "endTime": "00:00",
        "daysOfWeek": WEEK,
        "override": {"isOverrideEnabled": False, "mode": "unknown", "endTime": None},
    }
    found = [{"alertScheduleSettings": always, "alertSettings": _alerts(person, settings, sound="match")}]
    if person.generation == "g6":
        night = {
            **always,
            "alertScheduleName": "Night",
            "isDefaultSchedule": False,
            "isActive": False,
            "startTime": "22:00",
            "endTime": "07:00",
        }
        alerts = _alerts(person, settings, sound="vibrate")
        if settings != first:
            # An old setting is seen beside the new one; the newest systemTime counts (as above).
            alerts.append(_alerts(person, first, sound="vibrate")[1])
        found.append({"alertScheduleSettings": night, "alertSettings": alerts})
    return found


def _alerts(person: SimulatedPerson, settings: AlertSettings, sound: str) -> list[dict[str, Any]]:
    rows: list[tuple[str, int, str, int | None, bool]] = [
        ("high", settings.high, "mg/dL", settings.snooze_high, True),
        ("low", settings.low, "mg/dL", settings.snooze_low, True),
        ("rise", settings.rise or 3, "mg/dL/min", None, settings.rise is not None),
        ("fall", -settings.fall, "mg/dL/min", None, True),
        ("outOfRange", settings.out_of_range_minutes, "minutes", None, True),
        ("urgentLow", settings.urgent_low, "mg/dL", 28, True),
        ("urgentLowSoon", settings.urgent_low, "mg/dL", 30, True),
    ]
    since = epoch(settings.since)
    ahead = offset(person, since)
    return [
        {
            "alertName": name,
            "value": value,
            "unit": unit,
            "snooze": snooze,
            "enabled": enabled,
            "delay": None,
            "secondaryTriggerCondition": None,
            "systemTime": _utc(since),
            "displayTime": moment(since + ahead).strftime("%Y-%m-%dT%H:%M:%S") + suffix(ahead),
            "soundTheme": "modern",
            "soundOutputMode": sound,
        }
        for name, value, unit, snooze, enabled in rows
    ]


def _utc(seconds: int) -> str:
    return moment(seconds).strftime("%Y-%m-%dT%H:%M:%SZ")
