"""The account behind a connection: bound once, another one is a question, and two people cannot both be the first."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import text

from glucoflow.model.errors import OtherAccount, Rejected
from glucoflow.model.ingestion import Counts, RejectedRecord
from glucoflow.provider import Account
from glucoflow.store import Connection, Store
from glucoflow.store.ledger import StoreLedger
from tests.store.conftest import NOW, Place, connect, pair

LEASE = timedelta(minutes=15)
OWN, OTHER = Account(id="account-of-anna"), Account(id="account-of-ben")


@contextmanager
def turn(store: Store, connection: Connection) -> Iterator[StoreLedger]:
    """What a worker does: it holds the lease, and writes down how it ended."""
    assert store.leases.claim(connection.id, "w1", NOW, LEASE)
    run = store.runs.start("sync", NOW, user_id=connection.user_id, connection_id=connection.id)
    try:
        yield store.ledger(connection.id, run.id, "w1")
    except OtherAccount as error:
        store.connections.record_error(connection.id, error, NOW, owner="w1")
    finally:
        store.leases.release(connection.id, "w1")


def bound(store: Store, connection: Connection, *accounts: Account) -> str:
    """The connection's state after a turn that met these."""
    with turn(store, connection) as ledger:
        for account in accounts:
            ledger.bind(account, NOW)
    return store.connections.get(connection.id).state


def test_the_first_account_stays(store: Store, place: Place) -> None:
    connection = connect(store)
    assert bound(store, connection, OWN, OWN) == "connected"
    assert bound(store, connection, OWN) == "connected"
    assert bound(store, connection, OTHER) == "needs_reauthorization"
    found = store.connections.get(connection.id)
    assert found.asks_account
    assert "another Dexcom account" in (found.last_error or "")
    assert "confirm anna" in (found.last_remedy or "")
    with place.database() as database, database.read() as session:
        kept = session.execute(text("SELECT account, account_found FROM connections")).one()
    assert not [mark for mark in kept if "account-of" in mark], "nobody learns the id from the database"
    store.connections.reconnect(connection.id, "us", NOW, pair(2))
    assert not store.connections.get(connection.id).asks_account
    assert bound(store, connection, OWN) == "connected"


@pytest.mark.parametrize(
    ("account", "region", "state"),
    [
        (Account(id="another-id", app="new"), "us", "connected"),
        (Account(id="another-id", app="old"), "us", "needs_reauthorization"),
        (Account(id="account-of-anna", app="new"), "jp", "needs_reauthorization"),
    ],
)
def test_what_another_app_calls_an_account_cannot_be_compared(
    store: Store, account: Account, region: str, state: str
) -> None:
    connection = connect(store)
    bound(store, connection, Account(id="account-of-anna", app="old"))
    store.connections.reconnect(connection.id, region, NOW, pair(2))
    assert bound(store, connection, account) == state


def test_of_two_people_with_one_account_one_is_first(store: Store) -> None:
    both = [connect(store, "anna"), connect(store, "ben")]
    with ThreadPoolExecutor(2) as pool:
        states = list(pool.map(lambda one: bound(store, one, OWN), both))
    assert sorted(states) == ["connected", "needs_reauthorization"]
    [asked] = [one for one in store.connections.list() if one.asks_account]
    store.connections.confirm_account(asked.id, NOW)
    assert [bound(store, one, OWN) for one in both] == ["connected"] * 2


def test_what_is_meant_is_read_from_its_beginning(store: Store) -> None:
    connection = connect(store)
    with pytest.raises(Rejected, match="nothing is asked"):
        store.connections.confirm_account(connection.id, NOW)
    with turn(store, connection) as ledger:
        ledger.bind(OWN, NOW)
        ledger.advance("readings", NOW, Counts(), [], NOW)
    bound(store, connection, OTHER)
    store.connections.confirm_account(connection.id, NOW)
    assert store.connections.checkpoints(connection.id) == ()
    assert store.connections.get(connection.id).state == "connected"
    assert bound(store, connection, OTHER) == "connected"


def test_a_connection_starts_anew(store: Store) -> None:
    connection, beside, other = connect(store), connect(store), connect(store, "ben")
    for one, account in ((connection, OTHER), (beside, OWN), (other, Account(id="third"))):
        with turn(store, one) as ledger:
            ledger.bind(account, NOW)
            ledger.advance("readings", NOW, Counts(), [RejectedRecord(field="value", reason="odd")], NOW)
    assert store.leases.claim(connection.id, "w2", NOW, LEASE)
    with pytest.raises(Rejected, match="being read"):
        store.connections.start_anew(connection.id, NOW)
    store.leases.release(connection.id, "w2")
    store.connections.start_anew(connection.id, NOW)
    after = store.connections.get(connection.id)
    assert (after.state, after.has_credentials) == ("disconnected", False)
    assert [len(store.connections.checkpoints(one.id)) for one in (connection, beside, other)] == [0, 0, 1]
    assert [len(store.rejected_records.list(connection_id=one.id)) for one in (connection, beside)] == [0, 1]
    store.connections.reconnect(connection.id, "us", NOW, pair(3))
    assert bound(store, connection, Account(id="a fourth")) == "connected"
