"""The twelve cases that real apps' sources set: each is what one app sends, and what it makes of the answer."""

import gzip
import re
import uuid
import zlib
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from glucoflow.es.queries import Queries
from tests.api.conftest import Phone
from tests.api.sent import NOW, ago, androidaps_bolus, loop_sgv, loop_treatments, ms, xdrip_sgv, z, z_ms
from tests.web.serving import Site


def test_loops_treatments_twice_are_the_same_in_order(phone: Phone) -> None:
    sent = loop_treatments(30)
    first = phone.post("/api/v1/treatments", json=sent)
    again = phone.post("/api/v1/treatments", json=sent)
    assert first.status_code == again.status_code == 200
    ids = [one["_id"] for one in first.json()]
    assert [one["_id"] for one in again.json()] == ids
    assert len(set(ids)) == 3
    assert [one["eventType"] for one in again.json()] == [one["eventType"] for one in sent]
    held = phone.get("/api/v1/treatments").json()
    assert [one["_id"] for one in held] == ids
    assert [held[0]["insulin"], held[1]["rate"], held[2]["carbs"]] == [1.25, 0.85, 25]


def test_what_xdripswift_sends_is_there_at_once(phone: Phone) -> None:
    at = ago(7)
    sent = [
        {"eventType": "Bolus", "eventTime": z_ms(at), "insulin": 1.5},
        {"eventType": "Carbs", "eventTime": z_ms(at), "carbs": 20},
    ]
    made = phone.post("/api/v1/treatments", json=sent).json()
    since = z_ms(NOW - timedelta(hours=24))
    held = {one["_id"]: one for one in phone.get(f"/api/v1/treatments?find[created_at][$gte]={since}").json()}
    assert len(made) == 2
    assert set(held) == {one["_id"] for one in made}
    for one in made:
        assert one["created_at"] == held[one["_id"]]["created_at"] == z_ms(at)
        assert "eventTime" not in one
    changed = {**made[0], "insulin": 2.0}
    assert phone.put("/api/v1/treatments", json=changed).json()["_id"] == made[0]["_id"]
    assert phone.get(f"/api/v1/treatments/{made[0]['_id']}").json()[0]["insulin"] == 2.0
    assert phone.delete(f"/api/v1/treatments/{made[0]['_id']}").status_code == 200
    assert [one["_id"] for one in phone.get("/api/v1/treatments").json()] == [made[1]["_id"]]


def test_a_month_of_a_minutes_readings_in_one_body(phone: Phone) -> None:
    sent = [xdrip_sgv(4 * at, 80 + at % 200) for at in range(10_440)]
    answer = phone.post("/api/v1/entries", json=sent)
    assert answer.status_code == 200
    assert len({one["_id"] for one in answer.json()}) == 10_440
    packed = gzip.compress(httpx.Request("POST", "http://x", json=sent).content)
    again = phone.post("/api/v1/entries", content=packed, headers={"content-encoding": "gzip"})
    assert [one["_id"] for one in again.json()] == [one["_id"] for one in answer.json()]
    held = phone.get(f"/api/v1/entries.json?count=100000&find[date][$gte]={ms(NOW - timedelta(days=60))}").json()
    assert [(one["date"], one["sgv"]) for one in held] == [(one["date"], one["sgv"]) for one in sent]


@pytest.mark.parametrize("known", [True, False])
def test_a_bomb_is_refused(doors: Site, user: str, known: bool) -> None:
    bomb = zlib.compressobj(wbits=31)
    body = b"".join(bomb.compress(b" " * 2**20) for _ in range(200)) + bomb.flush()
    with Phone(doors, user, known=known) as phone:
        answer = phone.post("/api/v1/entries", content=body, headers={"content-encoding": "gzip"})
    assert answer.status_code == 413
    assert isinstance(answer.json()["message"], str)


