"""What keeps others out: forged forms, foreign hosts, scripts from elsewhere. The password: test_login.py."""

import httpx
import pytest

from glucoflow.web.security import CSRF_COOKIE
from tests.web.serving import Site

ADD = {"name": "Mallory", "unit": "mg/dL", "zone": "UTC"}


def test_a_form_without_our_token_does_nothing(empty_site: Site) -> None:
    with httpx.Client(base_url=empty_site.url) as browser:
        token = browser.get("/").cookies[CSRF_COOKIE]
        for form in (ADD, ADD | {"csrf": "x"}, ADD | {"csrf": token[::-1]}):
            assert browser.post("/people", data=form).status_code == 403
        forged = "made-up.signature"
        browser.cookies.set(CSRF_COOKIE, forged)
        assert browser.post("/people", data=ADD | {"csrf": forged}).status_code == 403
    assert empty_site.store.people.list() == ()


def test_a_form_from_another_site_does_nothing(empty_site: Site) -> None:
    with httpx.Client(base_url=empty_site.url) as browser:
        form = ADD | {"csrf": browser.get("/").cookies[CSRF_COOKIE]}
        for header in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}, {"origin": "null"}):
            assert browser.post("/people", data=form, headers=header).status_code == 403
        assert browser.post("/people", data=form, headers={"origin": empty_site.url}).status_code == 303
    assert [one.id for one in empty_site.store.people.list()] == ["mallory"]


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "", "[::2]"])
def test_a_foreign_host_name_is_refused(empty_site: Site, host: str) -> None:
    assert httpx.get(empty_site.url, headers={"host": host}).status_code in {400, 421}


def test_a_health_check_may_call_this_machine_by_any_name(empty_site: Site) -> None:
    answer = httpx.get(f"{empty_site.url}/healthz", headers={"host": "evil.example"})
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


def test_our_host_names_are_served_with_any_port(empty_site: Site) -> None:
    for host in ("localhost", "LOCALHOST:1", "127.0.0.1:8321", "[::1]:8321"):
        assert httpx.get(empty_site.url, headers={"host": host}).status_code == 200


def test_every_answer_forbids_foreign_and_inline_code(town: Site) -> None:
    for path in ("/", "/people/anna", "/people/nobody", "/api/people/anna/charts/last_24h", "/static/app.js"):
        policy = httpx.get(town.url + path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
    page = httpx.get(f"{town.url}/people/anna").text
    assert "style=" not in page
    assert " onclick=" not in page
    assert "//" not in page.replace("https://", "").replace("http://", "")
    assert httpx.get(f"{town.url}/people/anna").headers["cache-control"] == "no-store"


def test_a_name_cannot_carry_code(empty_site: Site) -> None:
    name = "<script>alert(1)</script>\"'&"
    with httpx.Client(base_url=empty_site.url, follow_redirects=True) as browser:
        form = ADD | {"name": name, "csrf": browser.get("/").cookies[CSRF_COOKIE]}
        assert browser.post("/people", data=form).status_code == 200
        page = browser.get("/").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_bad_values_for_a_person_are_explained(empty_site: Site) -> None:
    with httpx.Client(base_url=empty_site.url) as browser:
        token = {"csrf": browser.get("/").cookies[CSRF_COOKIE]}
        for wrong in ({"zone": "Mars/Olympus"}, {"name": "  "}, {"unit": "pints"}):
            answer = browser.post("/people", data=ADD | token | wrong)
            assert answer.status_code in {400, 422}
            assert "Traceback" not in answer.text


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_no_form_sends_people_elsewhere(town: Site, back: str) -> None:
    with httpx.Client(base_url=town.url) as browser:
        token = browser.get("/").cookies[CSRF_COOKIE]
        form = {"csrf": token, "unit": "mg/dL", "back": back}
        assert browser.post("/people/anna/unit", data=form).headers["location"] == "/"
