"""The password: what is shown before it, how guessing is held up, and that logging out ends every copy of a session."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from elasticsearch import Elasticsearch

from glucoflow.web.security import CSRF_COOKIE, SESSION_COOKIE
from tests.web.conftest import NAMES
from tests.web.serving import Site, site

RIGHT = "open sesame"
HTML = {"accept": "text/html"}
ADD = {"name": "Mallory", "unit": "mg/dL", "zone": "UTC"}


@pytest.fixture
def locked(es: Elasticsearch, tmp_path: Path) -> Iterator[Site]:
    """A site with a password."""
    with site(tmp_path, es, NAMES, password=RIGHT) as served:
        yield served


def log_in(browser: httpx.Client, password: str, onward: str = "/") -> httpx.Response:
    token = browser.get("/login").cookies.get(CSRF_COOKIE) or browser.cookies[CSRF_COOKIE]
    return browser.post("/login", data={"csrf": token, "password": password, "next": onward})


def test_nothing_is_shown_before_it(locked: Site) -> None:
    with httpx.Client(base_url=locked.url) as browser:
        assert browser.get("/", headers=HTML).headers["location"] == "/login?next=/"
        assert browser.get("/api/people/anna/charts/last_24h").status_code == 401
        assert browser.post("/people", data=ADD).status_code == 401
        assert browser.get("/healthz").json() == {"status": "ok"}
        assert log_in(browser, RIGHT, "//evil.example").headers["location"] == "/"
        assert browser.get("/").status_code == 200
        browser.cookies.set(SESSION_COOKIE, "9999999999.forged", domain="127.0.0.1")
        assert browser.get("/", headers=HTML).status_code == 303


def test_a_wrong_one_is_said_logged_and_waited_for(locked: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with httpx.Client(base_url=locked.url) as browser:
        wrong = log_in(browser, "open barley")
        assert wrong.status_code == 401
        assert "not the password" in wrong.text
        early = log_in(browser, RIGHT)
        assert early.status_code == 429
        assert early.headers["retry-after"] == "1"
        assert "Try again in 1 second." in early.text
        _wait(locked, browser)
        assert log_in(browser, RIGHT).status_code == 303
    lines = [one.getMessage() for one in caplog.records if "log-in" in one.getMessage()]
    assert lines[0] == "a log-in from 127.0.0.1 failed: wrong password; the next try in 1 s"
    assert lines[1] == "a log-in from 127.0.0.1 came too soon: 1 s to wait"
    assert "barley" not in caplog.text
    assert "sesame" not in caplog.text


def test_a_thousand_wrong_ones_get_almost_none_looked_at_and_the_right_one_gets_in(locked: Site) -> None:
    with httpx.Client(base_url=locked.url) as first:
        token = first.get("/login").cookies[CSRF_COOKIE]

    def guess(part: int) -> list[int]:
        with httpx.Client(base_url=locked.url, cookies={CSRF_COOKIE: token}, timeout=60) as browser:
            forms = ({"csrf": token, "password": f"guess {part} {n}"} for n in range(125))
            return [browser.post("/login", data=form).status_code for form in forms]

    begun = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        answers = [status for part in pool.map(guess, range(8)) for status in part]
    looked_at, took = answers.count(401), time.monotonic() - begun
    assert len(answers) == looked_at + answers.count(429) == 1000
    # n tries take at least 1 + 2 + 4 + … = 2ⁿ⁻¹ − 1 seconds
    assert looked_at >= 1
    assert 2 ** (looked_at - 1) - 1 <= took
    with httpx.Client(base_url=locked.url) as owner:
        _wait(locked, owner)
        assert log_in(owner, RIGHT).status_code == 303


def test_after_log_out_a_copied_cookie_is_worth_nothing(locked: Site) -> None:
    with httpx.Client(base_url=locked.url) as browser, httpx.Client(base_url=locked.url) as thief:
        assert log_in(browser, RIGHT).status_code == 303
        thief.cookies.set(SESSION_COOKIE, browser.cookies[SESSION_COOKIE], domain="127.0.0.1")
        page = thief.get("/")
        assert page.status_code == 200
        assert "Log out" in page.text
        left = browser.post("/logout", data={"csrf": browser.cookies[CSRF_COOKIE]})
        assert left.headers["location"] == "/login"
        assert browser.get("/").status_code == 401
        assert thief.get("/").status_code == 401


def test_another_password_ends_every_session_and_a_restart_none(es: Elasticsearch, tmp_path: Path) -> None:
    with site(tmp_path, es, NAMES, password=RIGHT) as served, httpx.Client(base_url=served.url) as browser:
        log_in(browser, RIGHT)
        cookie = {SESSION_COOKIE: browser.cookies[SESSION_COOKIE]}
    for password, status in ((RIGHT, 200), ("open barley", 401)):
        with site(tmp_path, es, NAMES, password=password) as served:
            assert httpx.get(served.url, cookies=cookie).status_code == status


def _wait(locked: Site, browser: httpx.Client) -> None:
    """Until the wait that the site itself names is over; asking within it does not count."""
    told = log_in(browser, "asked how long").headers.get("retry-after")
    time.sleep(int(told or 0))