def test_entries_are_text_or_json_as_asked(phone: Phone) -> None:
    phone.post("/api/v1/entries", json=[xdrip_sgv(5, 111), xdrip_sgv(10, 109)])
    axios = "application/json, text/plain, */*"
    for path, accept, is_json in (
        ("entries", None, False),
        ("entries", "*/*", False),
        ("entries", axios, True),
        ("entries.json", "*/*", True),
        ("entries", "application/json", True),
        ("entries.txt", axios, False),
        ("entries/sgv", "*/*", False),
        ("entries/sgv.json", "*/*", True),
        ("ENTRIES.json/", "*/*", True),
    ):
        request = phone.build_request("GET", f"/api/v1/{path}")
        del request.headers["accept"]
        if accept:
            request.headers["accept"] = accept
        answer = phone.send(request)
        assert answer.status_code == 200
        if is_json:
            assert [one["sgv"] for one in answer.json()] == [111, 109], path
        else:
            lines = [line.split("\t") for line in answer.text.split("\r\n")]
            assert [line[1:4] for line in lines] == [
                [str(ms(ago(5))), "111", '"Flat"'],
                [str(ms(ago(10))), "109", '"Flat"'],
            ]
            assert lines[0][0] == f'"{z_ms(ago(5))}"'


def test_a_delete_of_nothing(phone: Phone) -> None:
    for name in ("entries", "treatments", "devicestatus", "profile"):
        assert phone.delete(f"/api/v1/{name}/5f0f0f0f0f0f0f0f0f0f0f0f").status_code == 200
        assert phone.delete(f"/api/v3/{name}/5f0f0f0f0f0f0f0f0f0f0f0f").status_code == 404


def test_find_never_means_everything(phone: Phone) -> None:
    phone.post("/api/v1/treatments", json=loop_treatments(20))
    phone.post(
        "/api/v1/treatments",
        json=[
            {
                "eventType": "Meal Bolus",
                "created_at": z(ago(5)),
                "insulin": 3,
                "carbs": 40,
                "enteredBy": "openaps://me",
            },
            {
                "eventType": "Temporary Target",
                "created_at": z(ago(6)),
                "duration": 30,
                "targetTop": 100,
                "targetBottom": 100,
                "enteredBy": "Trio",
                "id": "trio-1",
            },
        ],
    )

    def kinds(query: str) -> list[str]:
        answer = phone.get(f"/api/v1/treatments.json?{query}")
        assert answer.status_code == 200, answer.text
        return sorted(one["eventType"] for one in answer.json())

    meal, target = "Meal Bolus", "Temporary Target"
    assert kinds("find[nothing]=x") == []
    assert kinds("find[eventType]=Temporary+Target") == [target]
    assert kinds("find[eventType]=Temporary%20Target&find[duration][$exists]=true") == [target]
    assert kinds(r"find[enteredBy]=/openaps:\/\//") == [meal]
    assert kinds("find[enteredBy][$regex]=^Tri") == [target]
    assert kinds("find[$or][0][insulin][$gte]=3&find[$or][1][carbs]=25") == ["Carb Correction", meal]
    assert kinds("find[enteredBy][$ne]=Trio&find[enteredBy][$ne]=loop://iPhone") == [meal]
    ands = "&".join(f"find[$and][{at}][enteredBy][$ne]={who}" for at, who in enumerate(["Trio", "loop://iPhone"]))
    assert kinds(f"find[carbs][$exists]=true&{ands}") == [meal]
    assert kinds("find[insulin]=1.25") == ["Correction Bolus"]
    assert kinds("find[insulin][$gt]=1.2&find[insulin][$lt]=1.3") == ["Correction Bolus"]
    assert kinds("find[eventType][$in][]=Meal Bolus&find[eventType][$in][]=Nothing") == [meal]
    assert kinds("find[carbs][$not][$exists]=true&find[eventType][$ne]=Temp Basal") == ["Correction Bolus", target]
    raw_plus = (ago(10) + timedelta(0)).strftime("%Y-%m-%dT%H:%M:%S+00:00")
    assert kinds(f"find[created_at][$gte]={raw_plus}") == [meal, target]
    assert kinds(f"find[created_at][$gte]={raw_plus.replace('T', ' ')}") == [meal, target]
    for bad in (
        "find[insulin][$where]=1",
        "find=1",
        "find[]=1",
        "find[a][$or]=1",
        "find[created_at][$gte]=yesterday",
        "find[$or]=1",
        "find[eventType]=/(/",
        "find[eventType][$regex]=" + "a" * 300,
        "find[[a]]=1",
        "count=many",
    ):
        answer = phone.get(f"/api/v1/treatments.json?{bad}")
        assert answer.status_code == 400, (bad, answer.text)
        assert phone.delete(f"/api/v1/treatments.json?{bad}").status_code == 400
    for nothing in ("find[glucoseDirect]=1", "find[creation_date][$eq]=x", "find[nothing][$ne]=x", "find[no][$nin]=x"):
        assert phone.delete(f"/api/v1/treatments.json?{nothing}").json()["n"] == 0
    assert phone.delete("/api/v1/treatments.json").status_code == 400
    assert len(kinds("count=100")) == 5
    gone = phone.delete("/api/v1/treatments.json?find[id][$eq]=trio-1")
    assert (gone.status_code, gone.json()["n"]) == (200, 1)
    assert target not in kinds("count=100")


