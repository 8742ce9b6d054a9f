"""What stands in the real answers beside what anybody reads: the strict models of other clients ask for all of it."""

from typing import Any


def user(own_id: str, mmol: bool, now: int) -> dict[str, Any]:
    """The user of a log-in's answer."""
    return {
        "id": own_id, "firstName": "Made", "lastName": "Up", "country": "DE", "uiLanguage": "de-DE",
        "accountType": "pat", "uom": "0" if mmol else "1", "dateFormat": "2", "timeFormat": "2", "emailDay": [1],
        "system": {"messages": {}}, "details": {}, "created": now - 86_400, "lastLogin": now, "programs": {},
        "dateOfBirth": 0, "practices": {}, "devices": {}, "consents": {"llu": {"policyAccept": now, "touAccept": now}},
    }  # fmt: skip


def beside_the_ticket() -> dict[str, Any]:
    """What a log-in's answer has besides user and ticket."""
    return {"messages": {"unread": 0}, "notifications": {"unresolved": 0}, "invitations": None}


def connection(now: int) -> dict[str, Any]:
    """What a connection has besides person, sensor and glucose: targets, alarms, the phone."""
    device = {"did": "", "dtid": 40068, "v": "3.5.0", "ll": 70, "hl": 250, "u": now, "alarms": True}
    return {
        "status": 2, "targetLow": 70, "targetHigh": 180, "created": now - 86_400, "glucoseAlarm": None,
        "alarmRules": {"c": True, "h": {"th": 250, "thmm": 13.9, "d": 1440, "f": 0.1},
                       "f": {"th": 55, "thmm": 3, "d": 30, "tl": 10, "tlmm": 0.6},
                       "l": {"th": 70, "thmm": 3.9, "d": 1440, "tl": 10, "tlmm": 0.6},
                       "nd": {"i": 20, "r": 5, "l": 6}, "p": 5, "r": 5, "std": {}},
        "patientDevice": {**device, "fixedLowAlarmValues": {"mgdl": 60, "mmoll": 3.3}},
    }  # fmt: skip
