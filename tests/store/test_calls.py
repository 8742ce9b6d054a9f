"""The cap on calls an hour, for all workers together."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random

import pytest

from glucoflow.model.errors import Retryable
from glucoflow.store import Store
from tests.store.conftest import NOW, Place


def took(store: Store, per_hour: int, after: timedelta, app: str = "dexcom") -> bool:
    try:
        store.calls.take(app, per_hour, NOW + after)
    except Retryable:
        return False
    return True


def test_no_hour_ever_holds_more_than_the_cap(store: Store) -> None:
    """Brute force: every accepted call's own hour is counted again."""
    random, accepted, at, refused = Random(4), deque[timedelta](), timedelta(), 0
    for _ in range(300):
        at += timedelta(seconds=random.choice((1, 20, 100, 400)))
        if took(store, 20, at):
            accepted.append(at)
        else:
            refused += 1
            spent = sum(at - timedelta(minutes=61) < one for one in accepted)
            assert spent >= 20, "refused though the hour, or the minute before it, had room"
        assert sum(at - timedelta(hours=1) < one <= at for one in accepted) <= 20
    assert refused > 50


def test_it_says_when_the_next_one_fits_and_counts_none_that_it_refused(store: Store) -> None:
    assert took(store, 2, timedelta())
    assert took(store, 2, timedelta(minutes=20))
    with pytest.raises(Retryable) as caught:
        store.calls.take("dexcom", 2, NOW + timedelta(minutes=30))
    assert store.calls.used("dexcom", NOW + timedelta(minutes=30)) == 2
    wait = timedelta(seconds=caught.value.retry_after or 0)
    assert timedelta(minutes=30) <= wait <= timedelta(minutes=31)
    assert not took(store, 2, timedelta(minutes=30) + wait - timedelta(seconds=2))
    assert took(store, 2, timedelta(minutes=30) + wait)


def test_apps_are_counted_apart_and_old_minutes_go(store: Store) -> None:
    assert took(store, 1, timedelta())
    assert took(store, 1, timedelta(), app="simulator")
    assert not took(store, 1, timedelta(seconds=5))
    assert store.calls.used("dexcom", NOW + timedelta(hours=3)) == 0


def test_many_workers_together_keep_to_the_cap(place: Place) -> None:
    with place.open() as one, place.open() as other, ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda n: took((one, other)[n % 2], 30, timedelta(seconds=n / 10)), range(80)))
        assert sum(given) == 30
        assert one.calls.used("dexcom", NOW) == 30
