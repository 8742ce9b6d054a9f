"""A refresh token works once. Whatever happens, it is spent once, and its successor is stored before it is used."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text

from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import AnswerLost, Misconfigured, Reauthorize, Rejected, Retryable, Unavailable
from glucoflow.store import Store, open_store
from glucoflow.store.credentials import CredentialStore
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database, database_url
from glucoflow.store.refresh_lock import Turns
from tests.postgres import RunningServer
from tests.store.conftest import NOW, Place, connect, pair
from tests.store.provider import Provider

HOUR = timedelta(hours=1)


def access(credentials: Credentials) -> str:
    return credentials["access"].get_secret_value()


def never(_credentials: Credentials, _now: datetime) -> Credentials:
    raise AssertionError("the provider was asked")


def test_a_good_token_is_used_without_asking_the_provider(store: Store) -> None:
    connection = connect(store, expires_at=NOW + HOUR)
    assert access(store.credentials.current(connection.id, NOW, never)) == "access-0"
    with pytest.raises(AssertionError):  # within the margin it is as good as expired
        store.credentials.current(connection.id, NOW, never, margin=HOUR)


def test_an_expiring_token_is_renewed_and_stored(store: Store, place: Place, provider: Provider) -> None:
    connection = connect(store)
    assert access(store.credentials.current(connection.id, NOW, provider.refresh)) == "access-1"
    with place.open() as another:
        assert access(another.credentials.current(connection.id, NOW, never)) == "access-1"
        assert another.connections.get(connection.id).expires_at == NOW + 2 * HOUR
        later = NOW + 3 * HOUR
        assert access(another.credentials.current(connection.id, later, provider.refresh)) == "access-2"
    assert provider.calls == 2


def test_many_threads_make_one_call(store: Store, provider: Provider) -> None:
    connection = connect(store)
    provider.seconds = 0.2
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(store.credentials.current, connection.id, NOW, provider.refresh) for _ in range(20)]
        assert {access(each.result()) for each in asked} == {"access-1"}
    assert provider.calls == 1


def test_many_threads_whose_token_was_refused_make_one_call(store: Store, provider: Provider) -> None:
    connection = connect(store, expires_at=NOW + HOUR)
    sources = [store.credentials.source(connection.id, provider.refresh, lambda: NOW) for _ in range(6)]
    assert {access(source(False)) for source in sources} == {"access-0"}
    provider.seconds = 0.2
    with ThreadPoolExecutor(6) as pool:
        assert {access(each) for each in pool.map(lambda source: source(True), sources)} == {"access-1"}
    assert provider.calls == 1
    assert access(sources[0](True)) == "access-2"  # refused again: another one


def test_processes_make_one_call(store: Store, place: Place, provider: Provider) -> None:
    connection = connect(store)
    provider.seconds = 0.5
    workers = [place.worker("token", connection.id, provider.url, NOW.isoformat()) for _ in range(2)]
    assert {worker.communicate(timeout=60)[0] for worker in workers} == {"access-1"}
    assert provider.calls == 1


def test_force_renews_once_for_those_who_wait_for_it(store: Store, provider: Provider) -> None:
    connection = connect(store, expires_at=NOW + HOUR)
    assert access(store.credentials.current(connection.id, NOW, provider.refresh, force=True)) == "access-1"
    assert provider.calls == 1


def test_consent_that_is_gone_stops_the_connection(store: Store, provider: Provider) -> None:
    connection = connect(store)
    provider.generation = 7  # revoked
    with pytest.raises(Retryable, match="no 1 of 2"):
        store.credentials.current(connection.id, NOW, provider.refresh)
    assert store.connections.get(connection.id).state == "connected"
    with pytest.raises(Reauthorize):
        store.credentials.current(connection.id, NOW + HOUR, provider.refresh)
    after = store.connections.get(connection.id)
    assert (after.state, after.failures, after.last_error_at) == ("needs_reauthorization", 1, NOW + HOUR)
    assert after.last_error == "The provider no longer accepts this connection."
    assert after.last_remedy is not None
    assert "Connect the account again" in after.last_remedy
    with pytest.raises(Reauthorize, match="Connect the account again"):
        store.credentials.current(connection.id, NOW + HOUR, never)  # and the provider is left alone
    store.connections.reconnect(connection.id, "us", NOW + HOUR, pair(7))
    assert access(store.credentials.current(connection.id, NOW + HOUR, provider.refresh)) == "access-8"
    assert store.connections.get(connection.id).state == "connected"


def test_an_outage_changes_nothing(store: Store, provider: Provider) -> None:
    connection = connect(store)
    provider.broken = True
    with pytest.raises(Retryable):
        store.credentials.current(connection.id, NOW, provider.refresh)
    assert store.connections.get(connection.id) == connection
    provider.broken, provider.generation = False, 5
    with pytest.raises(Retryable, match="no 1 of 2") as caught:  # nothing was lost, so none is told of
        store.credentials.current(connection.id, NOW, provider.refresh)
    assert "lost" not in str(caught.value)


def test_a_lost_answer_is_told_of_once_the_provider_says_no(store: Store, provider: Provider) -> None:
    connection = connect(store)

    def lost(credentials: Credentials, now: datetime) -> Credentials:
        provider.refresh(credentials, now)  # carried out
        raise AnswerLost("The connection broke.")

    with pytest.raises(AnswerLost):
        store.credentials.current(connection.id, NOW, lost)
    assert store.connections.get(connection.id).state == "connected"
    with pytest.raises(Reauthorize, match="answer to a renewal was lost"):
        store.credentials.current(connection.id, NOW + HOUR, provider.refresh)
    after = store.connections.get(connection.id)
    assert (after.state, provider.calls) == ("needs_reauthorization", 2)
    assert "lost" in (after.last_error or "")


@pytest.mark.parametrize(("stopped_by", "later"), [(AnswerLost, HOUR), (KeyboardInterrupt, timedelta())])
def test_an_answer_that_never_came_of_what_was_not_carried_out_is_no_loss(
    store: Store, provider: Provider, stopped_by: type[BaseException], later: timedelta
) -> None:
    """The mark alone says nothing of the token: it is tried, works, and the mark is gone."""
    connection = connect(store)

    def broken(_credentials: Credentials, _now: datetime) -> Credentials:
        raise stopped_by("The connection broke.")

    with pytest.raises(stopped_by):
        store.credentials.current(connection.id, NOW, broken)
    assert access(store.credentials.current(connection.id, NOW + later, provider.refresh)) == "access-1"
    provider.generation = 9
    with pytest.raises(Retryable) as caught:
        store.credentials.current(connection.id, NOW + 4 * HOUR, provider.refresh)
    assert "lost" not in str(caught.value)


@pytest.mark.parametrize("force", [False, True])
def test_a_renewal_that_failed_is_not_repeated_in_the_same_run(store: Store, provider: Provider, force: bool) -> None:
    connection = connect(store, expires_at=NOW + HOUR if force else NOW)
    provider.broken = True
    source = store.credentials.source(connection.id, provider.refresh, lambda: NOW)
    if force:
        source(False)
    for _ in range(4):  # as a loop of retries does
        with pytest.raises(Retryable, match="overloaded"):
            source(force)
    assert provider.calls == 1
    provider.broken = False
    another_run = store.credentials.source(connection.id, provider.refresh, lambda: NOW)
    assert access(another_run(force)) == "access-1"


def test_an_answer_that_outlives_the_turn_wins_over_a_no_to_another_worker(tmp_path: Path, provider: Provider) -> None:
    """An answer that drips: meanwhile the lease ends, and a second worker is told that the token is spent."""
    with Place(tmp_path, None).open() as store, Place(tmp_path, None).open() as second:
        connection = connect(store)

        def dripping(credentials: Credentials, now: datetime) -> Credentials:
            renewed = provider.refresh(credentials, now)
            with pytest.raises(Reauthorize):  # it finds the mark of our renewal
                second.credentials.current(connection.id, NOW + 2 * HOUR, provider.refresh)
            assert store.connections.get(connection.id).state == "needs_reauthorization"
            return renewed

        assert access(store.credentials.current(connection.id, NOW, dripping)) == "access-1"
        after = store.connections.get(connection.id)
        assert (after.state, after.last_error) == ("connected", None)
        assert access(second.credentials.current(connection.id, NOW, never)) == "access-1"


def test_a_sibling_that_renewed_just_before_wins(store: Store, place: Place, provider: Provider) -> None:
    """A lock may fail (a lease that ran out in a suspended machine); the loser finds the winner's token."""
    connection = connect(store)

    def late(credentials: Credentials, now: datetime) -> Credentials:
        renewed = provider.refresh(credentials, now)
        with place.open() as sibling:
            sibling.connections.reconnect(connection.id, "us", now, renewed)
        return provider.refresh(credentials, now)  # with the spent token: invalid_grant

    assert access(store.credentials.current(connection.id, NOW, late)) == "access-1"
    assert store.connections.get(connection.id).state == "connected"
    assert provider.calls == 2


