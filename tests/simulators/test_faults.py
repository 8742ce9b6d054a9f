"""Each fault takes place at the wire as told, is counted, and is over when it is used up."""

import time
from collections.abc import Callable
from datetime import timedelta
from email.utils import parsedate_to_datetime

import httpx
import orjson
import pytest

from glucoflow.simulators.dexcom import Fault
from tests.simulators.caller import Caller
from tests.simulators.conftest import NOW

Page = Callable[[], httpx.Response]


@pytest.fixture
def page(caller: Caller) -> Page:
    """Asks for the same day of readings again and again."""
    access = caller.tokens()["access_token"]
    return lambda: caller.window("egvs", access, NOW - timedelta(days=1), NOW)


def test_status_with_retry_after_in_seconds_or_as_a_date(caller: Caller, page: Page) -> None:
    until = NOW + timedelta(minutes=5)
    caller.sim.faults.add(Fault("status", path="egvs", status=429, retry_after=7, times=2))
    caller.sim.faults.add(Fault("status", path="egvs", status=503, retry_after=until))
    caller.sim.faults.add(Fault("status", path="egvs", status=500))
    answers = [page() for _ in range(5)]
    assert [answer.status_code for answer in answers] == [429, 429, 503, 500, 200]
    assert answers[0].headers["retry-after"] == "7"
    assert parsedate_to_datetime(answers[2].headers["retry-after"]) == until.replace(microsecond=0)
    assert "retry-after" not in answers[3].headers
    assert caller.sim.faults.served == {"status": 4}
    assert [asked.status for asked in caller.sim.requests if asked.path.endswith("egvs")] == [429, 429, 503, 500, 200]


def test_a_fault_hits_only_its_path_and_only_after_the_good_ones(caller: Caller, page: Page) -> None:
    caller.sim.faults.add(Fault("status", path="egvs$", skip=1))
    assert caller.http.get("/health").status_code == 200
    assert [page().status_code for _ in range(3)] == [200, 503, 200]
    caller.sim.faults.add(Fault("status", path="egvs$"))
    caller.sim.faults.clear()
    assert page().status_code == 200


def test_html_with_status_200(caller: Caller, page: Page) -> None:
    caller.sim.faults.add(Fault("html"))
    answer = page()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.text.startswith("<!doctype html>")


def test_truncated_json_of_the_length_it_says(caller: Caller, page: Page) -> None:
    whole = page().content
    caller.sim.faults.add(Fault("truncated"))
    answer = page()
    assert answer.status_code == 200
    assert whole.startswith(answer.content)
    assert int(answer.headers["content-length"]) == len(answer.content) < len(whole)
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(answer.content)


def test_the_connection_breaks_before_or_in_the_middle(caller: Caller, page: Page) -> None:
    caller.sim.faults.add(Fault("reset", path="egvs"))
    with pytest.raises(httpx.ReadError):
        page()
    caller.sim.faults.add(Fault("cut", path="egvs"))
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        page()
    assert page().status_code == 200
    assert caller.sim.faults.served == {"reset": 1, "cut": 1}
    assert caller.sim.requested("egvs") == 3


def test_a_lost_answer_has_spent_the_refresh_token(caller: Caller) -> None:
    pair = caller.tokens()
    caller.sim.faults.add(Fault("lost", path="token"))
    with pytest.raises(httpx.ReadError):
        caller.refresh(pair["refresh_token"])
    assert [attempt.accepted for attempt in caller.sim.refreshes] == [True]
    assert caller.refresh(pair["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_reset_has_not_spent_it(caller: Caller) -> None:
    pair = caller.tokens()
    caller.sim.faults.add(Fault("reset", path="token"))
    with pytest.raises(httpx.ReadError):
        caller.refresh(pair["refresh_token"])
    assert caller.refresh(pair["refresh_token"]).status_code == 200


def test_an_answer_that_drips_or_comes_late(caller: Caller) -> None:
    access = caller.tokens()["access_token"]
    began = time.monotonic()
    quick = caller.get("dataRange", access)
    usual = time.monotonic() - began
    caller.sim.faults.add(Fault("drip", path="dataRange", chunk=len(quick.content) // 5, seconds=0.1))
    caller.sim.faults.add(Fault("slow", path="dataRange", seconds=0.5))
    for _ in range(2):
        began = time.monotonic()
        assert caller.get("dataRange", access).content == quick.content
        assert time.monotonic() - began > max(0.45, usual / 2)
    caller.sim.faults.add(Fault("drip", path="dataRange", seconds=1))
    with pytest.raises(httpx.ReadTimeout), httpx.Client(timeout=httpx.Timeout(10, read=0.3)) as hasty:
        hasty.get(f"{caller.sim.base_url}/v3/users/self/dataRange", headers={"Authorization": f"Bearer {access}"})


def test_a_huge_body_is_still_the_same_page(caller: Caller, page: Page) -> None:
    whole = page().json()
    caller.sim.faults.add(Fault("huge", size=5_000_000))
    answer = page()
    assert len(answer.content) == 5_000_000
    assert answer.json() == whole


def test_odd_and_doubled_records_in_a_page(caller: Caller, page: Page) -> None:
    records = page().json()["records"]
    odd = {"recordId": None, "systemTime": "yesterday", "value": "?"}
    caller.sim.faults.add(Fault("records", path="egvs", records=[odd, {}]))
    caller.sim.faults.add(Fault("duplicates", path="egvs"))
    assert page().json()["records"] == [*records, odd, {}]
    assert page().json()["records"] == records * 2
    assert page().json()["records"] == records


def test_a_wrong_date_header(caller: Caller, page: Page) -> None:
    caller.sim.faults.add(Fault("date", shift=timedelta(hours=-5)))
    assert parsedate_to_datetime(page().headers["date"]) == NOW - timedelta(hours=5)
    assert parsedate_to_datetime(page().headers["date"]) == NOW


def test_consent_taken_back_in_the_middle(caller: Caller) -> None:
    pair = caller.tokens("chiara")
    caller.sim.faults.add(Fault("revoke", path="egvs", skip=1))
    day = timedelta(days=1)
    answers = [caller.window("egvs", pair["access_token"], NOW - day * n, NOW - day * (n - 1)) for n in (3, 2, 1)]
    assert [answer.status_code for answer in answers] == [200, 401, 401]
    assert caller.refresh(pair["refresh_token"]).json()["error"] == "invalid_grant"
    assert caller.sim.faults.served == {"revoke": 1}
