"""How a device's alerts were set over time, in sentences: `low alert 70 → 75 mg/dL`."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from glucoflow.model.said import digits, joined, said
from glucoflow.model.units import MG_DL, Unit, factor_of, glucose_unit

ALERTS = {
    "urgent_low_alert": said("urgent low alert"),
    "urgent_low_soon_alert": said("urgent low soon alert"),
    "low_alert": said("low alert"),
    "high_alert": said("high alert"),
    "out_of_range_alert": said("signal loss alert"),
    "rise_alert": said("rise alert"),
    "fall_alert": said("fall alert"),
}


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What one settings record changed against the one before of the same device and schedule."""

    time: datetime
    offset_min: int
    device: str
    lines: tuple[str, ...]


def settings_agg(end: datetime) -> dict[str, Any]:
    """A search body for the last 100 settings records before `end`."""
    query = [{"term": {"event.dataset": "device.settings"}}, {"range": {"@timestamp": {"lt": end.isoformat()}}}]
    fields = ["@timestamp", "time.utc_offset_min", "device", "settings"]
    newest = {"top_hits": {"size": 100, "sort": [{"@timestamp": "desc"}], "_source": fields}}
    return {"size": 0, "aggs": {"settings": {"filter": {"bool": {"filter": query}}, "aggs": {"newest": newest}}}}


def changes(records: Sequence[Mapping[str, Any]], unit: Unit) -> list[Change]:
    """Changes oldest first; the first record of a device tells all its settings. `records` may come in any order."""
    last: dict[str, dict[str, str]] = {}
    result = []
    for record in sorted(records, key=lambda one: str(one["@timestamp"])):
        device = _device(record.get("device", {}))
        key = f"{device} {record['settings'].get('schedule_name', '')}"
        now = dict(_alerts(record["settings"], unit))
        lines = tuple(_compared(last.get(key), now))
        last[key] = now
        if lines:
            time = datetime.fromisoformat(record["@timestamp"]).astimezone(UTC)
            offset = record.get("time", {}).get("utc_offset_min", 0)
            result.append(Change(time=time, offset_min=offset, device=_named(device, record["settings"]), lines=lines))
    return result


def _named(device: str, settings: Mapping[str, Any]) -> str:
    """A receiver with two alert schedules has a line of history for each."""
    schedule = settings.get("schedule_name")
    return f"{device} · {schedule}" if schedule else device


def _compared(before: Mapping[str, str] | None, now: Mapping[str, str]) -> Iterator[str]:
    for name, value in now.items():
        old = before.get(name) if before else None
        if before is None or old is None:
            yield joined(" ", (name, value))
        elif old != value:
            yield joined(" ", (name, old, "→", value))


def _alerts(settings: Mapping[str, Any], unit: Unit) -> Iterator[tuple[str, str]]:
    for field, name in ALERTS.items():
        alert = settings.get(field)
        if alert is not None:
            yield name, _level(alert, unit) if alert.get("enabled") else said("off")
    if settings.get("software_version"):
        yield said("software"), settings["software_version"]


def _level(alert: Mapping[str, Any], unit: Unit) -> str:
    if alert.get("level_mg_dl") is not None:
        return glucose_unit(alert["level_mg_dl"], unit)
    if alert.get("rate_mg_dl_min") is not None:
        rate = alert["rate_mg_dl_min"]
        text = f"{rate:g} mg/dL/min" if unit == MG_DL else f"{rate * factor_of(unit):.2f} mmol/L/min"
        return digits(text.replace("-", "−"))  # a real minus
    if alert.get("threshold_ms") is not None:
        return said("after %(n)s min", n=f"{alert['threshold_ms'] / 60_000:.0f}")
    return said("on")


def _device(device: Mapping[str, Any]) -> str:
    name = device.get("name") or " ".join(filter(None, (device.get("manufacturer"), device.get("model"))))
    return name or device.get("display") or device.get("id") or said("device")
