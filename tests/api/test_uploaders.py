"""Each uploader's own requests, in its own spelling and order, and its second run."""

from datetime import timedelta
from urllib.parse import quote

import httpx
import pytest

from tests.api.conftest import Phone
from tests.api.sent import NOW, ago, ms, xdrip_sgv, z, z_ms
from tests.web.serving import Site


def stored(phone: Phone, collection: str = "treatments") -> list[dict[str, object]]:
    answer = phone.get(f"/api/v1/{collection}.json?count=1000&find[created_at][$exists]=true")
    found: list[dict[str, object]] = answer.json()
    return found


def test_xdrip(phone: Phone) -> None:
    treatment = {
        "_id": "5b1e0f2a3c4d5e6f70819203",
        "uuid": "9c2f-11",
        "timestamp": ms(ago(4)),
        "eventType": "Correction Bolus",
        "enteredBy": "xdrip",
        "notes": "",
        "insulin": 1.5,
        "carbs": 0,
        "insulinInjections": "[]",
        "created_at": z(ago(4)),
        "sysTime": z(ago(4)),
    }
    for _ in range(2):
        assert phone.put("/api/v1/treatments", json=treatment).status_code == 200
    (held,) = stored(phone)
    assert (held["_id"], held["insulin"], held["carbs"]) == (treatment["_id"], 1.5, None)
    (found,) = phone.get("/api/v1/treatments.json?find[uuid]=9c2f-11").json()
    page = phone.get("/api/v1/treatments", headers={"BROKEN-If-Modified-Since": "Sun, 29 Mar 2026 01:30:00 GMT"})
    assert page.status_code == 200
    assert phone.delete(f"/api/v1/treatments/{found['_id']}").status_code == 200
    assert stored(phone) == []
    assert phone.get("/api/v1/treatments").headers["etag"] != page.headers["etag"]


def test_a_reading_that_is_corrected_takes_its_own_place(phone: Phone) -> None:
    (first,) = phone.post("/api/v1/entries", json=[xdrip_sgv(5, 5)]).json()
    assert phone.get("/api/v1/entries/sgv.json").json() == []
    (second,) = phone.post("/api/v1/entries", json=[xdrip_sgv(5, 105)]).json()
    (third,) = phone.post("/api/v1/entries", json=[{**xdrip_sgv(5, 106), "device": "another phone"}]).json()
    assert first["_id"] == second["_id"] == third["_id"]
    assert [one["sgv"] for one in phone.get("/api/v1/entries/sgv.json").json()] == [106]


def test_xdripswift_s_own_ids(phone: Phone) -> None:
    own = "aZ09bY18cX27dW36eV45fU54"
    sent = [{**xdrip_sgv(5), "_id": own, "dateString": z_ms(ago(5))}]
    (made,) = phone.post("/api/v1/entries", json=sent).json()
    assert made["identifier"] == own
    assert phone.get(f"/api/v3/entries/{own}").json()["result"]["sgv"] == 120


def test_juggluco(phone: Phone) -> None:
    sent = {**xdrip_sgv(5), "dateString": "2026-03-28T22:00:00.000-03:-30"}
    assert phone.post("/api/v1/entries", json=[sent]).json()[0]["dateString"] == z_ms(ago(5))
    assert phone.delete("/api/v1/treatments/5b1e0f2a3c4d5e6f70819203").status_code == 200
    body = {
        "identifier": "jug-1",
        "_id": "5b1e0f2a3c4d5e6f70819203",
        "date": ms(ago(3)),
        "utcOffset": 0,
        "eventType": "<none>",
        "app": "Juggluco",
        "insulin": 4,
        "created_at": z(ago(3)),
    }
    assert phone.post("/api/v3/treatments", json=body).status_code == 201
    assert phone.post("/api/v3/treatments", json=body).status_code == 200
    assert phone.delete("/api/v3/treatments/jug-1").status_code == 200
    assert phone.post("/api/v3/treatments", json=body).status_code == 201
    assert [one["insulin"] for one in stored(phone)] == [4]


