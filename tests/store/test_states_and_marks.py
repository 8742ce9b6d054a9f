"""States work once and expire; marks can be undone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest

from glucoflow.model.errors import Rejected
from glucoflow.store import OAuthState, ProtocolDay, Store
from tests.store.conftest import NOW, Place, connect

DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def anna(store: Store) -> None:
    store.people.add("anna", "Anna", NOW)


def test_a_state_works_once(store: Store) -> None:
    state = store.oauth_states.create("anna", "dexcom", "us", NOW)
    assert len(state) >= 43
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: store.oauth_states.consume(state, NOW), range(4)))
    expected = OAuthState(user_id="anna", provider="dexcom", region="us", connection_id=None)
    assert sorted(answers, key=bool) == [None, None, None, expected]


def test_a_state_expires(store: Store) -> None:
    state = store.oauth_states.create("anna", "dexcom", "us", NOW, valid_for=timedelta(minutes=10))
    assert store.oauth_states.consume(state, NOW + timedelta(minutes=10)) is None
    assert store.oauth_states.consume("made up", NOW) is None
    with pytest.raises(Rejected):
        store.oauth_states.create("nobody", "dexcom", "us", NOW)


def test_a_state_names_the_connection_that_is_connected_again(store: Store) -> None:
    connection = connect(store)
    state = store.oauth_states.create("anna", "dexcom", "us", NOW, connection_id=connection.id)
    returned = store.oauth_states.consume(state, NOW)
    assert returned is not None
    assert returned.connection_id == connection.id


def test_an_exclusion_is_undoable(store: Store) -> None:
    exclusion = store.exclusions.add("anna", NOW - DAY, NOW, " compression low ", NOW)
    assert (exclusion.reason, exclusion.undone_at) == ("compression low", None)
    assert store.exclusions.list("anna") == (exclusion,)
    assert store.exclusions.list("anna", NOW, NOW + DAY) == ()  # half-open
    assert store.exclusions.list("anna", NOW - 2 * DAY, NOW - DAY) == ()
    assert store.exclusions.list("anna", NOW - timedelta(hours=1), NOW + DAY) == (exclusion,)
    assert store.exclusions.undo(exclusion.id, NOW)
    assert not store.exclusions.undo(exclusion.id, NOW)
    assert store.exclusions.list("anna") == ()
    [undone] = store.exclusions.list("anna", include_undone=True)
    assert undone.undone_at == NOW


def test_what_an_exclusion_cannot_be(store: Store) -> None:
    for start, end, reason in ((NOW, NOW, "x"), (NOW, NOW - DAY, "x"), (NOW - DAY, NOW, " ")):
        with pytest.raises(Rejected):
            store.exclusions.add("anna", start, end, reason, NOW)
    with pytest.raises(Rejected, match="no person"):
        store.exclusions.add("nobody", NOW - DAY, NOW, "x", NOW)


def test_protocol_days(store: Store) -> None:
    first = date(2026, 1, 1)
    days = [ProtocolDay(day=first + number * DAY, kept=number % 3 > 0) for number in range(1500)]
    assert store.protocols.record("anna", "walk after dinner", days, NOW) == 1500
    change = [ProtocolDay(day=first, kept=True)]
    assert store.protocols.record("anna", "walk after dinner", change, NOW + DAY) == 1
    store.protocols.record("anna", "fasting", [], NOW)
    fasting, walk = store.protocols.list("anna")
    assert (walk.name, walk.created_at, walk.days_kept, walk.days_not_kept) == ("walk after dinner", NOW, 1001, 499)
    assert (fasting.name, fasting.days_kept, fasting.days_not_kept) == ("fasting", 0, 0)
    assert store.protocols.days("anna", "walk after dinner") == (change[0], *days[1:])
    assert store.protocols.days("anna", "walk after dinner", first + DAY, first + 3 * DAY) == tuple(days[1:3])
    assert store.protocols.forget("anna", "walk after dinner")
    assert not store.protocols.forget("anna", "walk after dinner")
    assert store.protocols.days("anna", "walk after dinner") == ()
    with pytest.raises(Rejected):
        store.protocols.record("anna", " ", [], NOW)


def test_times_come_back_in_utc_whatever_zone_they_went_in_with(store: Store, place: Place) -> None:
    berlin = datetime.fromisoformat("2026-03-29T03:00:00.123456+02:00")
    exclusion = store.exclusions.add("anna", berlin, berlin + DAY, "x", berlin)
    with place.open() as another:
        [read] = another.exclusions.list("anna")
    assert read == exclusion
    assert (read.start, read.start.tzinfo) == (datetime(2026, 3, 29, 1, 0, 0, 123456, UTC), UTC)
    with pytest.raises(Exception, match="without a zone"):
        store.exclusions.undo(exclusion.id, berlin.replace(tzinfo=None))
