"""A code and a refresh token work once; what comes again ends the consent; no copy of the database opens anything."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from glucoflow.model.errors import Rejected
from glucoflow.store import NewPartner, Store
from glucoflow.store.partners import ACCESS_LASTS, CODE_LASTS, REFRESH_LASTS
from tests.store.conftest import NOW

BACK = "https://partner.example/back"
SECOND = timedelta(seconds=1)


@pytest.fixture
def partner(store: Store) -> NewPartner:
    store.people.add("anna", "Anna", NOW)
    return store.partners.add("Clinic", [BACK], NOW)


def consented(store: Store, partner: NewPartner) -> str:
    return store.partners.consent(partner.partner.id, "anna", "glucose", BACK, "challenge", NOW)


def test_a_code_works_once_and_a_second_use_ends_the_consent(store: Store, partner: NewPartner) -> None:
    code = consented(store, partner)
    assert store.partners.take_code(code, "somebody else", NOW) is None
    taken = store.partners.take_code(code, partner.partner.id, NOW)
    assert taken is not None
    assert (taken.grant.user_id, taken.challenge, taken.redirect_uri) == ("anna", "challenge", BACK)
    store.partners.issue(taken.grant.id, "access", "refresh", NOW)
    assert store.partners.by_access("access", NOW) is not None
    assert store.partners.take_code(code, partner.partner.id, NOW) is None
    assert store.partners.by_access("access", NOW) is None
    assert store.partners.take_refresh("refresh", partner.partner.id, NOW) is None


def test_codes_and_tokens_end_by_themselves(store: Store, partner: NewPartner) -> None:
    late = consented(store, partner)
    assert store.partners.take_code(late, partner.partner.id, NOW + CODE_LASTS) is None
    taken = store.partners.take_code(consented(store, partner), partner.partner.id, NOW)
    assert taken is not None
    store.partners.issue(taken.grant.id, "access", "refresh", NOW)
    assert store.partners.by_access("access", NOW + ACCESS_LASTS - SECOND) is not None
    assert store.partners.by_access("access", NOW + ACCESS_LASTS) is None
    assert store.partners.by_access("refresh", NOW) is None
    assert store.partners.take_refresh("access", partner.partner.id, NOW) is None
    assert store.partners.take_refresh("refresh", partner.partner.id, NOW + REFRESH_LASTS) is None


def test_a_refresh_token_that_comes_again_ends_everything(store: Store, partner: NewPartner) -> None:
    taken = store.partners.take_code(consented(store, partner), partner.partner.id, NOW)
    assert taken is not None
    store.partners.issue(taken.grant.id, "a1", "r1", NOW)
    assert store.partners.take_refresh("r1", "somebody else", NOW) is None
    assert store.partners.take_refresh("r1", partner.partner.id, NOW) is not None
    store.partners.issue(taken.grant.id, "a2", "r2", NOW)
    assert store.partners.by_access("a2", NOW) is not None
    assert store.partners.take_refresh("r1", partner.partner.id, NOW) is None  # stolen
    assert store.partners.by_access("a2", NOW) is None
    assert store.partners.take_refresh("r2", partner.partner.id, NOW) is None
    assert store.partners.grants("anna")[0].revoked_at == NOW


def test_a_new_consent_a_removed_partner_and_a_deleted_person_end_the_old(store: Store, partner: NewPartner) -> None:
    first = store.partners.take_code(consented(store, partner), partner.partner.id, NOW)
    assert first is not None
    store.partners.issue(first.grant.id, "a1", "r1", NOW)
    second = store.partners.take_code(consented(store, partner), partner.partner.id, NOW)
    assert second is not None
    store.partners.issue(second.grant.id, "a2", "r2", NOW)
    assert store.partners.by_access("a1", NOW) is None
    assert store.partners.by_access("a2", NOW) is not None
    store.partners.remove(partner.partner.id, NOW)
    assert store.partners.find(partner.partner.id) is None
    assert store.partners.by_access("a2", NOW) is None
    store.people.delete("anna")
    assert store.partners.grants("anna") == ()
    assert store.partners.by_access("a2", NOW) is None


@pytest.mark.parametrize("bad", ["http://partner.example/", "https://", "x", "https://a/#b", "javascript:alert(1)"])
def test_nobody_is_sent_to_an_address_that_is_not_safe(store: Store, bad: str) -> None:
    with pytest.raises(Rejected):
        store.partners.add("Clinic", [bad], NOW)


def test_no_copy_of_the_database_opens_anything(store: Store, partner: NewPartner) -> None:
    code = consented(store, partner)
    store.partners.issue(store.partners.grants("anna")[0].id, "the access token", "the refresh token", NOW)
    rows = ""
    with store._database.read() as session:
        for table in ("partners", "partner_grants", "partner_codes", "partner_tokens"):
            rows += repr(session.execute(text(f"SELECT * FROM {table}")).all())  # noqa: S608
    assert partner.partner.id in rows
    for secret in (partner.secret, code, "the access token", "the refresh token"):
        assert secret not in rows
    assert partner.secret not in repr(partner)
    assert partner.partner.knows(partner.secret)
    assert not partner.partner.knows(code)
