"""The data endpoints refuse what the real ones refuse, and answer in their form."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from glucoflow.simulators.dexcom import SettableClock, demo_scenario
from tests.simulators.caller import Caller, plain
from tests.simulators.conftest import NOW, Opening

KINDS = ("egvs", "events", "calibrations", "alerts")
GOOD = {"startDate": "2026-11-01T00:00:00", "endDate": "2026-11-02T00:00:00"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ({"startDate": ""}, "startDate"),
        ({"endDate": ""}, "endDate"),
        ({"startDate": "2026-11-01T00:00:00Z"}, "startDate"),
        ({"startDate": "2026-11-01T00:00:00+00:00"}, "startDate"),
        ({"endDate": "2026-11-02T00:00:00.000"}, "endDate"),
        ({"endDate": "2026-11-02"}, "endDate"),
        ({"endDate": "2026-11-02 00:00:00"}, "endDate"),
        ({"endDate": "2026-11-31T00:00:00"}, "endDate"),
        ({"endDate": "yesterday"}, "endDate"),
        ({"endDate": "2026-12-01T00:00:01"}, "endDate"),
        ({"startDate": "2026-11-03T00:00:00"}, "startDate"),
    ],
)
def test_a_wrong_window_is_400_and_names_the_parameter(
    caller: Caller, kind: str, query: dict[str, str], parameter: str
) -> None:
    answer = caller.get(kind, caller.tokens()["access_token"], **{**GOOD, **query})
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [parameter]


def test_thirty_days_are_allowed_and_an_empty_window_is_empty(caller: Caller) -> None:
    access = caller.tokens()["access_token"]
    assert caller.window("egvs", access, NOW - timedelta(days=30), NOW).status_code == 200
    assert caller.window("egvs", access, NOW, NOW).json()["records"] == []


def test_nobody_gets_in_without_a_token(caller: Caller) -> None:
    for headers in (
        {},
        {"Authorization": "Basic abc"},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": "Bearer"},
    ):
        answer = caller.http.get("/v3/users/self/egvs", params=GOOD, headers=headers)
        assert answer.status_code == 401
        assert set(answer.json()["fault"]) == {"faultstring", "detail"}
    assert caller.get("egvs", "nonsense", **GOOD).headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "path", ["/v3/users/self/egv", "/v3/users/self/egvs/", "/v2/users/self/egvs", "/v3/users/alma/egvs"]
)
def test_a_wrong_path_is_404(caller: Caller, path: str) -> None:
    access = caller.tokens()["access_token"]
    answer = caller.http.get(path, params=GOOD, headers={"Authorization": f"Bearer {access}"})
    assert answer.status_code == 404
    assert "fault" in answer.json()


def test_a_wrong_method_is_405(caller: Caller) -> None:
    answer = caller.http.post("/v3/users/self/egvs", params=GOOD)
    assert answer.status_code == 405
    assert "fault" in answer.json()


def test_last_sync_time_needs_an_offset(caller: Caller) -> None:
    access = caller.tokens()["access_token"]
    assert caller.get("dataRange", access, lastSyncTime="2026-11-20T00:00:00Z").status_code == 200
    assert caller.get("dataRange", access, lastSyncTime="2026-11-20T01:00:00+01:00").status_code == 200
    for wrong in ("2026-11-20T00:00:00", "", "now"):
        answer = caller.get("dataRange", access, lastSyncTime=wrong)
        assert answer.status_code == 400
        assert list(answer.json()["errors"]) == ["lastSyncTime"]


@pytest.mark.parametrize(
    ("kind", "word"),
    [("egvs", "egv"), ("events", "event"), ("calibrations", "calibration"), ("alerts", "alert"), ("devices", "device")],
)
def test_the_envelope(caller: Caller, kind: str, word: str) -> None:
    page = caller.window(kind, caller.tokens("bruno")["access_token"], NOW - timedelta(days=20), NOW).json()
    assert list(page) == ["recordType", "recordVersion", "userId", "records"]
    assert (page["recordType"], page["recordVersion"], len(page["userId"])) == (word, "3.0", 64)
    assert page["records"]


def test_calls_are_counted_by_the_hour(opening: Opening, clock: SettableClock) -> None:
    with opening(demo_scenario(NOW), clock, calls_per_hour=3) as caller:
        access = caller.tokens()["access_token"]
        assert [caller.get("dataRange", access).status_code for _ in range(4)] == [200, 200, 200, 429]
        clock.advance(timedelta(hours=1))
        assert caller.get("dataRange", access).status_code == 200


def test_the_date_header_is_the_clouds_clock(caller: Caller) -> None:
    assert caller.http.get("/health").headers.get_list("date") == ["Sat, 21 Nov 2026 10:02:30 GMT"]


def test_windows_are_half_open_and_their_union_is_the_whole(caller: Caller) -> None:
    access = caller.tokens("bruno")["access_token"]
    start, end = datetime(2026, 11, 9, tzinfo=UTC), datetime(2026, 11, 16, tzinfo=UTC)
    for kind in KINDS:
        whole = caller.window(kind, access, start, end).json()["records"]
        assert len(whole) > 1
        # cut exactly at records' own times, where an inclusive end or an exclusive start would show
        cuts = sorted(
            {start, end, *(datetime.fromisoformat(record["systemTime"]) for record in whole[:: len(whole) // 4 or 1])}
        )
        parts = [caller.window(kind, access, low, high).json()["records"] for low, high in pairwise(cuts)]
        assert [record for part in reversed(parts) for record in part] == whole
        assert all(plain(start) <= record["systemTime"] < plain(end) for record in whole)
