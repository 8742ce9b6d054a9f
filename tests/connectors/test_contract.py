"""The contract's checks: a provider that keeps it passes all, and each way to break it is caught by its own check."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connectors.contract import CHECKS, Check, Subject, faults, name_of, reading
from glucoflow.model.ingestion import Window
from tests.connectors.broken import NOW, acme, cloud, credentials

CAUGHT: dict[str, Check] = {
    "has no title": reading.is_described,
    "shows what is typed": reading.is_described,
    "polls backwards": reading.is_described,
    "calls while it opens": reading.opens_without_a_call_and_closes_twice,
    "cannot be closed twice": reading.opens_without_a_call_and_closes_twice,
    "says an end that leaves out the last": reading.says_what_it_holds,
    "leaves a hole between pages": reading.pages_meet_and_cover_the_window,
    "gives newest first": reading.pages_meet_and_cover_the_window,
    "gives times without a zone": reading.pages_meet_and_cover_the_window,
    "takes the end in as well": reading.every_record_comes_once_however_the_window_is_cut,
    "loses the last of a page": reading.every_record_comes_once_however_the_window_is_cut,
    "gives two records one key": reading.every_record_comes_once_however_the_window_is_cut,
    "gives new keys each time": reading.keys_stay,
    "calls done what is still to come": reading.killed_and_begun_again_nothing_is_lost,
    "fails with a bad record": reading.a_bad_record_is_rejected_and_the_rest_is_read,
    "swallows a bad record": reading.a_bad_record_is_rejected_and_the_rest_is_read,
    "forgets how long to wait": faults.overload_passes,
    "does not say what went wrong": faults.overload_passes,
    "gives up on a refusal without a cure": faults.refusals_are_said,
    "takes trouble for nothing": faults.what_is_no_answer_is_never_no_records,
    "has no time-out": faults.waits_no_longer_than_its_limits,
    "has no cap": faults.takes_no_more_than_its_limits,
    "follows redirects": faults.credentials_go_nowhere_else,
    "takes signed out for a refusal": faults.asks_for_new_credentials_once_and_uses_them,
    "does not count its calls": faults.counts_its_calls_and_tells_the_time,
    "keeps the time to itself": faults.counts_its_calls_and_tells_the_time,
    "shows its secret": faults.nothing_secret_is_said,
    "logs its secret": faults.nothing_secret_is_said,
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with cloud() as url:
        yield url


def subject(url: str, defect: str = "", endless_s: float = 30.0) -> Subject:
    whole = Window(NOW - timedelta(days=2), NOW)
    made = acme(defect)
    return Subject(provider=made, url=url, credentials=credentials(), now=NOW, window=whole, endless_s=endless_s)


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_a_good_one_passes(check: Check, url: str) -> None:
    check(subject(url))


@pytest.mark.parametrize("defect", CAUGHT)
def test_a_broken_one_is_caught(defect: str, url: str) -> None:
    with pytest.raises(AssertionError) as caught:
        CAUGHT[defect](subject(url, defect, endless_s=3.0))
    assert str(caught.value), "it says what is wrong"


def test_every_check_catches_something() -> None:
    unproved = {name_of(check) for check in CHECKS} - {name_of(check) for check in CAUGHT.values()}
    assert unproved == {"nobody_there_passes"}, "what a refused connection raises is the shared HTTP piece's"
