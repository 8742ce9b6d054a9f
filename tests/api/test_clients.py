"""Clients that others wrote read and understand us: Home Assistant's (py-nightscout) and python-nightscout."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import nightscout
import py_nightscout

from tests.api.conftest import Phone
from tests.api.sent import ago, loop_treatments, xdrip_sgv, z
from tests.web.serving import Site

PROFILE = {
    "defaultProfile": "Default",
    "startDate": z(ago(600)),
    "store": {
        "Default": {
            "dia": 6,
            "carbs_hr": 20,
            "delay": 20,
            "timezone": "UTC",
            "units": "mg/dL",
            **{
                name: [{"time": "00:00", "value": 1.5, "timeAsSeconds": 0}]
                for name in ("basal", "carbratio", "sens", "target_low", "target_high")
            },
        }
    },
}


def filled(phone: Phone) -> None:
    phone.post("/api/v1/entries", json=[xdrip_sgv(5 * at, 100 + at) for at in range(30)])
    phone.post("/api/v1/treatments", json=loop_treatments(10))
    phone.post("/api/v1/profile", json=PROFILE)
    phone.post("/api/v1/devicestatus", json={"device": "xDrip", "uploader": {"battery": 80}, "uploaderBattery": 80})


def test_home_assistants_client(doors: Site, phone: Phone) -> None:
    filled(phone)

    async def asked(key: str) -> Any:
        api = py_nightscout.Api(doors.url, api_secret=key)
        status, sgvs = await api.get_server_status(), await api.get_sgvs()
        return status, sgvs, await api.get_treatments(), await api.get_latest_devices_status()

    for key in (phone.secret, f"token={phone.secret}"):
        with ThreadPoolExecutor(1) as other:  # in this thread a browser's loop may run
            status, sgvs, treatments, devices = other.submit(asyncio.run, asked(key)).result()
        assert (status.name, status.status) == ("nightscout", "ok")
        assert [one.sgv for one in sgvs] == list(range(100, 110))
        assert (sgvs[0].direction, sgvs[0].date, sgvs[0].device) == ("Flat", ago(0), "xDrip-DexcomG6")
        assert [one.eventType for one in treatments] == ["Correction Bolus", "Temp Basal", "Carb Correction"]
        assert devices["xDrip"].uploader.battery == 80


def test_another_client(doors: Site, phone: Phone) -> None:
    filled(phone)
    api = nightscout.Api(doors.url, api_secret=phone.secret)
    found = api.get_sgvs({"count": 0, "find[dateString][$gte]": z(ago(61))})
    assert [one.sgv for one in found] == list(range(100, 113))
    assert found[0].date == ago(0)
    since = api.get_treatments({"count": 0, "find[timestamp][$gte]": z(ago(11))})
    assert [one.insulin for one in since] == [1.25, None]
    profile = api.get_profiles().get_profile_definition_active_at(ago(0)).get_default_profile()
    assert profile.basal.value_at_date(ago(0)) == 1.5
