"""A provider's no is believed after several over hours, and never where it says no to most people at once."""

from datetime import datetime, timedelta

import pytest

from glucoflow.model.errors import GlucoflowError, LoginRefused, OtherAccount, Reauthorize, Retryable
from glucoflow.store import Connection, Store
from tests.store.conftest import NOW, connect, pair

HOUR = timedelta(hours=1)
NO = Reauthorize("Dexcom does not accept this connection's token.", remedy="Connect to Dexcom again.")


def refuse(store: Store, connection: Connection, *hours: float) -> GlucoflowError:
    """A no at each of these hours; what is told at the last."""
    told: GlucoflowError = NO
    for each in hours:
        told = store.connections.record_error(connection.id, NO, NOW + each * HOUR)
    return told


def state(store: Store, connection: Connection) -> str:
    return store.connections.get(connection.id).state


def test_one_no_asks_nobody_and_says_so(store: Store) -> None:
    connection = connect(store)
    polls: list[tuple[int, float | None]] = []

    def again(failures: int, retry_after: float | None) -> datetime:
        polls.append((failures, retry_after))
        return NOW + 2 * HOUR

    told = store.connections.record_error(connection.id, NO, NOW, again)
    assert isinstance(told, Retryable)
    assert "no 1 of 4, and may pass" in told.message
    assert "Connect to Dexcom" not in told.remedy
    assert polls == [(1, 7200.0)]
    after = store.connections.get(connection.id)
    assert (after.state, after.last_error, after.failures) == ("connected", told.message, 1)


def test_four_over_fourteen_hours_are_believed(store: Store) -> None:
    connection = connect(store)
    assert isinstance(refuse(store, connection, 0, 2, 6), Retryable)
    assert state(store, connection) == "connected"
    told = refuse(store, connection, 14)
    assert isinstance(told, Reauthorize)
    after = store.connections.get(connection.id)
    assert (after.state, after.last_error, after.last_remedy) == ("needs_reauthorization", NO.message, NO.remedy)


def test_what_a_person_typed_is_believed_to_be_wrong_at_once(store: Store) -> None:
    connection = connect(store)
    told = store.connections.record_error(connection.id, LoginRefused("Wrong password.", remedy="Type it again."), NOW)
    assert isinstance(told, Reauthorize)
    after = store.connections.get(connection.id)
    assert (after.state, after.last_error, after.last_remedy) == (
        "needs_reauthorization",
        "Wrong password.",
        "Type it again.",
    )


def test_who_asks_again_at_once_learns_nothing_new(store: Store) -> None:
    connection = connect(store)
    assert isinstance(refuse(store, connection, *(minute / 60 for minute in range(50))), Retryable)
    assert "no 1 of 4" in refuse(store, connection, 0.9).message
    assert "no 2 of 4" in refuse(store, connection, 2).message


def test_a_success_in_between_begins_anew(store: Store) -> None:
    connection = connect(store)
    refuse(store, connection, 0, 2, 6)
    store.connections.record_success(connection.id, NOW + 7 * HOUR)
    assert "no 1 of 4" in refuse(store, connection, 14).message


def test_a_new_consent_begins_anew(store: Store) -> None:
    connection = connect(store)
    refuse(store, connection, 0, 2, 6, 14)
    store.connections.reconnect(connection.id, "us", NOW + 15 * HOUR, pair())
    assert "no 1 of 4" in refuse(store, connection, 16).message
    assert state(store, connection) == "connected"


def test_a_no_by_a_clock_that_was_ahead_does_not_stop_counting(store: Store) -> None:
    connection = connect(store)
    refuse(store, connection, 24 * 365)
    assert "no 2 of 4" in refuse(store, connection, 0).message


def test_a_wave_over_most_people_marks_nobody(store: Store) -> None:
    people = [connect(store, name) for name in ("anna", "ben", "cleo", "dora", "emil")]
    for hour in (0, 2, 6, 14, 22):
        for each in people[:4]:
            told = refuse(store, each, hour)
        store.connections.record_success(people[4].id, NOW + hour * HOUR)
    assert isinstance(told, Retryable)
    assert "most people" in told.message
    assert "operator" in told.remedy
    assert {state(store, each) for each in people} == {"connected"}
    [wave] = store.connections.refusal_waves(NOW + 22 * HOUR)
    assert (wave.provider, wave.region, wave.refused, wave.tried) == ("dexcom", "us", 4, 5)
    for each in people[:4]:
        store.connections.record_success(each.id, NOW + 23 * HOUR)
    assert store.connections.refusal_waves(NOW + 23 * HOUR) == ()


def test_a_wave_is_one_however_late_the_next_turn_is(store: Store) -> None:
    people = [connect(store, name) for name in ("anna", "ben", "cleo")]
    for hour in (0, 2, 6, 30):  # the machine slept for a day
        for each in people:
            refuse(store, each, hour)
    assert {state(store, each) for each in people} == {"connected"}


@pytest.mark.parametrize(("refused", "fine"), [(2, 0), (2, 3), (3, 3), (4, 9)])
def test_a_few_of_many_or_two_of_two_are_no_wave(store: Store, refused: int, fine: int) -> None:
    people = [connect(store, f"p{number}") for number in range(refused + fine)]
    for hour in (0, 2, 6, 14):
        for number, each in enumerate(people):
            if number < refused:
                refuse(store, each, hour)
            else:
                store.connections.record_success(each.id, NOW + hour * HOUR)
    assert [state(store, each) for each in people] == ["needs_reauthorization"] * refused + ["connected"] * fine
    assert store.connections.refusal_waves(NOW + 14 * HOUR) == ()


def test_other_regions_have_waves_of_their_own(store: Store) -> None:
    here = [connect(store, name) for name in ("anna", "ben")]
    store.people.add("cleo", "Cleo", NOW)
    there = store.connections.add("cleo", "dexcom", "jp", NOW, pair())
    for hour in (0, 2, 6, 14):
        for each in (*here, there):
            refuse(store, each, hour)
    assert {state(store, each) for each in (*here, there)} == {"needs_reauthorization"}


def test_another_account_stops_at_once(store: Store) -> None:
    connection = connect(store)
    other = OtherAccount("This is another account.", remedy="Connect the right one.")
    assert store.connections.record_error(connection.id, other, NOW) is other
    assert state(store, connection) == "needs_reauthorization"