def test_androidaps_from_its_first_call_on(doors: Site, user: str) -> None:
    with Phone(doors, user, known=False) as phone:
        for _ in range(10):
            assert phone.get("/api/v3/status", headers={"authorization": "Bearer"}).status_code == 401
        token = phone.get(f"/api/v2/authorization/request/{phone.secret}", headers={"authorization": "Bearer"})
        assert token.status_code == 200
        assert token.headers["cache-control"] == "no-store"
        assert "etag" not in token.headers
        body = token.json()
        assert body["exp"] - body["iat"] == 8 * 3600
        phone.headers["authorization"] = f"Bearer {body['token']}"
        phone.headers["date"] = str(ms(NOW))
        status = phone.get("/api/v3/status").json()["result"]
        assert status["apiPermissions"]["treatments"] == "crud"
        assert {"version", "apiVersion", "srvDate", "storage"} <= set(status)
        before = phone.get("/api/v3/lastModified").json()["result"]["collections"]
        assert before == {}
        assert phone.get("/api/v3/entries?sort=date&date$gt=0&limit=500").json() == {"status": 200, "result": []}

        sent = androidaps_bolus(9, "5b2c-4a")
        made = phone.post("/api/v3/treatments", json=sent)
        assert (made.status_code, made.json()["identifier"]) == (201, "5b2c-4a")
        twin = phone.post("/api/v3/treatments", json=sent)
        assert (twin.status_code, twin.json()["isDeduplication"]) == (200, True)
        again = phone.post("/api/v3/treatments", json=sent)
        held = phone.get("/api/v3/treatments/5b2c-4a").json()["result"]
        assert held["srvModified"] == again.json()["lastModified"]
        assert (held["subject"], held["srvCreated"] <= held["srvModified"]) == ("Test app", True)
        phone.post("/api/v1/treatments", json=loop_treatments(40))
        page = phone.get("/api/v3/treatments/history/0?limit=500")
        tag = re.fullmatch(r'W/"(\d+)"', page.headers["etag"])
        assert tag
        rows = page.json()["result"]
        assert len(rows) == 4
        assert max(one["srvModified"] for one in rows) == int(tag[1])
        for one in rows:
            assert isinstance(one.get("timestamp", 0), int)
            assert isinstance(one.get("duration", 0), int)
            assert isinstance(one["date"], int)
            assert one["isValid"] is True
        after = phone.get(f"/api/v3/treatments/history/{tag[1]}?limit=500")
        assert after.json()["result"] == []
        assert re.fullmatch(r'W/"\d+"', after.headers["etag"])

        assert phone.patch("/api/v3/treatments/5b2c-4a", json={"insulin": 2.1}).status_code == 200
        changed = phone.get(f"/api/v3/treatments/history/{tag[1]}").json()["result"]
        assert [(one["identifier"], one["insulin"]) for one in changed] == [("5b2c-4a", 2.1)]
        assert phone.delete("/api/v3/treatments/5b2c-4a").status_code == 200
        gone = phone.get(f"/api/v3/treatments/history/{changed[0]['srvModified']}").json()["result"]
        assert [(one["identifier"], one["isValid"]) for one in gone] == [("5b2c-4a", False)]
        assert phone.get("/api/v3/treatments/5b2c-4a").status_code == 410
        assert phone.patch("/api/v3/treatments/5b2c-4a", json={"insulin": 1}).status_code == 410
        assert "5b2c-4a" not in phone.get("/api/v1/treatments.json").text


