"""What could not be read is remembered until it was, and tried again more and more rarely."""

from datetime import datetime, timedelta

import pytest

from glucoflow.model.errors import Retryable, Unreadable
from glucoflow.model.ingestion import Counts, Window
from glucoflow.store import Connection, Store
from glucoflow.store.ledger import StoreLedger
from tests.store.conftest import NOW, connect

HOUR = timedelta(hours=1)
LEASE = timedelta(minutes=15)
DOWN = Unreadable("The provider answered 500.", remedy="Wait.")


def hours(first: int, last: int) -> Window:
    return Window(NOW - last * HOUR, NOW - first * HOUR)


@pytest.fixture
def connection(store: Store) -> Connection:
    connection = connect(store)
    assert store.leases.claim(connection.id, "w", NOW, LEASE)
    return connection


@pytest.fixture
def ledger(store: Store, connection: Connection) -> StoreLedger:
    run = store.runs.start("sync", NOW, user_id="anna", connection_id=connection.id)
    return store.ledger(connection.id, run.id, "w", lease_for=LEASE)


def spans(store: Store) -> list[tuple[datetime, datetime | None]]:
    return [(one.start, one.end) for one in store.unread.list(user_id="anna")]


def test_a_window_is_passed_over_and_remembered(store: Store, ledger: StoreLedger) -> None:
    hole = hours(5, 6)
    ledger.pass_over("readings", hole, DOWN, hole.end, NOW)
    assert ledger.checkpoint("readings") == hole.end
    (found,) = store.unread.list()
    assert (found.kind, found.start, found.end) == ("readings", hole.start, hole.end)
    assert (found.reason, found.remedy, found.tries) == (DOWN.message, "Wait.", 1)
    assert found.next_try_at == NOW + timedelta(minutes=2)
    assert ledger.unread("events") == ()
    assert ledger.unread("readings") == (found,)


def test_windows_that_touch_are_one(store: Store, ledger: StoreLedger) -> None:
    for hole in (hours(5, 6), hours(9, 10), hours(4, 5), hours(20, 21)):
        ledger.pass_over("readings", hole, DOWN, None, NOW)
    assert spans(store) == [(NOW - 21 * HOUR, NOW - 20 * HOUR), (NOW - 10 * HOUR, NOW - 9 * HOUR), hours_of(4, 6)]
    ledger.pass_over("readings", hours(3, 30), DOWN, None, NOW)
    assert spans(store) == [hours_of(3, 30)]


def hours_of(first: int, last: int) -> tuple[datetime, datetime]:
    return NOW - last * HOUR, NOW - first * HOUR


def test_a_page_closes_what_lies_in_it_and_nothing_else(store: Store, ledger: StoreLedger) -> None:
    for hole in (hours(5, 6), hours(9, 10)):
        ledger.pass_over("readings", hole, DOWN, None, NOW)
    ledger.pass_over("events", hours(5, 6), DOWN, None, NOW)
    ledger.advance("readings", None, Counts(), [], NOW, hours(5, 7))
    kept = [(one.kind, one.start) for one in store.unread.list()]
    assert kept == [("events", NOW - 6 * HOUR), ("readings", NOW - 10 * HOUR)]


def test_what_is_tried_again_shrinks_and_waits_longer(store: Store, ledger: StoreLedger) -> None:
    ledger.pass_over("readings", hours(0, 8), DOWN, None, NOW)
    (whole,) = store.unread.list()
    ledger.tried_again(whole, [(hours(6, 7), DOWN), (hours(2, 3), DOWN), (hours(1, 2), DOWN)], NOW + HOUR)
    later = store.unread.list()
    assert [(one.start, one.end) for one in later] == [hours_of(6, 7), hours_of(1, 3)]
    assert {one.tries for one in later} == {2}
    assert {one.next_try_at for one in later} == {NOW + HOUR + timedelta(minutes=4)}
    assert {one.first_at for one in later} == {NOW}
    for one in later:
        ledger.tried_again(one, [], NOW + HOUR)
    assert store.unread.list() == ()


def test_a_kind_that_stopped_stays_one_row_and_goes_when_it_was_read(store: Store, ledger: StoreLedger) -> None:
    for n in range(14):
        ledger.stopped("events", NOW - HOUR, DOWN, NOW + n * HOUR)
    (row,) = store.unread.list()
    assert (row.end, row.tries, row.first_at, row.last_at) == (None, 14, NOW, NOW + 13 * HOUR)
    assert ledger.stopped_until("events") == row.next_try_at == NOW + 13 * HOUR + timedelta(hours=6)
    assert ledger.stopped_until("readings") is None
    ledger.finished(["events"], NOW, NOW)
    assert store.unread.list() == ()
    assert ledger.stopped_until("events") is None


def test_it_waits_as_long_as_the_provider_asked(store: Store, ledger: StoreLedger) -> None:
    ledger.stopped("events", NOW, Retryable("Too many.", retry_after=3600), NOW)
    assert ledger.stopped_until("events") == NOW + HOUR


def test_a_kind_knows_when_it_was_read_whole(store: Store, connection: Connection, ledger: StoreLedger) -> None:
    ledger.finished(["readings"], NOW, NOW)
    assert ledger.read_at("readings") is None, "nothing was read of it yet"
    ledger.advance("readings", NOW, Counts(), [], NOW)
    ledger.finished(["readings"], NOW - HOUR, NOW)
    assert ledger.read_at("readings") == NOW - HOUR
    assert [one.read_at for one in store.connections.checkpoints(connection.id)] == [NOW - HOUR]


def test_a_backfill_keeps_its_trouble_to_itself_and_forgets_its_checkpoints(
    store: Store, connection: Connection, ledger: StoreLedger
) -> None:
    run = store.runs.start("backfill", NOW, user_id="anna", connection_id=connection.id)
    backfill = store.ledger(connection.id, run.id, "w", scope="backfill 1")
    ledger.advance("readings", NOW, Counts(), [], NOW)
    backfill.advance("readings", NOW - HOUR, Counts(), [], NOW)
    backfill.stopped("readings", NOW - HOUR, DOWN, NOW)
    assert store.unread.list() == ()
    backfill.forget()
    assert backfill.checkpoint("readings") is None
    assert ledger.checkpoint("readings") == NOW


def test_whoever_lost_the_lease_writes_nothing(store: Store, connection: Connection, ledger: StoreLedger) -> None:
    store.leases.release(connection.id, "w")
    with pytest.raises(Retryable):
        ledger.pass_over("readings", hours(0, 1), DOWN, NOW, NOW)
    with pytest.raises(Retryable):
        ledger.stopped("readings", NOW, DOWN, NOW)
    with pytest.raises(Retryable):
        ledger.finished(["readings"], NOW, NOW)
    assert store.unread.list() == ()
    assert ledger.checkpoint("readings") is None


def test_whatever_is_written_renews_the_lease(store: Store, connection: Connection, ledger: StoreLedger) -> None:
    ledger.stopped("events", NOW, DOWN, NOW + HOUR)
    assert store.connections.get(connection.id).lease_until == NOW + HOUR + LEASE


def test_a_checkpoint_in_the_future_is_mended(store: Store, ledger: StoreLedger) -> None:
    """A clock that ran a year ahead once left it there; nothing would be read for a year."""
    ahead = NOW + timedelta(days=365)
    ledger.advance("alerts", ahead, Counts(), [], ahead)
    ledger.advance("alerts", NOW, Counts(), [], NOW)
    assert ledger.checkpoint("alerts") == NOW
    ledger.advance("alerts", NOW - HOUR, Counts(), [], NOW)
    assert ledger.checkpoint("alerts") == NOW