def test_a_disconnect_during_the_call_wins(store: Store, provider: Provider) -> None:
    connection = connect(store)

    def disconnecting(credentials: Credentials, now: datetime) -> Credentials:
        store.connections.disconnect(connection.id)
        return provider.refresh(credentials, now)

    with pytest.raises(Reauthorize):
        store.credentials.current(connection.id, NOW, disconnecting)
    after = store.connections.get(connection.id)
    assert (after.state, after.has_credentials) == ("disconnected", False)


def test_killed_between_answer_and_save(place: Place, provider: Provider) -> None:
    with place.open() as store:
        connection = connect(store)
        worker = place.worker("token", connection.id, provider.url, NOW.isoformat(), "after_renewal")
        assert worker.communicate(timeout=60)[0] == ""
        assert (worker.returncode, provider.calls) == (9, 1)
        later = NOW if place.url else NOW + timedelta(minutes=2)  # PostgreSQL frees a dead process's turn at once
        with pytest.raises(Reauthorize, match="answer to a renewal was lost"):
            store.credentials.current(connection.id, later, provider.refresh)
        assert provider.calls == 2  # the stored one was tried, once
        after = store.connections.get(connection.id)
        assert after.state == "needs_reauthorization"
        assert "was lost" in (after.last_error or "")


