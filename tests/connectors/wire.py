"""Records as Dexcom sends them, for tests to bend."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from pydantic import SecretStr

from connectors.dexcom import DexcomSettings
from connectors.dexcom.answers import envelope
from connectors.dexcom.connector import DexcomConnector, open_connector
from glucoflow.model.credentials import Credentials
from glucoflow.model.ingestion import Window
from glucoflow.provider import Double, Limits, Page, Site, Terms

NOW = datetime(2026, 3, 9, 12, 0, tzinfo=UTC)
DAY = Window(datetime(2026, 3, 8, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC))
QUICK = Limits(connect_s=2, read_s=0.5, answer_s=1.5, max_bytes=2 * 2**20, first_wait_s=0.01, longest_wait_s=0.05)

COMMON = {
    "recordId": "5f0a1d3c-0000-4000-8000-000000000001",
    "systemTime": "2026-03-08T09:55:03Z",
    "displayTime": "2026-03-08T01:55:03-08:00",
    "transmitterId": "ab" * 32,
    "displayDevice": "iOS",
    "transmitterGeneration": "g7",
    "displayApp": "G7",
}
EGV = COMMON | {
    "transmitterTicks": 345678,
    "value": 112,
    "status": None,
    "trend": "flat",
    "trendRate": -0.2,
    "unit": "mg/dL",
    "rateUnit": "mg/dL/min",
}
EVENT = COMMON | {
    "recordedSystemTime": "2026-03-08T09:56:00Z",
    "recordedDisplayTime": "2026-03-08T01:56:00-08:00",
    "eventStatus": "created",
    "eventType": "insulin",
    "eventSubType": "fastActing",
    "value": "4.5",
    "unit": "units",
}
CALIBRATION = COMMON | {"unit": "mg/dL", "value": 121, "transmitterTicks": 345678}
ALERT = COMMON | {"alertName": "urgentLow", "alertState": "activeAlarming"}


def alert_setting(name: str, value: object, unit: str, **more: object) -> dict[str, object]:
    return {
        "alertName": name,
        "value": value,
        "unit": unit,
        "snooze": 30,
        "enabled": True,
        "systemTime": "2026-03-03T08:00:00Z",
        "displayTime": "2026-03-03T00:00:00-08:00",
    } | more


def schedule(*settings: dict[str, object], **head: object) -> dict[str, object]:
    return {
        "alertScheduleSettings": {
            "alertScheduleName": "Always",
            "isEnabled": True,
            "isDefaultSchedule": True,
            "isActive": True,
            "startTime": "00:00",
            "endTime": "00:00",
            "daysOfWeek": ["sunday", "monday", ""],
            "override": {"isOverrideEnabled": False, "mode": "quiet", "endTime": None},
        }
        | head,
        "alertSettings": list(settings),
    }


def device(*schedules: dict[str, object], **more: object) -> dict[str, object]:
    return {
        "lastUploadDate": "2026-03-08T10:00:00Z",
        "transmitterId": "ab" * 32,
        "transmitterGeneration": "g7",
        "displayDevice": "iOS",
        "displayApp": "G7",
        "alertSchedules": list(schedules),
    } | more


def body(record_type: str, *records: object) -> bytes:
    """An answer of the API."""
    answer = {"recordType": record_type, "recordVersion": "3.0", "userId": "cd" * 32, "records": list(records)}
    return json.dumps(answer).encode()


def understood(converter: Any, record_type: str, *records: object) -> Page:
    """The page that a converter makes of an answer with these records."""
    page: Page = converter(NOW).page(DAY, envelope(body(record_type, *records), record_type).records)
    return page


def bearing(token: str) -> Credentials:
    return Credentials(values={"access": SecretStr(token)})


def double_at(url: str) -> Site:
    """A site whose cloud is the test's own server."""
    return Site(
        region="simulator",
        double=Double(
            url=url, client_id="double", client_secret=SecretStr("of the double"), redirect_uri="http://localhost/"
        ),
    )


def connector(
    base_url: str,
    source: Any = None,
    limits: Limits = QUICK,
    on_date: Callable[[datetime], None] = lambda _date: None,
) -> DexcomConnector:
    source = source or (lambda force: bearing("renewed-token" if force else "first-token"))
    return open_connector(DexcomSettings(), double_at(base_url), source, Terms(now=NOW, limits=limits, on_date=on_date))


def minutes(count: int) -> timedelta:
    return timedelta(minutes=count)


def payload(record: Any) -> Any:
    return msgspec.json.decode(record.payload)
