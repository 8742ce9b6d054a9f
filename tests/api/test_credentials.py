"""Every form in which apps send a credential names its person, and no other; nothing of it is logged."""

import hashlib
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.api.conftest import Phone
from tests.api.sent import ago, ms, xdrip_sgv, z
from tests.web.serving import Site

Form = Callable[[Phone], dict[str, Any]]


def sha512(phone: Phone) -> str:
    return hashlib.sha512(phone.secret.encode()).hexdigest()


def token(phone: Phone) -> str:
    answer = httpx.get(f"{str(phone.base_url).rstrip('/')}/api/v2/authorization/request/{phone.secret}")
    return str(answer.json()["token"])


FORMS: dict[str, Form] = {
    "header sha1": lambda phone: {"headers": {"api-secret": phone.sha1}},
    "header SHA1": lambda phone: {"headers": {"API-SECRET": phone.sha1.upper()}},
    "header sha512": lambda phone: {"headers": {"api-secret": sha512(phone)}},
    "header raw": lambda phone: {"headers": {"api-secret": phone.secret}},
    "header token=": lambda phone: {"headers": {"api-secret": f"token={phone.secret}"}},
    "query secret": lambda phone: {"params": {"secret": phone.sha1}},
    "query token": lambda phone: {"params": {"token": phone.secret}},
    "query token sha1": lambda phone: {"params": {"token": phone.sha1}},
    "query api_secret beside the header": lambda phone: {
        "params": {"api_secret": phone.secret},
        "headers": {"api-secret": phone.sha1},
    },
    "bearer": lambda phone: {"headers": {"authorization": f"Bearer {token(phone)}"}},
    "null beside a token": lambda phone: {"headers": {"api-secret": "null"}, "params": {"token": phone.secret}},
}


@pytest.fixture
def two(doors: Site, user: str) -> Iterator[tuple[Phone, Phone]]:
    """Two people, each with one reading of their own at the same moment."""
    other = f"{user}b"
    doors.store.people.add(other, other, datetime.now(UTC))
    phones = Phone(doors, user), Phone(doors, other)
    for phone, sgv in zip(phones, (101, 202), strict=True):
        assert phone.post("/api/v1/entries", json=[xdrip_sgv(5, sgv)]).status_code == 200
        body = {"eventType": "Note", "notes": phone.user_id, "created_at": z(ago(3)), "identifier": "same"}
        assert phone.post("/api/v1/treatments", json=body).status_code == 200
    yield phones
    for phone in phones:
        phone.close()


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_each_form_reads_its_own_person_alone(doors: Site, two: tuple[Phone, Phone], form: Form) -> None:
    for phone, sgv in zip(two, (101, 202), strict=True):
        how = form(phone)
        with httpx.Client(base_url=doors.url) as app:
            assert [one["sgv"] for one in app.get("/api/v1/entries/sgv.json", **how).json()] == [sgv]
            notes = [one["notes"] for one in app.get("/api/v1/treatments.json", **how).json()]
            assert notes == [phone.user_id]
            assert app.get("/api/v3/treatments/same", **how).json()["result"]["notes"] == phone.user_id
            assert app.get("/pebble", **how).json()["bgs"][0]["sgv"] == str(sgv)
            assert app.get("/api/v2/properties/bgnow", **how).json()["bgnow"]["last"] == sgv
            assert app.get("/api/v1/experiments/test", **how).status_code == 200
            verified = app.get("/api/v1/verifyauth", **how).json()
            assert (verified["status"], verified["message"]["canRead"]) == (200, True)


def test_a_body_may_carry_it(two: tuple[Phone, Phone], doors: Site) -> None:
    for field, value in (("secret", two[0].sha1), ("token", two[0].secret)):
        body = {"eventType": "Note", "notes": field, field: value, "created_at": z(ago(8))}
        made = httpx.post(f"{doors.url}/api/v1/treatments", json=body)
        assert made.status_code == 200
        assert field not in made.json()[0]
    assert "token" in two[0].get("/api/v1/treatments.json").text
    assert two[0].secret not in two[0].get("/api/v1/treatments.json").text
    assert "token" not in two[1].get("/api/v1/treatments.json").text


