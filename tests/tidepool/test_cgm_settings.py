"""cgmSettings v1: three forms, two spellings, the schema's bounds, and our records there and back."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given

from glucoflow.model import records as r
from glucoflow.model.errors import Rejected
from glucoflow.tidepool import cgm_settings as cgm
from glucoflow.tidepool.cgm_settings.schema import Deduplicator
from tests.tidepool.made import DEVICE, RECORDS

COMMON: dict[str, Any] = {
    "type": "cgmSettings",
    "firmwareVersion": "1.2",
    "hardwareVersion": "2.3r45",
    "softwareVersion": "3.4.5",
    "manufacturers": ["Acme"],
    "model": "Turbo CGM III",
    "name": "My CGM",
    "outOfRangeAlerts": {"enabled": False, "snooze": 1_800_000},
    "serialNumber": "1234567890",
    "transmitterId": "C8E65",
    "clockDriftOffset": -1500,
    "conversionOffset": 0,
    "deviceId": "DevId0987654321",
    "deviceTime": "2018-05-14T18:17:07",
    "time": "2018-05-14T08:17:07Z",
    "timezone": "Australia/Brisbane",
    "timezoneOffset": 600,
    "uploadId": "0d92d5c1c22117a18f3620b9e24d3c06",
    "annotations": [{"code": "wrong-device-time"}],
    "associations": [{"type": "url", "url": "https://example.org/manual", "reason": "manual"}],
    "deduplicator": {"name": "org.tidepool.deduplicator.none", "version": "1.0.0"},
    "origin": {
        "id": "o1",
        "name": "com.example",
        "payload": {"free": 1},
        "time": "2018-05-14T08:17:07Z",
        "type": "device",
        "version": "7",
    },
    "payload": {"anything": [1, 2]},
}
MMOL: dict[str, Any] = COMMON | {
    "highAlerts": {"enabled": True, "level": 10.82396, "snooze": 4_500_000},
    "lowAlerts": {"enabled": True, "level": 3.33045, "snooze": 1_800_000},
    "rateOfChangeAlert": {
        "fallRate": {"enabled": True, "rate": -0.05551},
        "riseRate": {"enabled": False, "rate": 0.11101},
    },
    "units": "mmol/L",
}
MG_DL: dict[str, Any] = COMMON | {
    "highAlerts": {"enabled": True, "level": 195, "snooze": 4_500_000},
    "lowAlerts": {"enabled": True, "level": 60, "snooze": 1_800_000},
    "rateOfChangeAlert": {"fallRate": {"enabled": True, "rate": -1}, "riseRate": {"enabled": False, "rate": 2}},
    "units": "mg/dL",
}
KEPT = {"id": "02ccebd2affc472d9b296d4f1f800dfd", "guid": "6d15f48c-3734-4ad1-8f39-9b374f1d127f"}


@pytest.mark.parametrize("record", [MMOL | KEPT, MG_DL | KEPT])
def test_the_client_form_is_written_as_it_was_read(record: dict[str, Any]) -> None:
    assert cgm.write(cgm.read(record), "client") == record
    assert cgm.write(cgm.read(json.dumps(record).encode()), "client") == record


def test_the_ingestion_form_has_no_id_and_the_devices_units() -> None:
    assert cgm.write(cgm.read(MG_DL | KEPT), "ingestion") == MG_DL


def test_the_storage_form_is_in_mmol_whatever_came_and_has_its_bookkeeping() -> None:
    storage = cgm.Storage(group_id="abcdef", version=3)
    stored = cgm.write(cgm.read(MG_DL | KEPT), "storage", storage)
    assert stored == MMOL | KEPT | {"_groupId": "abcdef", "_active": True, "_schemaVersion": 0, "_version": 3}
    assert cgm.write(cgm.read(stored), "client") == MMOL | KEPT
    with pytest.raises(ValueError, match="bookkeeping"):
        cgm.write(cgm.read(MG_DL), "storage")


def test_both_spellings_are_read_and_the_schemas_is_written() -> None:
    other = dict(MG_DL)
    other["rateOfChangeAlerts"] = other.pop("rateOfChangeAlert")
    assert cgm.read(other) == cgm.read(MG_DL)
    written = cgm.write(cgm.read(other), "client")
    assert "rateOfChangeAlert" in written
    assert "rateOfChangeAlerts" not in written


def test_units_there_and_back() -> None:
    settings = cgm.read(MG_DL)
    assert cgm.in_units(cgm.in_units(settings, "mmol/L"), "mg/dL") == settings
    assert cgm.in_units(settings, "mmol/L") == cgm.read(MMOL)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"highAlerts": {"enabled": True, "level": 195}}, "highAlerts"),
        ({"highAlerts": {"enabled": True, "level": 1001, "snooze": 0}}, "highAlerts.level"),
        ({"highAlerts": {"enabled": True, "level": -1, "snooze": 0}}, "highAlerts.level"),
        ({"lowAlerts": {"enabled": True, "level": 60, "snooze": 86_400_001}}, "lowAlerts.snooze"),
        ({"lowAlerts": {"enabled": "yes", "level": 60, "snooze": 1}}, "lowAlerts.enabled"),
        ({"outOfRangeAlerts": {"enabled": True, "snooze": -1}}, "outOfRangeAlerts.snooze"),
        ({"rateOfChangeAlert": {"fallRate": {"rate": 2}, "riseRate": {}}}, "rateOfChangeAlert.fallRate.rate"),
        ({"rateOfChangeAlert": {"fallRate": {"rate": -11}, "riseRate": {}}}, "rateOfChangeAlert.fallRate.rate"),
        ({"rateOfChangeAlert": {"fallRate": {}, "riseRate": {"rate": 0}}}, "rateOfChangeAlert.riseRate.rate"),
        ({"rateOfChangeAlert": {"fallRate": {}}}, "rateOfChangeAlert"),
        ({"units": "stone"}, "units"),
        ({"type": "cbg"}, "type"),
        ({"manufacturers": ["x"] * 11}, "manufacturers"),
        ({"model": ""}, "model"),
        ({"model": "x" * 101}, "model"),
        ({"clockDriftOffset": 90_000_000}, "clockDriftOffset"),
        ({"timezoneOffset": 20_000}, "timezoneOffset"),
        ({"deviceTime": "2018-05-14T18:17:07Z"}, "deviceTime"),
        ({"time": "yesterday"}, "time"),
    ],
)
def test_what_the_schema_does_not_allow_is_refused_with_its_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(Rejected) as caught:
        cgm.read(MG_DL | changes)
    assert caught.value.field == field
    assert caught.value.reason


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"null", b'{"type": 5}'])
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(Rejected):
        cgm.read(data)


def test_our_record_of_it() -> None:
    for wire in (MG_DL, MMOL):
        record = cgm.to_record(cgm.read(wire), "key")
        assert record.time == datetime(2018, 5, 14, 8, 17, 7, tzinfo=UTC)
        assert (record.offset_min, record.zone, record.units) == (600, "Australia/Brisbane", wire["units"])
        assert record.high_alert == r.LevelAlert(enabled=True, level_mg_dl=195, snooze_ms=4_500_000)
        assert record.low_alert == r.LevelAlert(enabled=True, level_mg_dl=60, snooze_ms=1_800_000)
        assert record.out_of_range_alert == r.OutOfRangeAlert(enabled=False, threshold_ms=1_800_000)
        assert record.fall_alert == r.RateAlert(enabled=True, rate_mg_dl_min=-1)
        assert record.rise_alert == r.RateAlert(enabled=False, rate_mg_dl_min=2)
        assert record.device is not None
        assert (record.device.manufacturer, record.device.transmitter_id) == ("Acme", "C8E65")


def test_a_dexcom_devices_settings_as_cgm_settings() -> None:
    record = r.DeviceSettings(
        time=datetime(2026, 3, 3, 8, tzinfo=UTC),
        key="k",
        offset_min=-480,
        device=DEVICE,
        manufacturers=("Dexcom",),
        low_alert=r.LevelAlert(enabled=True, level_mg_dl=75.0),
        urgent_low_alert=r.LevelAlert(enabled=True, level_mg_dl=55.0),
        fall_alert=r.RateAlert(enabled=True, rate_mg_dl_min=-3.0),
    )
    assert cgm.write(cgm.of_record(record), "client") == {
        "type": "cgmSettings",
        "time": "2026-03-03T08:00:00Z",
        "timezoneOffset": -480,
        "deviceId": "DexcomG7_ab",
        "manufacturers": ["Dexcom"],
        "model": "G7",
        "name": "Dexcom G7",
        "transmitterId": "ab" * 32,
        "units": "mg/dL",
        "lowAlerts": {"enabled": True, "level": 75, "snooze": 0},
        "rateOfChangeAlert": {"fallRate": {"enabled": True, "rate": -3}, "riseRate": {"enabled": False}},
    }


@given(RECORDS[r.DeviceSettings])
def test_any_settings_become_cgm_settings_that_can_be_read(record: r.DeviceSettings) -> None:
    settings = cgm.of_record(record)
    again = cgm.to_record(cgm.read(cgm.write(settings, "client")), record.key)
    for name in ("low_alert", "high_alert"):
        alert = getattr(record, name)
        if alert is not None and alert.level_mg_dl is not None:
            assert getattr(again, name).level_mg_dl == alert.level_mg_dl
            assert getattr(again, name).enabled == alert.enabled


def test_base_fields_are_typed() -> None:
    settings = cgm.read(MG_DL)
    assert settings.deduplicator == Deduplicator(name="org.tidepool.deduplicator.none", version="1.0.0")
    assert settings.annotations == (r.Annotation("wrong-device-time"),)
    assert settings.clock_drift_offset == -1500