def test_trio(phone: Phone) -> None:
    made = phone.post("/api/v1/treatments.json", json={"eventType": "Note", "enteredBy": "Trio", "notes": "connected"})
    assert (made.status_code, len(made.json())) == (200, 1)
    entries = [{"id": f"G{at}", **xdrip_sgv(5 * at), "dateString": z_ms(ago(5 * at))} for at in range(1, 4)]
    phone.post("/api/v1/entries.json", json=entries)
    query = f"find[$or][0][id][$eq]=G2&find[$or][1][dateString][$eq]={z_ms(ago(10))}"
    assert phone.delete(f"/api/v1/entries.json?{query}").json()["n"] == 1
    since = z_ms(ago(60))
    rows = phone.get(f"/api/v1/entries/sgv.json?count=1600&find[dateString][$gte]={since}").json()
    assert [one["date"] for one in rows] == [ms(ago(5)), ms(ago(15))]
    assert all(one["dateString"] for one in rows)
    assert phone.post("/api/v1/devicestatus.json", json={"device": "Trio", "openaps": {"iob": {"iob": 1}}}).is_success
    sent = {"defaultProfile": "default", "store": {"default": {"dia": 6}}}
    assert phone.post("/api/v1/profile.json", json=sent).is_success
    (profile,) = phone.get("/api/v1/profile.json?count=1").json()
    assert profile["store"]["default"]["dia"] == 6
    at = z_ms(ago(2))
    phone.post("/api/v1/treatments.json", json=[{"eventType": "Carb Correction", "carbs": 9, "created_at": at}])
    assert phone.delete(f"/api/v1/treatments.json?find[created_at][$eq]={at}").json()["n"] == 1
    assert [one["eventType"] for one in stored(phone)] == ["Note"]


def test_tconnectsync(doors: Site, user: str) -> None:
    with Phone(doors, user) as phone:
        sent = {"eventType": "Combo Bolus", "enteredBy": "Pump (tconnectsync)", "insulin": 2.5, "created_at": z(ago(9))}
        plain = f"api_secret={phone.secret}"
        assert phone.post(f"/api/v1/treatments?{plain}", json=sent).status_code == 200
        raw = (ago(60)).strftime("%Y-%m-%dT%H:%M:%S+00:00")
        query = f"count=1&find[enteredBy]={quote('Pump (tconnectsync)')}&find[eventType]=Combo+Bolus"
        found = phone.get(f"/api/v1/treatments?{query}&find[created_at][$gte]={raw}&ts=1").json()
        assert [one["insulin"] for one in found] == [2.5]
        assert phone.get(f"/api/v1/profile/current?{plain}").status_code == 200
        sleep = {"activityType": "Sleep", "duration": 30, "created_at": z(ago(9)), "enteredBy": "Pump (tconnectsync)"}
        assert phone.post(f"/api/v1/activity?{plain}", json=sleep).status_code == 200
        assert phone.post(f"/api/v1/activity?{plain}", json=sleep).status_code == 200  # the same again: one
        query = f"find[enteredBy]={quote('Pump (tconnectsync)')}&find[activityType]=Sleep&count=1"
        (held,) = phone.get(f"/api/v1/activity?{query}").json()
        assert held["duration"] == 30
        assert phone.post("/api/v1/activity", json="x").status_code == 400


def test_heart_rates_and_steps_of_xdrip(phone: Phone) -> None:
    time = {"created_at": z(ago(9)), "timeStamp": ms(ago(9))}
    sent = [{"type": "hr-bpm", "bpm": 70, **time}, {"type": "steps-total", "steps": 4000, **time}]
    posted = phone.post("/api/v1/activity", json=sent).json()
    assert [one["type"] for one in posted] == ["hr-bpm", "steps-total"]
    held = {one["type"]: one for one in phone.get("/api/v1/activity").json()}
    assert (held["hr-bpm"]["bpm"], held["steps-total"]["steps"], held["hr-bpm"]["timeStamp"]) == (70, 4000, ms(ago(9)))
    assert phone.get("/api/v1/treatments").json() == phone.get("/api/v3/treatments").json()["result"] == []
    assert phone.delete(f"/api/v1/activity/{held['hr-bpm']['_id']}").json()["n"] == 1
    assert [one["type"] for one in phone.get("/api/v1/activity").json()] == ["steps-total"]
    assert phone.get("/api/v3/activity").status_code == 404


def test_bridges(phone: Phone) -> None:
    axios = {"accept": "application/json, text/plain, */*"}
    assert phone.get("/api/v1/entries?count=1", headers=axios).json() == []
    sent = [
        {
            "type": "sgv",
            "sgv": 118,
            "direction": "Flat",
            "device": "nightscout-librelink-up",
            "date": ms(ago(5)),
            "dateString": z_ms(ago(5)),
        }
    ]
    answer = phone.post("/api/v1/entries", json=sent, headers=axios)
    assert (answer.status_code, answer.json()[0]["sgv"]) == (200, 118)
    third = {"type": "sgv", "sgv": 119, "direction": "Flat", "device": "LU", "date": ms(ago(1)), "app": "LU"}
    assert phone.post("/api/v3/entries", json=third).status_code == 201
    status = phone.post("/api/v1/devicestatus.json", json={"uploaderBattery": False, "device": "share2"})
    assert status.status_code == 200
    assert phone.get("/api/v1/verifyauth").json()["message"]["canRead"] is True