def test_killed_after_the_save(place: Place, provider: Provider) -> None:
    with place.open() as store:
        connection = connect(store)
        worker = place.worker("token", connection.id, provider.url, NOW.isoformat(), "after_renewal_save")
        worker.communicate(timeout=60)
        assert (worker.returncode, provider.calls) == (9, 1)
        assert access(store.credentials.current(connection.id, NOW, never)) == "access-1"


def test_sqlite_waits_for_a_dead_processs_lease_to_end(tmp_path: Path, provider: Provider) -> None:
    class Enough(Exception):
        pass

    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            raise Enough

    with Place(tmp_path, None).open() as store, Place(tmp_path, None).database() as database:
        connection = connect(store)
        asked = _credentials(tmp_path, sleep)
        with Turns(database).take(connection.id, NOW):  # held, and not given back while we ask
            with pytest.raises(Enough):
                asked.current(connection.id, NOW + timedelta(seconds=59), never)
            later = NOW + timedelta(seconds=61)
            assert access(asked.current(connection.id, later, provider.refresh)) == "access-1"


def test_a_save_is_tried_again_while_the_database_is_locked(tmp_path: Path, provider: Provider) -> None:
    with open_store(tmp_path) as store:
        connection = connect(store)
    slept: list[float] = []
    with create_engine(f"sqlite:///{tmp_path / 'glucoflow.db'}", isolation_level="AUTOCOMMIT").connect() as blocker:

        def then_locked(credentials: Credentials, now: datetime) -> Credentials:
            blocker.execute(text("BEGIN IMMEDIATE"))
            return provider.refresh(credentials, now)

        def sleep(seconds: float) -> None:
            slept.append(seconds)
            if len(slept) == 3:
                blocker.execute(text("ROLLBACK"))

        asked = _credentials(tmp_path, sleep, busy_seconds=0.1)
        assert access(asked.current(connection.id, NOW, then_locked)) == "access-1"
    assert slept == [0.1, 0.2, 0.4]
    with open_store(tmp_path) as store:
        assert access(store.credentials.current(connection.id, NOW, never)) == "access-1"


