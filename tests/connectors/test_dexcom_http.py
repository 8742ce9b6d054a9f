"""The way to Dexcom and back: what is retried, what is halved, what is said, and what is never taken for "no data"."""

import gzip
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from glucoflow.model.errors import Reauthorize, Retryable, Unreadable
from glucoflow.model.ingestion import Window
from glucoflow.provider import Limits
from tests.connectors.conftest import Answer, Provider, Request
from tests.connectors.wire import DAY, EGV, NOW, body, connector

JSON = {"Content-Type": "application/json; charset=utf-8"}
ONE = body("egv", EGV)


def read(
    provider: Provider, window: Window = DAY, on_date: Callable[[datetime], None] = lambda _date: None
) -> list[str]:
    """The keys of all readings."""
    open_one = connector(provider.base_url, on_date=on_date)
    try:
        return [record.key for page in open_one.pages("readings", window) for record in page.records]
    finally:
        open_one.close()


def first_then(provider: Provider, first: Answer, then: Answer, times: int = 1) -> None:
    provider.script = lambda _: first if len(provider.requests) <= times else then


def test_a_request_asks_for_a_half_open_window_in_utc_without_a_zone(provider: Provider) -> None:
    provider.script = lambda _: Answer(ONE)
    assert read(provider) == [EGV["recordId"]]
    (request,) = provider.requests
    assert request.path == "/v3/users/self/egvs"
    assert request.query == {"startDate": "2026-03-08T00:00:00", "endDate": "2026-03-09T00:00:00"}
    assert request.headers["Authorization"] == "Bearer first-token"


def test_a_long_window_is_cut_into_thirty_days_that_meet(provider: Provider) -> None:
    provider.script = lambda _: Answer(body("egv"))
    whole = Window(datetime(2025, 12, 1, 3, 4, 5, 600, tzinfo=UTC), datetime(2026, 3, 1, 0, 0, 0, 1, tzinfo=UTC))
    open_one = connector(provider.base_url)
    pages = list(open_one.pages("readings", whole))
    asked = [(request.query["startDate"], request.query["endDate"]) for request in provider.requests]
    assert asked == [
        ("2025-12-01T03:04:05", "2025-12-31T03:04:05"),
        ("2025-12-31T03:04:05", "2026-01-30T03:04:05"),
        ("2026-01-30T03:04:05", "2026-03-01T00:00:01"),
    ]
    assert [page.window.end for page in pages[:-1]] == [page.window.start for page in pages[1:]]
    assert pages[0].window.start <= whole.start
    assert pages[-1].window.end >= whole.end
    open_one.close()


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(b"<html>Maintenance</html>", headers={"Content-Type": "text/html"}),
        Answer(b"<html>no type given</html>", headers={}),
        Answer(b"", headers=JSON),
        Answer(ONE[:-30], headers=JSON),  # JSON that breaks off
        Answer(ONE, headers=JSON, cut=200),  # an answer that breaks off
        Answer(b'{"errors": ["try later"]}', headers=JSON),
        Answer(b"[]", headers=JSON),
        Answer(b"null", headers=JSON),
        Answer(b'{"recordType": "egv", "records": null}', headers=JSON),
        Answer(b'{"recordType": "event", "records": []}', headers=JSON),
        Answer(b"[" * 100_000, headers=JSON),
        Answer(status=429),
        Answer(status=500),
        Answer(b"<h1>Bad gateway</h1>", 502, {"Content-Type": "text/html"}),
        Answer(status=503),
        Answer(status=302, headers={"Location": "https://elsewhere.example/"}),
        Answer(status=204),
        Answer(b"\x1f\x8bnot gzip", headers=JSON | {"Content-Encoding": "gzip"}),
    ],
    ids=lambda answer: f"{answer.status}-{answer.body[:24]!r}",
)
def test_trouble_is_retryable_and_never_no_data(provider: Provider, trouble: Answer) -> None:
    provider.script = lambda _: trouble
    with pytest.raises(Retryable) as caught:
        read(provider)
    assert "token" not in str(caught.value)


