"""What apps send, in each one's own form."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

NOW = datetime.now(UTC).replace(microsecond=0)
"""When phones send, to a site that was opened then (`clock_since`): the tests may begin long after they were read."""


def clock_since(time: datetime) -> Callable[[], datetime]:
    """A clock that shows `time` now."""
    begun = monotonic()
    return lambda: time + timedelta(seconds=monotonic() - begun)


def ms(time: datetime) -> int:
    return int(time.timestamp() * 1000)


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def z(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def z_ms(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def xdrip_sgv(minutes: float, sgv: int = 120, **more: Any) -> dict[str, Any]:
    time = ago(minutes)
    local = (time + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S.000+0200")
    return {
        "device": "xDrip-DexcomG6",
        "date": ms(time),
        "dateString": local,
        "sgv": sgv,
        "delta": 1.5,
        "direction": "Flat",
        "type": "sgv",
        "filtered": 130000,
        "unfiltered": 131000,
        "rssi": 100,
        "noise": 1,
        "sysTime": local,
        **more,
    }


def loop_sgv(minutes: float, sgv: float = 120.0, direction: str = "Flat") -> dict[str, Any]:
    time = ago(minutes)
    return {
        "date": float(ms(time)),
        "dateString": z(time),
        "sgv": sgv,
        "trend": 4,
        "direction": direction,
        "trendRate": 0.5,
        "isCalibration": False,
        "device": "loop://iPhone",
        "type": "sgv",
    }


def loop_treatments(minutes: float) -> list[dict[str, Any]]:
    common = {"enteredBy": "loop://iPhone"}
    times = [ago(minutes + at) for at in range(3)]
    stamps = [{"created_at": z(time), "timestamp": z(time)} for time in times]
    return [
        {
            **common,
            **stamps[0],
            "eventType": "Correction Bolus",
            "insulin": 1.25,
            "programmed": 1.25,
            "unabsorbed": 0,
            "type": "normal",
            "duration": 0.0333,
            "syncIdentifier": "a1b2",
            "insulinType": "Novolog",
        },
        {
            **common,
            **stamps[1],
            "eventType": "Temp Basal",
            "temp": "absolute",
            "rate": 0.85,
            "absolute": 0.85,
            "duration": 29.5,
            "amount": 0.4,
            "syncIdentifier": "c3d4",
            "insulinType": "Novolog",
            "automatic": True,
        },
        {
            **common,
            **stamps[2],
            "eventType": "Carb Correction",
            "carbs": 25,
            "absorptionTime": 180,
            "syncIdentifier": "e5f6",
            "foodType": "🍎",
        },
    ]


def androidaps_bolus(minutes: float, identifier: str, **more: Any) -> dict[str, Any]:
    time = ago(minutes)
    return {
        "eventType": "Correction Bolus",
        "insulin": 2.3,
        "created_at": z_ms(time),
        "date": ms(time),
        "isValid": True,
        "utcOffset": 120,
        "type": "NORMAL",
        "app": "AAPS",
        "identifier": identifier,
        "enteredBy": "AndroidAPS",
        "notes": "<b>lunch</b>",
        **more,
    }