def test_a_wrong_one_is_401_everywhere(doors: Site, user: str) -> None:
    paths = [
        ("GET", "/api/v1/entries.json"),
        ("GET", "/api/v1/status.json"),
        ("GET", "/api/v1/experiments/test"),
        ("GET", "/api/v2/properties"),
        ("GET", "/pebble"),
        ("GET", "/api/v3/status"),
        ("GET", "/api/v3/entries"),
        ("POST", "/api/v1/entries"),
        ("DELETE", "/api/v1/entries?find[sgv]=1"),
        ("PUT", "/api/v3/entries/x"),
        ("GET", "/api/v2/authorization/request/wrong-0123456789abcdef01234567"),
    ]
    with Phone(doors, user) as phone:
        phone.post("/api/v1/entries", json=[xdrip_sgv(5)])
        for wrong in (
            phone.sha1[:-1] + ("0" if phone.sha1[-1] != "0" else "1"),
            "wrong-0123456789abcdef01234567",
            "x.y.z",
        ):
            for method, path in paths:
                answer = httpx.request(method, doors.url + path, headers={"api-secret": wrong}, json=[])
                assert answer.status_code == 401, (method, path)
                assert answer.json()["status"] == 401
        for method, path in paths:
            if "status.json" not in path and "authorization" not in path:
                assert httpx.request(method, doors.url + path, json=[]).status_code == 401
        doors.store.apps.revoke(phone.app_id, datetime.now(UTC))
        assert phone.get("/api/v1/entries.json").status_code == 401


def test_a_token_ends_with_its_app(doors: Site, user: str) -> None:
    with Phone(doors, user) as phone:
        headers = {"authorization": f"Bearer {token(phone)}"}
        assert httpx.get(f"{doors.url}/api/v3/status", headers=headers).status_code == 200
        head, claims, _signature = headers["authorization"].split(".")
        forged = {"authorization": f"{head}.{claims}.{'A' * 43}"}
        assert httpx.get(f"{doors.url}/api/v3/status", headers=forged).status_code == 401
        doors.store.apps.revoke(phone.app_id, datetime.now(UTC))
        assert httpx.get(f"{doors.url}/api/v3/status", headers=headers).status_code == 401


def test_rights_are_kept_to(doors: Site, user: str) -> None:
    with Phone(doors, user, "read") as reads, Phone(doors, user, "upload") as uploads:
        sent = [xdrip_sgv(5)]
        assert uploads.get("/api/v1/experiments/test").status_code == 200
        assert uploads.post("/api/v1/entries", json=sent).status_code == 200
        assert uploads.get("/api/v1/entries.json").status_code == 401
        assert uploads.get("/api/v3/entries").status_code == 401
        assert [one["date"] for one in reads.get("/api/v1/entries.json").json()] == [ms(ago(5))]
        assert reads.post("/api/v1/entries", json=sent).status_code == 401
        assert reads.delete("/api/v1/entries?find[sgv]=120").status_code == 401
        assert reads.delete("/api/v3/entries/x").status_code == 401
        assert len(reads.get("/api/v1/entries.json").json()) == 1
        assert reads.get("/api/v3/status").json()["result"]["apiPermissions"]["entries"] == "r"


def test_a_good_one_is_not_locked_out_by_wrong_ones_beside_it(doors: Site, user: str) -> None:
    with Phone(doors, user) as phone:
        for at in range(30):
            wrong = {"api-secret": f"wrong-{at % 3}123456789abcdef01234567"}
            assert httpx.get(f"{doors.url}/api/v1/entries.json", headers=wrong).status_code == 401
        assert phone.get("/api/v1/entries.json").status_code == 200


def test_no_log_holds_a_secret(doors: Site, user: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with Phone(doors, user) as phone:
        ours = logging.getLogger("glucoflow")
        assert ours.getEffectiveLevel() <= logging.DEBUG
        for path in (f"/api/v1/entries.json?token={phone.secret}", f"/api/v2/authorization/request/{phone.secret}"):
            httpx.get(doors.url + path)
        httpx.get(f"{doors.url}/api/v1/entries.json?find[$x]=1&token={phone.secret}")
        text = "\n".join(one.getMessage() for one in caplog.records if not one.name.startswith(("httpx", "httpcore")))
        assert phone.secret not in text
        assert phone.sha1 not in text