def test_what_never_can_be_stored_is_400(phone: Phone) -> None:
    for bad, text in (
        ({"date": 0}, "date"),
        ({"date": None, "created_at": None}, "date"),
        ({"date": "soon"}, "date"),
        ({"utcOffset": "x"}, "Bad or missing utcOffset field"),
        ({"utcOffset": -5000}, "utcOffset"),
        ({"app": ""}, "Bad or missing app field"),
        ({"app": None}, "Bad or missing app field"),
    ):
        answer = phone.post("/api/v3/treatments", json={**androidaps_bolus(3, "bad"), **bad})
        assert answer.status_code == 400, bad
        assert text in answer.json()["message"]
    phone.post("/api/v3/treatments", json=androidaps_bolus(3, "fixed"))
    answer = phone.put("/api/v3/treatments/fixed", json=androidaps_bolus(3, "fixed", eventType="Other"))
    assert answer.status_code == 400
    assert "cannot be modified by the client" in answer.json()["message"]
    assert phone.put("/api/v3/treatments/fixed", json=androidaps_bolus(3, "fixed", insulin=9)).status_code == 200
    assert phone.get("/api/v3/treatments/fixed").json()["result"]["insulin"] == 9
    for name, value in (("srvModified", 1), ("isValid", False), ("subject", "somebody"), ("modifiedBy", "x")):
        answer = phone.patch("/api/v3/treatments/fixed", json={"insulin": 1, name: value})
        assert (answer.status_code, name in answer.json()["message"]) == (400, True)
    assert phone.patch("/api/v3/food", json={"a": 1}).status_code == 404
    assert phone.get("/api/v3/food").json()["result"] == phone.get("/api/v3/settings").json()["result"] == []
    assert phone.get("/api/v3/entries?limit=1001").status_code == 400


def test_a_document_without_an_identifier_gets_nightscouts(phone: Phone) -> None:
    """The identifier that Nightscout's own tests compute for a device, time and kind."""
    sent = {"date": 1_560_000_000_000, "device": "Samsung", "app": "AAPS", "eventType": "Note", "notes": "x"}
    made = [phone.post("/api/v3/treatments", json=sent) for _ in range(2)]
    expected = str(uuid.uuid5(uuid.UUID(bytes=b"NightscoutRocks!"), "Samsung_1560000000000_Note"))
    assert [(one.status_code, one.json()["identifier"]) for one in made] == [(201, expected), (200, expected)]
    assert (
        phone.get(
            "/api/v3/treatments/" + expected, headers={"if-modified-since": "Fri, 01 Jan 2100 00:00:00 GMT"}
        ).status_code
        == 304
    )
    assert (
        phone.put(
            "/api/v3/treatments/" + expected,
            json=sent,
            headers={"if-unmodified-since": "Fri, 01 Jan 2010 00:00:00 GMT"},
        ).status_code
        == 412
    )
    for permanent, left in (("false", 410), ("true", 404)):
        assert phone.delete(f"/api/v3/treatments/{expected}?permanent={permanent}").status_code == 200
        assert phone.get("/api/v3/treatments/" + expected).status_code == left


def test_directions_are_spelled_as_trio_knows_them(phone: Phone) -> None:
    words = ["NotComputable", "RateOutOfRange", "NONE", "TripleUp", "FortyFiveDown", "sideways"]
    phone.post("/api/v1/entries", json=[loop_sgv(5 * at, 100.0, word) for at, word in enumerate(words)])
    said = [one["direction"] for one in phone.get("/api/v1/entries/sgv.json?count=10").json()]
    assert said == ["NOT COMPUTABLE", "RATE OUT OF RANGE", "NONE", "TripleUp", "FortyFiveDown", "NONE"]


