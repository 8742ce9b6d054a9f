"""Waits between wrong tries, and sessions that end, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from pydantic import SecretStr

from glucoflow.service.logging_in import LoggingIn
from glucoflow.service.passwords import Passwords
from glucoflow.store import Store, open_store
from glucoflow.store.login_sessions import Holder
from glucoflow.store.login_waits import ACCOUNT_CAP, ADDRESS_CAP, place
from tests.store.conftest import NOW

GUESSER, OWNER = "8.8.8.8", "9.9.9.9"
SECOND = timedelta(seconds=1)


def test_of_a_thousand_tries_at_once_one_is_looked_at(store: Store) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: store.login_waits.begin(f"8.8.{n % 4}.8", NOW), range(1000)))
    assert sum(one.allowed for one in answers) == 1


def test_the_wait_doubles_up_to_a_cap_and_tries_within_it_do_not_count(store: Store) -> None:
    now, waits = NOW, []
    for _ in range(14):
        tried = store.login_waits.begin(GUESSER, now)
        assert tried.allowed
        waits.append(tried.wait / SECOND)
        for early in range(5):
            within = store.login_waits.begin(GUESSER, now + early * tried.wait / 5)
            assert not within.allowed
            assert within.wait == tried.wait - early * tried.wait / 5
        now += tried.wait
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900, 900]
    assert ADDRESS_CAP == 900 * SECOND


def test_a_day_of_guessing_from_one_address_gets_about_a_hundred_tries(store: Store) -> None:
    looked_at = sum(store.login_waits.begin(GUESSER, NOW + timedelta(minutes=n)).allowed for n in range(24 * 60))
    assert 90 <= looked_at <= 110


def test_whoever_knows_the_password_waits_no_longer_than_the_account_does(store: Store) -> None:
    now = NOW
    for n in range(40):  # from a new address each time
        now += store.login_waits.begin(f"8.8.{n}.8", now).wait
    assert store.login_waits.begin("8.9.0.1", now).allowed
    refused = store.login_waits.begin(OWNER, now)
    assert not refused.allowed
    assert refused.wait == ACCOUNT_CAP
    assert store.login_waits.begin(OWNER, now + refused.wait).allowed
    store.login_waits.succeeded(OWNER)
    assert store.login_waits.begin(OWNER, now + refused.wait).allowed, "a right password takes the counts back"
    assert not store.login_waits.begin(GUESSER, now + refused.wait).allowed


@pytest.mark.parametrize("address", ["127.0.0.1", "192.168.1.7", "172.18.0.1", "fe80::1", "", "no address"])
def test_a_proxy_or_a_house_is_not_shut_out_for_a_quarter_of_an_hour(store: Store, address: str) -> None:
    now = NOW
    for _ in range(12):
        wait = store.login_waits.begin(address, now).wait
        now += wait
    assert wait == ACCOUNT_CAP


def test_a_clock_that_had_jumped_shuts_nobody_out(store: Store) -> None:
    assert store.login_waits.begin(OWNER, NOW + timedelta(days=400)).allowed
    assert store.login_waits.begin(OWNER, NOW).allowed


def test_after_a_day_the_tries_are_forgotten(store: Store) -> None:
    for n in range(5):
        store.login_waits.begin(OWNER, NOW + n * timedelta(minutes=1))
    assert store.login_waits.begin(OWNER, NOW + timedelta(days=2)).wait == SECOND


def test_a_household_of_ipv6_is_one_address() -> None:
    assert place("2001:4860:1:2::1") == place("2001:4860:1:2:ffff::9") == "2001:4860:1:2::/64"
    assert place("::ffff:8.8.8.8") == "8.8.8.8"
    assert place("x\nforged line") == "unknown"


def test_a_session_ends_by_time_and_log_out(store: Store) -> None:
    sessions = store.login_sessions
    holder = Holder(password="print")
    token = sessions.create(holder, NOW, lasts=timedelta(days=1), browser="Firefox", place="10.0.0.1")
    found = sessions.of_token(token, NOW + timedelta(hours=23))
    assert found is not None
    assert (found.holder, found.browser, found.place, found.created_at) == (holder, "Firefox", "10.0.0.1", NOW)
    assert token not in repr(found)
    assert sessions.of_token(token, NOW + timedelta(days=1)) is None
    assert sessions.of_token("made up", NOW) is None
    other = sessions.create(holder, NOW)
    sessions.revoke(token)
    assert sessions.of_token(token, NOW) is None
    assert sessions.of_token(other, NOW) is not None, "another browser stays logged in"
    assert sessions.end_all(None) == 1
    assert sessions.of_token(other, NOW) is None


def test_an_account_has_a_wait_of_its_own(store: Store) -> None:
    now = NOW
    for n in range(30):
        now += store.login_waits.begin(f"8.8.{n}.8", now, "anna").wait
    assert not store.login_waits.begin("9.9.9.9", now - ACCOUNT_CAP / 2, "anna").allowed
    assert store.login_waits.begin("9.9.9.9", now - ACCOUNT_CAP / 2, "ben").allowed
    assert store.login_waits.begin("9.9.9.8", now - ACCOUNT_CAP / 2).allowed


def test_of_ten_thousand_wrong_log_ins_none_gets_in_and_the_right_person_does(tmp_path: Path) -> None:
    """From a hundred addresses at a time, for nearly three hours by the clock that the waits are told."""
    passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    with open_store(tmp_path) as store:
        store.login_accounts.add("Anna", passwords.hash(SecretStr("a walk by the lake at dusk")), NOW)
        logging_in = LoggingIn(store, passwords, None, lambda _: "")
        answers = {"in": 0, "wait": 0, "wrong": 0, "code": 0}
        for n in range(10_000):
            address, guess = f"8.8.{n % 100}.8", SecretStr(f"a walk by the lake at {n}")
            answers[logging_in.by_password("anna", guess, address, NOW + SECOND * n).answer] += 1
        assert answers["in"] == answers["code"] == 0
        assert answers["wrong"] < 400, "the rest was not even looked at"
        right, now, waited = SecretStr("a walk by the lake at dusk"), NOW + SECOND * 10_000, timedelta(0)
        tried = logging_in.by_password("Anna", right, OWNER, now)
        while tried.answer == "wait":
            waited += tried.wait
            tried = logging_in.by_password("Anna", right, OWNER, now + waited)
        assert tried.answer == "in"
        assert waited <= ACCOUNT_CAP