def test_a_save_outlives_a_restart_of_postgres(own_postgres: RunningServer, provider: Provider, tmp_path: Path) -> None:
    own_postgres.execute("CREATE DATABASE restarts")
    with open_store(tmp_path, url=SecretStr(own_postgres.url("restarts"))) as store:
        connection = connect(store)

        def then_down(credentials: Credentials, now: datetime) -> Credentials:
            renewed = provider.refresh(credentials, now)
            own_postgres.stop()
            threading.Timer(0.5, own_postgres.start).start()
            return renewed

        assert access(store.credentials.current(connection.id, NOW, then_down)) == "access-1"
        assert access(store.credentials.current(connection.id, NOW, never)) == "access-1"
    own_postgres.execute("DROP DATABASE restarts WITH (FORCE)")


def test_no_call_while_the_database_is_locked(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        connection = connect(store)
    asked = _credentials(tmp_path, busy_seconds=0.1)
    with create_engine(f"sqlite:///{tmp_path / 'glucoflow.db'}", isolation_level="AUTOCOMMIT").connect() as blocker:
        blocker.execute(text("BEGIN IMMEDIATE"))
        with pytest.raises(Unavailable, match="locked"):
            asked.current(connection.id, NOW, never)


def test_no_call_while_postgres_is_down(own_postgres: RunningServer, tmp_path: Path) -> None:
    own_postgres.execute("CREATE DATABASE down")
    with open_store(tmp_path, url=SecretStr(own_postgres.url("down"))) as store:
        connection = connect(store)
        own_postgres.stop()
        try:
            with pytest.raises(Unavailable, match="PostgreSQL cannot be reached"):
                store.credentials.current(connection.id, NOW, never)
        finally:
            own_postgres.start()
        with pytest.raises(AssertionError):
            store.credentials.current(connection.id, NOW, never)  # and it goes on by itself


def test_a_token_of_another_key_is_the_operators_matter(store: Store, place: Place, provider: Provider) -> None:
    connection = connect(store)
    stranger = Cipher([SecretStr("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")])
    what = r"What opens the account of anna at dexcom was encrypted with the key [0-9a-f]{12}"
    with place.database() as database, pytest.raises(Misconfigured, match=what):
        CredentialStore(database, stranger).current(connection.id, NOW, provider.refresh)
    assert store.connections.get(connection.id) == connection  # never taken for consent that is gone
    assert provider.calls == 0


def test_an_unknown_connection(store: Store) -> None:
    with pytest.raises(Rejected):
        store.credentials.current("nowhere", NOW, never)
    with pytest.raises(Rejected):
        store.connections.reconnect("nowhere", "us", NOW, pair())


def _credentials(
    folder: Path, sleep: Callable[[float], None] = time.sleep, busy_seconds: float = 15.0
) -> CredentialStore:
    database = Database(database_url(None, folder), busy_seconds)
    return CredentialStore(database, Cipher([SecretStr((folder / "token.key").read_text().strip())]), sleep=sleep)