def test_loopfollows_ninety_days_in_one_answer(doors: Site, user: str) -> None:
    doors.put(user, days=90, seed=5, end=datetime.now(UTC) - timedelta(minutes=4))
    with Phone(doors, user, "read") as phone:
        since = z(NOW - timedelta(days=90))
        query = f"count={90 * 1152}&find[date][$gte]={since}&find[type][$ne]=cal"
        rows = phone.get(f"/api/v1/entries.json?{query}").json()
    n = doors.client.count(index=doors.names.alias(user), query={"term": {"event.dataset": "cgm.reading"}})["count"]
    assert len(rows) > 20_000
    assert abs(len(rows) - n) <= 2
    dates = [one["date"] for one in rows]
    assert dates == sorted(dates, reverse=True)
    assert all(39 <= one["sgv"] <= 500 and one["dateString"].endswith("Z") for one in rows)


def test_odd_treatments(phone: Phone) -> None:
    at = z(ago(15))
    uuid = "7F1B3A52-9D3E-4E5B-8C7D-0A1B2C3D4E5F"
    sent = [
        {"eventType": "BG Check", "created_at": at, "glucose": "6.1", "glucoseType": "Finger", "units": "mmol"},
        {"eventType": "BG Check", "created_at": z(ago(16)), "glucose": 5.5, "glucoseType": "Finger", "units": "mg/dl"},
        {"eventType": "Meal Bolus", "created_at": z(ago(17)), "insulin": "4.5", "carbs": 60, "preBolus": 15},
        {"eventType": "Temporary Override", "created_at": z(ago(18)), "_id": uuid, "durationType": "indefinite"},
        {"eventType": "Note", "enteredBy": "Trio", "notes": "Trio connected"},
    ]
    made = phone.post("/api/v1/treatments", json=sent).json()
    assert len(made) == 5
    assert made[4]["created_at"].endswith("Z")
    assert made[3]["identifier"] == uuid
    held = phone.get("/api/v1/treatments?count=50").json()
    assert sorted(one["carbs"] for one in held if one["carbs"]) == [60]
    bolus = next(one for one in held if one["insulin"] == 4.5)
    assert bolus["carbs"] is None
    meters = phone.get("/api/v1/treatments?find[eventType]=BG+Check").json()
    assert [(one["glucose"], one["units"]) for one in meters] == [(6.1, "mmol"), (5.5, "mg/dl")]
    assert phone.delete(f"/api/v1/treatments/{uuid}").json()["n"] == 1
    assert uuid not in phone.get("/api/v1/treatments?count=50").text


def test_odd_entries_cost_no_other_and_are_in_no_figure(doors: Site, phone: Phone) -> None:
    undated = {
        name: value for name, value in xdrip_sgv(0, 101).items() if name not in ("date", "dateString", "sysTime")
    }
    sent = [
        xdrip_sgv(-3 * 1440, 102),  # the day after next
        undated,
        xdrip_sgv(20, 103) | {"sgv": 5.7},  # mmol/L
        xdrip_sgv(15, 104) | {"sgv": "104"},
        xdrip_sgv(10, 105),
    ]
    posted = phone.post("/api/v1/entries", json=sent)
    assert posted.status_code == 200
    assert [one["sgv"] for one in posted.json()] == [102, 101, 5.7, 104, 105], "all, in their order"
    assert all(one["_id"] for one in posted.json())
    note = {"eventType": "Note", "notes": "<script>alert(1)</script>", "created_at": z(ago(5))}
    assert phone.post("/api/v1/treatments", json=note).is_success
    assert phone.get("/api/v1/treatments").json()[0]["notes"] == note["notes"], "as it came"
    assert "<script>alert" not in httpx.get(f"{doors.url}/people/{phone.user_id}/events?last=24h").text
    held = Queries(doors.client, doors.names).readings(phone.user_id)
    assert sorted(held.mg_dl.tolist()) == [101, 104, 105]
