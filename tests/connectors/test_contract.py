"""The contract's checks: a provider that keeps it passes all, and each way to break it is caught by its own check."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from connectors import contract
from connectors.contract import CHECKS, Check, Subject, name_of
from glucoflow.model.ingestion import Window
from tests.connectors.broken import NOW, acme, cloud, credentials

CAUGHT: dict[str, Check] = {
    "has no title": contract.is_described,
    "shows what is typed": contract.is_described,
    "polls backwards": contract.is_described,
    "calls while it opens": contract.opens_without_a_call_and_closes_twice,
    "cannot be closed twice": contract.opens_without_a_call_and_closes_twice,
    "says an end that leaves out the last": contract.says_what_it_holds,
    "leaves a hole between pages": contract.pages_meet_and_cover_the_window,
    "gives newest first": contract.pages_meet_and_cover_the_window,
    "gives times without a zone": contract.pages_meet_and_cover_the_window,
    "takes the end in as well": contract.every_record_comes_once_however_the_window_is_cut,
    "loses the last of a page": contract.every_record_comes_once_however_the_window_is_cut,
    "gives two records one key": contract.every_record_comes_once_however_the_window_is_cut,
    "gives new keys each time": contract.keys_stay,
    "calls done what is still to come": contract.killed_and_begun_again_nothing_is_lost,
    "fails with a bad record": contract.a_bad_record_is_rejected_and_the_rest_is_read,
    "swallows a bad record": contract.a_bad_record_is_rejected_and_the_rest_is_read,
    "forgets how long to wait": contract.overload_passes,
    "does not say what went wrong": contract.overload_passes,
    "gives up on a refusal without a cure": contract.refusals_are_said,
    "takes trouble for nothing": contract.what_is_no_answer_is_never_no_records,
    "has no time-out": contract.waits_no_longer_than_its_limits,
    "has no cap": contract.takes_no_more_than_its_limits,
    "follows redirects": contract.credentials_go_nowhere_else,
    "takes signed out for a refusal": contract.asks_for_new_credentials_once_and_uses_them,
    "does not count its calls": contract.counts_its_calls_and_tells_the_time,
    "keeps the time to itself": contract.counts_its_calls_and_tells_the_time,
    "shows its secret": contract.nothing_secret_is_said,
    "logs its secret": contract.nothing_secret_is_said,
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with cloud() as url:
        yield url


def subject(url: str, defect: str = "", patience_s: float = 30.0) -> Subject:
    whole = Window(NOW - timedelta(days=2), NOW)
    made = acme(defect)
    return Subject(provider=made, url=url, credentials=credentials(), now=NOW, window=whole, patience_s=patience_s)


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_a_good_one_passes(check: Check, url: str) -> None:
    check(subject(url))


@pytest.mark.parametrize("defect", CAUGHT)
def test_a_broken_one_is_caught(defect: str, url: str) -> None:
    with pytest.raises(AssertionError) as caught:
        CAUGHT[defect](subject(url, defect, patience_s=3.0))
    assert str(caught.value), "it says what is wrong"


def test_every_check_catches_something() -> None:
    unproved = {name_of(check) for check in CHECKS} - {name_of(check) for check in CAUGHT.values()}
    assert unproved == {"nobody_there_passes"}, "what a refused connection raises is the shared HTTP piece's"
