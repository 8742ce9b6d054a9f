"""Two workers never have the same connection, and a dead one's come free."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from glucoflow.model.errors import OtherAccount, Reauthorize
from glucoflow.store import Store
from tests.store.conftest import NOW, connect

LEASE = timedelta(minutes=5)
SECOND = timedelta(seconds=1)


def test_threads_share_the_due_connections_out(store: Store) -> None:
    expected = {connect(store, f"user-{number}").id for number in range(40)}

    def work(owner: str) -> list[str]:
        got: list[str] = []
        while claimed := store.leases.claim_due(owner, NOW, LEASE, 3):
            assert {each.lease_owner for each in claimed} == {owner}
            assert len(claimed) <= 3
            got += [each.id for each in claimed]
        return got

    with ThreadPoolExecutor(6) as pool:
        taken = [each for got in pool.map(work, [f"w{number}" for number in range(6)]) for each in got]
    # Skipping what another is just taking, a worker may find nothing although something is left: the next tick's.
    taken += [each.id for each in store.leases.claim_due("last", NOW, LEASE, 100)]
    assert len(taken) == len(set(taken))
    assert set(taken) == expected


def test_only_what_is_due_connected_and_free(store: Store) -> None:
    due, later, ended, gone, held = (connect(store, name) for name in ("due", "later", "ended", "gone", "held"))
    store.connections.schedule(later.id, NOW + SECOND)
    store.connections.disconnect(ended.id)
    store.connections.record_error(gone.id, OtherAccount("gone"), NOW)
    assert store.leases.claim(held.id, "another", NOW, LEASE) is not None
    assert [each.id for each in store.leases.claim_due("w", NOW, LEASE, 9)] == [due.id]
    assert [each.id for each in store.leases.claim_due("w", NOW, LEASE, 9, force=True)] == [later.id]
    assert store.leases.claim_due("w", NOW, LEASE, 9, user_id="ended", force=True) == []
    assert store.leases.claim(ended.id, "w", NOW, LEASE) is None
    assert store.leases.claim("nowhere", "w", NOW, LEASE) is None


def test_the_longest_due_come_first(store: Store) -> None:
    for number, name in enumerate(["c", "a", "b"]):
        store.connections.schedule(connect(store, name).id, NOW - number * SECOND)
    assert [each.user_id for each in store.leases.claim_due("w", NOW, LEASE, 2)] == ["b", "a"]


def test_a_lease_ends_by_itself(store: Store) -> None:
    connection = connect(store)
    assert store.leases.claim_due("dead", NOW, LEASE, 1)
    assert store.leases.claim_due("w", NOW + LEASE - SECOND, LEASE, 1) == []
    [taken] = store.leases.claim_due("w", NOW + LEASE, LEASE, 1)
    assert (taken.id, taken.lease_owner, taken.lease_until) == (connection.id, "w", NOW + 2 * LEASE)
    assert not store.leases.release(connection.id, "dead")
    assert store.connections.get(connection.id).lease_owner == "w"


def test_given_back(store: Store) -> None:
    connection = connect(store)
    store.leases.claim_due("w", NOW, LEASE, 1)
    assert store.leases.count_due(NOW) == 1
    assert store.leases.count_due(NOW - SECOND) == 0
    assert store.leases.release(connection.id, "w")
    assert not store.leases.release(connection.id, "w")
    assert len(store.leases.claim_due("x", NOW, LEASE, 1)) == 1
    assert (store.leases.release_all("x"), store.leases.release_all("x")) == (1, 0)


def test_times_of_a_clock_that_ran_ahead_hold_nobody_up(store: Store) -> None:
    first, second, refused = (connect(store, name) for name in ("anna", "ben", "cleo"))
    ahead = NOW + timedelta(days=400)
    store.leases.claim_due("another", ahead, LEASE, 1, user_id="anna")
    store.connections.schedule(first.id, ahead)
    store.connections.schedule(second.id, NOW + timedelta(hours=9))
    store.connections.record_error(refused.id, Reauthorize("no"), NOW, lambda *_: NOW + timedelta(hours=16))
    assert store.leases.count_due(NOW) == 2
    assert {each.id for each in store.leases.claim_due("w", NOW, LEASE, 9)} == {first.id, second.id}
