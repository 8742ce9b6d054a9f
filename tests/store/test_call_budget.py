"""An app's cap where calls are set aside, several at a time."""

from datetime import timedelta

import pytest

from glucoflow.model.errors import Retryable
from glucoflow.service.call_budget import CallBudget
from glucoflow.store import Store
from tests.store.conftest import NOW

CAP = 5_000


def test_two_workers_that_set_calls_aside_keep_to_the_cap_and_lose_few(store: Store) -> None:
    one, other = (CallBudget(store.calls, lambda: NOW) for _ in range(2))
    made, workers = 0, [one, other]
    while workers:
        for worker in list(workers):
            try:
                for _ in range(7):
                    worker.take("dexcom", CAP)
                    made += 1
            except Retryable:
                workers.remove(worker)
    assert made == CAP, "the last ones are taken one by one"
    assert one.used("dexcom", CAP).calls == CAP


def test_what_is_set_aside_is_told_as_free_and_goes_with_its_minute(store: Store) -> None:
    now = NOW
    budget = CallBudget(store.calls, lambda: now)
    for made in range(1, 12):
        budget.take("dexcom", CAP)
        assert budget.used("dexcom", CAP).calls == made
        assert made <= store.calls.used("dexcom", now) < made + CAP / 1000
    now += timedelta(minutes=1)
    counted = store.calls.used("dexcom", now)
    budget.take("dexcom", CAP)
    assert store.calls.used("dexcom", now) == counted + 1, "a new minute begins with one"


def test_a_small_cap_is_counted_call_by_call(store: Store) -> None:
    one, other = (CallBudget(store.calls, lambda: NOW) for _ in range(2))
    for _ in range(5):
        one.take("dexcom", 10)
        other.take("dexcom", 10)
    with pytest.raises(Retryable):
        one.take("dexcom", 10)