def test_what_passes_is_tried_again(provider: Provider) -> None:
    for trouble in (Answer(status=503), Answer(status=429), Answer(ONE, headers=JSON, cut=100)):
        provider.requests.clear()
        first_then(provider, trouble, Answer(ONE), times=3)
        assert read(provider) == [EGV["recordId"]]
        assert len(provider.requests) == 4
    provider.requests.clear()
    first_then(provider, Answer(status=503), Answer(ONE), times=4)
    with pytest.raises(Retryable):
        read(provider)
    assert len(provider.requests) == 4


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "77"}, 77),
        ({"Retry-After": "Sun, 08 Mar 2026 10:01:30 GMT", "Date": "Sun, 08 Mar 2026 10:00:00 GMT"}, 90),
        ({"Retry-After": "99999999"}, 21600),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "Sun, 08 Mar 2026 10:01:30 GMT", "Date": "Sun, 08 Mar 2020 10:00:00 GMT"}, None),
        ({}, None),
    ],
)
def test_retry_after_is_honoured(provider: Provider, headers: dict[str, str], seconds: float | None) -> None:
    provider.script = lambda _: Answer(status=429, headers=headers)
    with pytest.raises(Retryable) as caught:
        read(provider)
    assert caught.value.retry_after == seconds
    assert len(provider.requests) == (4 if seconds is None else 1)  # longer than our patience: come again later


def test_a_short_retry_after_is_waited_for(provider: Provider) -> None:
    waits: list[float] = []
    first_then(provider, Answer(status=429, headers={"Retry-After": "2"}), Answer(ONE))
    open_one = connector(provider.base_url, limits=Limits(first_wait_s=1, longest_wait_s=30))
    open_one._api._http._sleep = waits.append  # the one clock that a test cannot wait for
    assert len(list(open_one.pages("readings", DAY))) == 1
    assert [2.5 <= wait <= 3 for wait in waits] == [True]
    open_one.close()


def test_a_new_token_is_asked_for_once(provider: Provider) -> None:
    provider.script = lambda request: (
        Answer(ONE) if request.headers["Authorization"] == "Bearer renewed-token" else Answer(status=401)
    )
    assert read(provider) == [EGV["recordId"]]
    assert len(provider.requests) == 2
    provider.script = lambda _: Answer(status=401)
    with pytest.raises(Reauthorize, match="Connect to Dexcom again"):
        read(provider)
    assert len(provider.requests) == 4


def test_what_the_token_source_raises_comes_through(provider: Provider) -> None:
    def gone(force: bool) -> SecretStr:
        raise Reauthorize("gone")

    with pytest.raises(Reauthorize, match="gone"):
        connector(provider.base_url, gone).extent("readings")
    assert provider.requests == []


@pytest.mark.parametrize(
    ("status", "answer", "narrower", "says"),
    [
        (400, b'{"errors": ["endDate is more than 30 days after startDate"]}', True, "more than 30 days"),
        (400, b"<html>", True, "no reason given"),
        (403, b'{"fault": {"faultstring": "App has sandbox access only"}}', False, "DEXCOM_REGION=sandbox"),
        (403, b"", False, "connect to Dexcom again"),
        (404, b"", False, "does not have it for this connection"),
    ],
)
def test_refusals_concern_their_part_say_what_to_do_and_are_not_repeated(
    provider: Provider, status: int, answer: bytes, narrower: bool, says: str
) -> None:
    provider.script = lambda _: Answer(answer, status)
    with pytest.raises(Unreadable, match=says) as caught:
        read(provider)
    assert caught.value.narrower == narrower, "whether a shorter window may be given"
    assert len(provider.requests) == 1


def test_the_time_of_each_answer_is_told(provider: Provider) -> None:
    told: list[datetime] = []
    headers = JSON | {"Date": "Tue, 24 Nov 2026 12:00:00 GMT"}
    provider.script = lambda _: Answer(b'{"records": []}', headers=headers)
    read(provider, on_date=told.append)
    assert told == [datetime(2026, 11, 24, 12, tzinfo=UTC)]
    provider.script = lambda _: Answer(b'{"records": []}', headers=JSON | {"Date": "yesterday"})
    read(provider, on_date=told.append)
    assert len(told) == 1


def hours(request: Request) -> float:
    start, end = (datetime.fromisoformat(request.query[name]) for name in ("startDate", "endDate"))
    return (end - start) / timedelta(hours=1)


@pytest.mark.parametrize(
    "too_much",
    [
        Answer(b"[" + b" " * (3 * 2**20) + b"]", headers=JSON),  # over the cap of 2 MiB set for the tests
        Answer(gzip.compress(b" " * (3 * 2**20)), headers=JSON | {"Content-Encoding": "gzip"}),
        Answer(status=504),
    ],
    ids=["large", "bomb", "504"],
)
def test_a_request_that_is_too_much_is_halved(provider: Provider, too_much: Answer) -> None:
    provider.script = lambda request: too_much if hours(request) > 7 else Answer(body("egv"))
    open_one = connector(provider.base_url)
    pages = list(open_one.pages("readings", DAY))
    assert [(page.window.start.hour, page.window.end.hour) for page in pages] == [(0, 6), (6, 12), (12, 18), (18, 0)]
    open_one.close()


