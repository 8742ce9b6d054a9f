"""Followers, watch faces and menu bars: each address they ask, in the shape that their code parses."""

from datetime import timedelta

import pytest

from tests.api.conftest import Phone
from tests.api.sent import NOW, ago, ms, xdrip_sgv, z, z_ms
from tests.web.serving import Site


@pytest.fixture
def follower(phone: Phone) -> Phone:
    """With readings of 110, 104, 98, 92 every five minutes, a calibration, a finger-stick, and an error code."""
    sent = [xdrip_sgv(2 + 5 * at, 110 - 6 * at) for at in range(4)]
    others = [
        {"type": "cal", "date": ms(ago(4)), "slope": 850.1, "intercept": 32000, "scale": 1, "device": "xDrip"},
        {"type": "mbg", "date": ms(ago(6)), "mbg": 107, "device": "xDrip"},
        {"type": "sgv", "date": ms(ago(1)), "sgv": 5, "device": "xDrip"},
    ]
    assert phone.post("/api/v1/entries", json=sent + others).status_code == 200
    return phone


def test_only_readings_unless_a_type_is_asked_for(follower: Phone) -> None:
    assert [one["sgv"] for one in follower.get("/api/v1/entries.json?count=10").json()] == [110, 104, 98, 92]
    assert [one["sgv"] for one in follower.get("/api/v1/entries/current.json").json()] == [110]
    typed = follower.get("/api/v1/entries.json?find[type]=cal").json()
    assert [one["slope"] for one in typed] == [850.1]
    assert [one["mbg"] for one in follower.get("/api/v1/entries/mbg.json").json()] == [107]
    every = follower.get("/api/v1/entries.json?find[type][$ne]=cal&count=100").json()
    assert sorted(one["type"] for one in every) == ["mbg", *["sgv"] * 5]
    since = ms(ago(9))
    newer = follower.get(f"/api/v1/entries.json?count=2880&find[date][$gt]={since}&rr=1").json()
    assert [one["sgv"] for one in newer] == [110, 104]


def test_one_entry_by_its_id(follower: Phone) -> None:
    one = follower.get("/api/v1/entries/sgv.json?count=1").json()[0]
    assert follower.get(f"/api/v1/entries/{one['_id']}").json() == [one]
    assert follower.get("/api/v1/entries/ffffffffffffffffffffffff").json() == []
    assert set(one) >= {"_id", "sgv", "date", "dateString", "direction", "type", "device", "mills", "sysTime"}
    assert one["dateString"] == z_ms(ago(2))
    assert one["utcOffset"] == 120
    assert (one["filtered"], one["noise"], one["rssi"]) == (130000, 1, 100)


def test_properties_and_pebble(follower: Phone) -> None:
    found = follower.get("/api/v2/properties").json()
    assert (found["bgnow"]["last"], found["bgnow"]["mills"]) == (110, ms(ago(2)))
    assert found["bgnow"]["sgvs"][0]["direction"] == "Flat"
    assert (found["delta"]["mgdl"], found["delta"]["display"], found["delta"]["mean5MinsAgo"]) == (6, "+6", 104)
    assert [one.get("last") for one in found["buckets"]] == [110, 104, 98, 92]
    assert found["direction"]["label"] == "→"
    assert "iob" not in found
    assert "cob" not in found
    assert set(follower.get("/api/v2/properties/bgnow,delta,nothing").json()) == {"bgnow", "delta"}
    assert follower.get("/api/v2/properties/dbsize").json() == {}
    pebble = follower.get("/pebble?count=2").json()
    assert [one["sgv"] for one in pebble["bgs"]] == ["110", "104"]
    assert (pebble["bgs"][0]["bgdelta"], pebble["bgs"][0]["trend"], pebble["bgs"][0]["datetime"]) == (6, 4, ms(ago(2)))
    mmol = follower.get("/pebble?units=mmol").json()["bgs"][0]
    assert (mmol["sgv"], mmol["bgdelta"]) == ("6.1", "0.3")


def test_a_gap_is_told_as_five_minutes(phone: Phone) -> None:
    phone.post("/api/v1/entries", json=[xdrip_sgv(2, 130), xdrip_sgv(14, 100)])
    delta = phone.get("/api/v2/properties/delta").json()["delta"]
    assert (delta["interpolated"], delta["mgdl"], delta["absolute"]) == (True, 12, 30)


def test_nobody_without_readings_gets_an_error(phone: Phone) -> None:
    assert phone.get("/api/v2/properties").json() == {}
    assert phone.get("/pebble").json()["bgs"] == []
    assert phone.get("/api/v1/entries.json").json() == []
    assert phone.get("/api/v1/profile/current").json() == {}