def test_glucose_direct(phone: Phone) -> None:
    phone.post("/api/v1/entries", json=[{**xdrip_sgv(5 * at), "glucoseDirect": True, "device": "GD"} for at in (1, 2)])
    ids = [one["_id"] for one in phone.get("/api/v1/entries.json").json()]
    assert phone.delete(f"/api/v1/entries?find[_id][$in][]={ids[0]}").json()["n"] == 1
    assert phone.delete("/api/v1/entries?find[glucoseDirect]=true").json()["n"] == 1
    assert phone.get("/api/v1/entries.json").json() == []


def test_autotunes_questions(phone: Phone) -> None:
    phone.post("/api/v1/entries", json=[xdrip_sgv(5 * at) for at in range(20)])
    phone.post(
        "/api/v1/treatments",
        json=[
            {"eventType": "Meal Bolus", "created_at": z(ago(60 * at)), "insulin": 1, "enteredBy": "openaps://pump"}
            for at in range(1, 5)
        ],
    )
    first, last = ms(ago(51)), ms(NOW)
    rows = phone.get(f"/api/v1/entries/sgv.json?find[date][$gte]={first}&find[date][$lte]={last}&count=1500").json()
    assert len(rows) == 11
    minute = (ago(150)).strftime("%Y-%m-%dT%H:%M+00:00")
    found = phone.get(
        f"/api/v1/treatments.json?find[created_at][$gte]={minute}&find[enteredBy]=/openaps:\\/\\//"
    ).json()
    assert len(found) == 2


def test_no_odd_document_holds_up_its_batch(phone: Phone) -> None:
    sent = [
        xdrip_sgv(5, 101),
        {"type": "sgv", "sgv": 102, "date": 0},
        {"type": "sgv", "sgv": 103, "date": "soon"},
        {**xdrip_sgv(10), "sgv": 5.8},
        {**xdrip_sgv(15), "sgv": "104"},
        {**xdrip_sgv(20), "sgv": "LOW"},
        xdrip_sgv(-60 * 24 * 30, 105),
        {"sgv": 106},
        {},
    ]
    answer = phone.post("/api/v1/entries", json=sent)
    assert answer.status_code == 200
    assert len({one["_id"] for one in answer.json()}) == len(sent)
    again = phone.post("/api/v1/entries", json=sent[:7]).json()
    assert [one["_id"] for one in again] == [one["_id"] for one in answer.json()[:7]]
    readings = {one["sgv"] for one in phone.get("/api/v1/entries/sgv.json?count=100").json()}
    assert readings == {101, 104, 106}
    for body in ("[1]", '["x"]', "x", "", '{"a":', "null"):
        refused = phone.post("/api/v1/entries", content=body)
        assert refused.status_code == 400, body
        assert set(refused.json()) == {"status", "message", "description"}


def test_what_a_provider_gave_is_no_apps_to_change(doors: Site, user: str) -> None:
    doors.put(user, days=0.2, seed=9, end=NOW - timedelta(minutes=5))
    with Phone(doors, user) as phone:
        entry = phone.get("/api/v1/entries/sgv.json?count=1").json()[0]
        identifier = phone.get("/api/v3/entries?limit=1").json()["result"][0]["identifier"]
        assert identifier == entry["_id"]
        assert phone.delete(f"/api/v1/entries/{entry['_id']}").json()["n"] == 0
        assert phone.delete(f"/api/v3/entries/{identifier}").status_code == 404
        answer = phone.patch(f"/api/v3/entries/{identifier}", json={"sgv": 99})
        assert answer.status_code == 400
        assert "cannot be modified by the client" in answer.json()["message"]
        assert phone.put("/api/v1/entries", json={**entry, "sgv": 99}).status_code == 400
        assert phone.get(f"/api/v1/entries/{entry['_id']}").json() == [entry]
        assert httpx.get(f"{doors.url}/api/v1/entries/{entry['_id']}").status_code == 401


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate"])
def test_a_body_that_cannot_be_unpacked(phone: Phone, encoding: str) -> None:
    answer = phone.post("/api/v1/entries", content=b"no gzip", headers={"content-encoding": encoding})
    assert answer.status_code == (415 if encoding == "br" else 400)