def test_a_slow_answer_is_given_up_and_halved_down_to_an_hour(provider: Provider) -> None:
    provider.script = lambda _: Answer(ONE, pause=0.05)
    with pytest.raises(Retryable, match="in time"):
        read(provider, Window(DAY.start, DAY.start + timedelta(hours=2)))
    assert [hours(request) for request in provider.requests] == [2, 1]


def test_a_silent_server_is_given_up(provider: Provider) -> None:
    def silent(_: Request) -> Answer:
        provider.stopping.wait(5)
        return Answer(ONE)

    provider.script = silent
    with pytest.raises(Retryable, match="in time"):
        read(provider, Window(DAY.start, DAY.start + timedelta(hours=1)))


def test_nobody_at_the_address() -> None:
    with pytest.raises(Retryable, match="failed"):
        connector("http://127.0.0.1:9").extent("readings")


def test_neither_tokens_nor_readings_are_logged(provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    provider.script = lambda _: Answer(ONE[:-20], headers=JSON)
    with pytest.raises(Retryable):
        read(provider)
    text = "\n".join(
        record.getMessage() for record in caplog.records if record.name.startswith(("connectors", "glucoflow"))
    )
    assert "sha256" in text
    for secret in ("first-token", "112", str(EGV["recordId"]), "startDate"):
        assert secret not in text


def range_of(first: str, last: str) -> bytes:
    span = (
        f'{{"start":{{"systemTime":"{first}","displayTime":"x"}},"end":{{"systemTime":"{last}","displayTime":null}}}}'
    )
    return f'{{"recordType":"dataRange","userId":"u","calibrations":null,"egvs":{span},"events":null}}'.encode()


def test_the_extent_holds_the_last_record_too(provider: Provider) -> None:
    provider.script = lambda _: Answer(range_of("2026-01-01T00:00:00Z", "2026-03-08T09:55:03Z"))
    open_one = connector(provider.base_url)
    readings = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 8, 9, 55, 4, tzinfo=UTC))
    assert open_one.extent("readings") == readings
    assert open_one.extent("events") is None
    assert open_one.extent("alerts") == Window(readings.start, NOW)
    assert open_one.extent("devices") == Window(readings.start, NOW)
    assert all(request.query == {} for request in provider.requests)
    open_one.extent("readings", datetime(2026, 3, 1, 4, 5, 6, 7, tzinfo=UTC))
    assert provider.requests[-1].query == {"lastSyncTime": "2026-03-01T04:05:06Z"}
    open_one.close()


def test_an_account_without_data(provider: Provider) -> None:
    provider.script = lambda _: Answer(b'{"recordType":"dataRange","calibrations":null,"egvs":null,"events":null}')
    open_one = connector(provider.base_url)
    assert [open_one.extent(kind) for kind in ("readings", "events", "calibrations", "alerts")] == [None] * 4
    open_one.close()


def test_a_clock_that_was_never_set_does_not_start_the_walk_in_the_year_one(provider: Provider) -> None:
    provider.script = lambda _: Answer(range_of("0001-01-01T00:00:00Z", "2026-03-08T09:55:03Z"))
    extent = connector(provider.base_url).extent("readings")
    assert extent is not None
    assert extent.start.year == 2010


def test_a_range_that_is_turned_round_says_as_much(provider: Provider) -> None:
    provider.script = lambda _: Answer(range_of("2026-03-08T09:55:03Z", "2026-01-02T00:00:00Z"))
    extent = connector(provider.base_url).extent("readings")
    assert extent == Window(datetime(2026, 1, 2, tzinfo=UTC), datetime(2026, 3, 8, 9, 55, 4, tzinfo=UTC))


@pytest.mark.parametrize(
    "answer", [b"{}", b'{"recordType":"dataRange","egvs":{}}', range_of("never", "2026-03-08T09:55:03Z"), b"[1]"]
)
def test_a_range_that_cannot_be_read_is_not_taken_for_nothing(provider: Provider, answer: bytes) -> None:
    provider.script = lambda _: Answer(answer)
    with pytest.raises(Retryable):
        connector(provider.base_url).extent("readings")


def test_devices_are_one_request_without_dates(provider: Provider) -> None:
    provider.script = lambda _: Answer(body("device"))
    window = Window(datetime(2025, 1, 1, tzinfo=UTC), NOW)
    (page,) = connector(provider.base_url).pages("devices", window)
    assert page.window == window
    assert [(request.path, request.query) for request in provider.requests] == [("/v3/users/self/devices", {})]
