"""A backfill that was asked for waits its turn, belongs to one worker, and is never forgotten."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest

from glucoflow.model.errors import Rejected
from glucoflow.store import Store
from tests.store.conftest import NOW

FIRST, LAST = date(2026, 3, 1), date(2026, 3, 5)
LEASE = timedelta(minutes=15)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def anna(store: Store) -> str:
    store.people.add("anna", "Anna", NOW)
    return "anna"


def test_it_is_asked_for_once_while_it_is_open(store: Store, anna: str) -> None:
    asked = store.backfills.ask(anna, FIRST, LAST, NOW, kinds=["readings", "events"])
    assert (asked.state, asked.kinds, asked.first, asked.last) == ("asked", ("readings", "events"), FIRST, LAST)
    assert store.backfills.ask(anna, FIRST, LAST, NOW + MINUTE, kinds=["readings", "events"]).id == asked.id
    assert store.backfills.ask(anna, FIRST, LAST, NOW + MINUTE).id != asked.id
    assert store.backfills.take(asked.id, "w", NOW, LEASE)
    assert store.backfills.ask(anna, FIRST, LAST, NOW, kinds=["readings", "events"]).id == asked.id
    store.backfills.finish(asked.id, "w", "done", NOW + MINUTE)
    assert store.backfills.ask(anna, FIRST, LAST, NOW, kinds=["readings", "events"]).id != asked.id
    with pytest.raises(Rejected, match="nobody"):
        store.backfills.ask("nobody", FIRST, LAST, NOW)


def test_one_worker_has_it(store: Store, anna: str) -> None:
    asked = store.backfills.ask(anna, FIRST, LAST, NOW)
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: store.backfills.take(asked.id, f"w{n}", NOW, LEASE), range(8)))
    assert sum(one is not None for one in taken) == 1
    assert store.backfills.due(NOW + MINUTE) == ()
    later = NOW + LEASE
    assert [one.id for one in store.backfills.due(later)] == [asked.id], "its worker gave no sign of life"
    assert store.backfills.take(asked.id, "other", later, LEASE)


def test_a_sign_of_life_keeps_it(store: Store, anna: str) -> None:
    asked = store.backfills.ask(anna, FIRST, LAST, NOW)
    store.backfills.take(asked.id, "w", NOW, LEASE)
    store.backfills.renew(asked.id, "w", 0.4, NOW + LEASE / 2, LEASE)
    assert store.backfills.due(NOW + LEASE) == ()
    assert store.backfills.get(asked.id).progress == 0.4
    store.backfills.renew(asked.id, "somebody else", 0.9, NOW + LEASE, LEASE)
    assert store.backfills.get(asked.id).progress == 0.4


def test_it_waits_and_says_for_what(store: Store, anna: str) -> None:
    asked = store.backfills.ask(anna, FIRST, LAST, NOW)
    store.backfills.take(asked.id, "w", NOW, LEASE)
    store.backfills.wait(asked.id, "w", NOW + MINUTE, "Anna is being synced.", failed=False)
    waits = store.backfills.get(asked.id)
    assert (waits.state, waits.message, waits.tries) == ("waiting", "Anna is being synced.", 0)
    assert store.backfills.due(NOW) == ()
    assert [one.id for one in store.backfills.due(NOW + MINUTE)] == [asked.id]
    store.backfills.take(asked.id, "w", NOW, LEASE)
    store.backfills.wait(asked.id, "w", NOW + MINUTE, "Down.", failed=True)
    assert store.backfills.get(asked.id).tries == 1
    store.backfills.ask(anna, FIRST, LAST, NOW)
    assert [one.id for one in store.backfills.due(NOW)] == [asked.id], "asked for again, it is tried now"


def test_how_it_ended_stays_to_be_seen(store: Store, anna: str) -> None:
    asked = store.backfills.ask(anna, FIRST, LAST, NOW)
    store.backfills.take(asked.id, "w", NOW, LEASE)
    store.backfills.finish(asked.id, "late", "failed", NOW)
    assert store.backfills.get(asked.id).state == "running"
    store.backfills.finish(asked.id, "w", "done", NOW + MINUTE)
    (done,) = store.backfills.list(user_id=anna)
    assert (done.state, done.progress, done.finished_at) == ("done", 1.0, NOW + MINUTE)
    assert store.backfills.due(NOW + timedelta(days=9)) == ()
    assert store.backfills.take(asked.id, "w", NOW + timedelta(days=9), LEASE) is None


def test_times_of_a_clock_that_ran_ahead_hold_it_up_no_longer(store: Store, anna: str) -> None:
    ahead = NOW + timedelta(days=400)
    put_off = store.backfills.ask(anna, FIRST, LAST, ahead)
    held = store.backfills.ask(anna, FIRST, LAST, ahead, kinds=["events"])
    assert store.backfills.take(held.id, "w", ahead, LEASE)
    assert {one.id for one in store.backfills.due(NOW)} == {put_off.id, held.id}
    assert store.backfills.take(held.id, "other", NOW, LEASE)
