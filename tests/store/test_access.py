"""Accounts, invitations and links, on both databases."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from pydantic import SecretStr

from glucoflow.model.errors import Rejected
from glucoflow.service.program_trail import ProgramTrail
from glucoflow.simulators.settable_clock import SettableClock
from glucoflow.store import Store
from glucoflow.store.audit import Deed
from glucoflow.store.invites import INVITE_LASTS, Invited
from glucoflow.store.login_accounts import Grant
from tests.store.conftest import NOW

ASKED = Invited(name="Nadia", unit="mg/dL", zone="UTC")


def test_a_link_works_for_one_of_twenty_at_once(store: Store) -> None:
    token = store.invites.add(ASKED, "Olga", NOW).token
    with ThreadPoolExecutor(20) as pool:
        taken = [one for one in pool.map(lambda _: store.invites.take(token, NOW), range(20)) if one is not None]
    assert len(taken) == 1
    store.invites.give_back(taken[0].id)
    assert store.invites.take(token, NOW) is not None


def test_an_invitation_ends_by_itself(store: Store) -> None:
    made = store.invites.add(ASKED, "Olga", NOW)
    assert store.invites.open(made.token, NOW + INVITE_LASTS - timedelta(seconds=1)) is not None
    assert store.invites.open(made.token, NOW + INVITE_LASTS) is None
    assert store.invites.list(NOW + INVITE_LASTS)[0].state == "expired"
    assert made.token not in repr(made)


@pytest.mark.parametrize(
    "email", ["a b@example.org", "a@b@c", "nobody", "a@example.org,b@example.org", "a@b\nBcc: x@y.z"]
)
def test_what_an_address_cannot_be(store: Store, email: str) -> None:
    with pytest.raises(Rejected, match="is an address"):
        store.invites.add(Invited(name="Nadia", unit="mg/dL", zone="UTC", email=email), "Olga", NOW)


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\u202eb", "a\x00b", "line\nbreak"])
def test_what_a_name_cannot_be(store: Store, name: str) -> None:
    with pytest.raises(Rejected):
        store.login_accounts.add(name, "hash", NOW)


def test_one_name_in_all_its_forms_is_one_account(store: Store) -> None:
    store.login_accounts.add("Ａnna", "hash", NOW)  # the first letter is a full-width one
    for form in ("anna", "ANNA ", "Anna"):
        with pytest.raises(Rejected, match="is taken"):
            store.login_accounts.add(form, "hash", NOW)
        assert store.login_accounts.named(form, NOW) is not None


def test_a_grant_holds_until_its_end(store: Store) -> None:
    store.people.add("anna", "Anna", NOW)
    end = NOW + timedelta(days=1)
    account = store.login_accounts.add("Ott", "hash", NOW, grant=Grant(user_id="anna", level="read", until=end))
    held = [store.login_accounts.find(account.id, at) for at in (end - timedelta(seconds=1), end)]
    assert [sorted(one.grants) for one in held if one] == [["anna"], []]


def test_a_second_factor_is_sealed_and_rotates_with_the_key(store: Store) -> None:
    account = store.login_accounts.add("Tom", "hash", NOW)
    store.login_accounts.set_totp(account.id, SecretStr("JBSWY3DPEHPK3PXP"))
    assert store.rotate().second_factors == 1
    found = store.login_accounts.totp(account.id)
    assert found is not None
    assert found.get_secret_value() == "JBSWY3DPEHPK3PXP"
    assert [store.login_accounts.use_totp(account.id, step) for step in (7, 7, 6, 8)] == [True, False, False, True]


def test_looks_within_an_hour_are_one_row(store: Store) -> None:
    store.people.add("anna", "Anna", NOW)
    look = Deed(who="Ott", action="looked at", what="now", user_id="anna")
    for minutes in (0, 1, 2, 90):
        store.audit.add(look, NOW.replace(minute=0) + timedelta(minutes=minutes))
    store.audit.add(Deed(who="Anna", action="changed", what="targets", user_id="anna"), NOW)
    told = store.audit.of_person("anna")
    assert sorted((one.deed.action, one.times) for one in told) == [("changed", 1), ("looked at", 1), ("looked at", 3)]


def test_the_trail_ends_after_a_year(store: Store) -> None:
    store.audit.add(Deed(who="Ott", action="shared"), NOW)
    store.audit.add(Deed(who="Ott", action="logged in"), NOW + timedelta(days=365))
    assert store.audit.forget(NOW + timedelta(days=365)) == 0
    assert len(store.audit.list()) == 2
    assert store.audit.forget(NOW + timedelta(days=367)) == 1
    assert [one.deed.action for one in store.audit.list()] == ["logged in"]


def test_a_phone_that_polls_each_minute_is_one_row_a_day(store: Store) -> None:
    store.people.add("anna", "Anna", NOW)
    clock = SettableClock(NOW.replace(hour=0, minute=0))
    trail = ProgramTrail(store, clock)
    for minute in range(1440 + 10):
        clock.set(NOW.replace(hour=0, minute=0) + timedelta(minutes=minute))
        trail.read("Phone", "anna", "Nightscout's API", "192.168.1.7")
        if minute % 5 == 0:
            trail.sent("Phone", "anna", "Nightscout's API", "192.168.1.7")
    trail.flush()
    told = [(one.deed.action, one.deed.who, one.times) for one in store.audit.of_person("anna")]
    assert sorted(told) == [
        ("read by", "Phone", 10), ("read by", "Phone", 1440), ("sent by", "Phone", 2), ("sent by", "Phone", 288),
    ]  # fmt: skip


def test_what_programs_do_within_a_minute_is_counted_before_it_is_written(store: Store) -> None:
    store.people.add("anna", "Anna", NOW)
    trail = ProgramTrail(store, lambda: NOW)
    for _ in range(50):
        trail.read("Phone", "anna", "MCP")
    assert [one.times for one in store.audit.of_person("anna")] == [1], "the first is seen at once"
    trail.flush()
    trail.flush()
    assert [one.times for one in store.audit.of_person("anna")] == [50]


def test_a_guest_in_kibana_is_asked_for_made_and_ended(store: Store) -> None:
    store.people.add("anna", "Anna", NOW)
    end = NOW + timedelta(days=1)
    first, second = (store.kibana_guests.ask("anna", name, end, "Anna", NOW) for name in ("Ott", "مريم 🦊"))
    assert {one.guest.id: one.password.get_secret_value() for one in store.kibana_guests.to_make(NOW)} == {
        one.guest.id: one.password.get_secret_value() for one in (first, second)
    }
    store.rotate()
    store.kibana_guests.made(first.guest.id, NOW)
    assert [one.guest.id for one in store.kibana_guests.to_make(NOW)] == [second.guest.id]
    assert store.kibana_guests.to_end(NOW) == ()
    assert not store.kibana_guests.withdraw("ben", first.guest.id, NOW)
    assert store.kibana_guests.withdraw("anna", first.guest.id, NOW)
    assert [one.id for one in store.kibana_guests.to_end(NOW)] == [first.guest.id]
    store.kibana_guests.gone(first.guest.id, NOW)
    assert [one.id for one in store.kibana_guests.to_end(end)] == [second.guest.id], "its time is over"
    assert store.kibana_guests.to_make(end) == ()
    for name, until in (("", end), ("x", NOW)):
        with pytest.raises(Rejected):
            store.kibana_guests.ask("anna", name, until, "Anna", NOW)