def test_an_unchanged_answer_has_the_same_tag_and_a_changed_one_another(follower: Phone) -> None:
    for path in ("/api/v1/entries.json", "/api/v1/treatments"):
        first = follower.get(path)
        tag = first.headers["etag"]
        same = follower.get(path, headers={"if-none-match": tag, "BROKEN-If-Modified-Since": "x"})
        assert (same.status_code, same.content) == (304, b"")
        follower.post("/api/v1/treatments", json={"eventType": "Note", "notes": path, "created_at": z(ago(1))})
        follower.post("/api/v1/entries", json=[xdrip_sgv(0.5, 111)])
        changed = follower.get(path, headers={"if-none-match": tag})
        assert changed.status_code == 200
        assert changed.headers["etag"] != tag


def test_status_says_whose_units_only_to_who_may_read(doors: Site, phone: Phone) -> None:
    doors.store.people.update(phone.user_id, unit="mmol/L")
    with Phone(doors, phone.user_id, known=False) as stranger:
        open_to_all = stranger.get("/api/v1/status.json").json()
        assert (open_to_all["status"], open_to_all["settings"]["units"]) == ("ok", "mg/dl")
        assert open_to_all["authorized"] is None
        assert stranger.get("/api/v1/status").text == "<h1>STATUS OK</h1>"
        assert stranger.get("/api/v1/verifyauth").json()["message"]["canRead"] is False
    body = phone.get("/api/v1/status.json").json()
    assert (body["settings"]["units"], body["apiEnabled"], body["version"][:3]) == ("mmol", True, "15.")
    bearer = {"authorization": f"Bearer {body['authorized']['token']}", "api-secret": ""}
    assert phone.get("/api/v1/entries.json", headers=bearer).status_code == 200
    assert phone.get("/api/v2/status.json").json()["status"] == "ok"


def test_loopfollows_questions_about_changes_and_profiles(phone: Phone) -> None:
    days = (12, 3)
    phone.post(
        "/api/v1/treatments",
        json=[
            {"eventType": "Site Change", "created_at": z(NOW - timedelta(days=day)), "notes": f"{day}"} for day in days
        ],
    )
    newest = phone.get("/api/v1/treatments.json?find[eventType]=Site Change&count=1").json()
    assert [one["notes"] for one in newest] == ["3"]
    rows = [{"time": "00:00", "value": 0.8, "timeAsSeconds": 0}]
    stored = {"basal": rows, "units": "mg/dL", "timezone": "ETC/GMT", "dia": 6}
    for day in days:
        profile = {"defaultProfile": "Default", "startDate": z(NOW - timedelta(days=day)), "store": {"Default": stored}}
        made = phone.post("/api/v1/profile", json=[profile])
        assert (made.status_code, len(made.json())) == (200, 1)
    until = z(NOW - timedelta(days=5))
    found = phone.get(f"/api/v1/profiles.json?count=1&find[startDate][$lte]={until}").json()
    assert [one["startDate"] for one in found] == [z_ms(NOW - timedelta(days=12))]
    current = phone.get("/api/v1/profile/current").json()
    assert current["startDate"] == z_ms(NOW - timedelta(days=3))
    assert current["store"]["Default"]["basal"] == rows
    page = phone.get("/api/v3/profile?sort$desc=date&limit=1")
    assert page.headers["etag"][3:-1].isdigit()
    assert page.json()["result"][0]["startDate"] == current["startDate"]


def test_device_status_without_a_time_is_of_now(phone: Phone) -> None:
    sent = {"device": "xDrip-phone", "uploader": {"battery": 81, "type": "PHONE"}}
    assert phone.post("/api/v1/devicestatus", json=sent).status_code == 200
    found = phone.get("/api/v1/devicestatus.json?count=1").json()
    assert found[0]["uploader"]["battery"] == 81
    assert found[0]["created_at"].endswith("Z")
    loop = [{"device": "loop://x", "created_at": z(ago(at)), "loop": {"iob": {"iob": at}}} for at in range(1, 4)]
    first = phone.post("/api/v1/devicestatus", json=loop).json()
    assert [one["_id"] for one in phone.post("/api/v1/devicestatus", json=loop).json()] == [one["_id"] for one in first]
    assert len(phone.get("/api/v1/devicestatus.json?count=100&find[device]=loop://x").json()) == 3
    assert len(phone.get("/api/v1/devicestatus.json?find[loop.iob.iob][$gte]=2").json()) == 2


def test_browsers_of_other_sites_may_ask(phone: Phone) -> None:
    preflight = phone.options("/api/v1/entries.json", headers={"origin": "https://example.org"})
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, "*")
    posted = phone.post("/api/v1/activity", json=[{"type": "hr", "bpm": 70}], headers={"origin": "https://example.org"})
    assert posted.status_code == 200
    assert phone.head("/api/v1/entries.json").content == b""
    for path in ("/api/v1/slice", "/api/v2/ddata/at", "/api/v1", "/api/v3/nothing", "/pebble/x"):
        assert phone.get(path).status_code == 404
    assert phone.post("/api/v2/notifications/loop", json={}).status_code == 404
