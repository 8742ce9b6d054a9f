"""An app's secret names its person, in each form that apps send it in, until it is revoked."""

import hashlib
from datetime import timedelta

import pytest
from sqlalchemy import text

from glucoflow.model.errors import Rejected
from glucoflow.store import RIGHTS, Store
from tests.store.conftest import NOW, Place


@pytest.fixture(autouse=True)
def people(store: Store) -> None:
    store.people.add("anna", "Anna", NOW)
    store.people.add("ben", "Ben", NOW)


def forms(secret: str) -> list[str]:
    sha1 = hashlib.sha1(secret.encode(), usedforsecurity=False).hexdigest()
    return [secret, f" {secret} ", sha1, sha1.upper(), hashlib.sha512(secret.encode()).hexdigest()]


def test_each_form_of_a_secret_names_its_person(store: Store) -> None:
    made = {user: store.apps.add(user, "xDrip+ on a phone", "both", NOW) for user in ("anna", "ben")}
    for user, new in made.items():
        for form in forms(new.secret):
            found = store.apps.by_secret(form)
            assert found is not None
            assert found.user_id == user
    for wrong in ("", "null", "xdriponaph-", made["anna"].secret[:-1], "0" * 40, "f" * 128, "\ud800"):
        assert store.apps.by_secret(wrong) is None


def test_a_secret_looks_as_apps_want_it(store: Store) -> None:
    for name in ("xDrip+", "Ünïcode 🦊", "---", "a" * 60):
        secret = store.apps.add("anna", name, "read", NOW).secret
        assert len(secret) >= 17
        assert len(secret.split("-")[-1]) >= 16
        assert secret.isascii()


def test_a_revoked_secret_is_worth_nothing(store: Store) -> None:
    made = store.apps.add("anna", "Loop", "upload", NOW)
    assert (made.app.may_read, made.app.may_upload) == (False, True)
    gone = store.apps.revoke(made.app.id, NOW)
    assert store.apps.revoke(made.app.id, NOW + timedelta(days=1)).revoked_at == gone.revoked_at == NOW
    assert [store.apps.by_secret(form) for form in forms(made.secret)] == [None] * 5
    assert [one.revoked_at for one in store.apps.list("anna")] == [NOW]


def test_no_copy_of_the_database_opens_anything(store: Store) -> None:
    made = store.apps.add("anna", "Loop", "both", NOW)
    with store._database.read() as session:
        row = repr(session.execute(text("SELECT * FROM apps")).all())
    for form in forms(made.secret):
        assert form.strip() not in row
    assert made.secret not in repr(made)


def test_the_last_use_is_noted_at_most_once_a_minute(store: Store) -> None:
    made = store.apps.add("anna", "Loop", "both", NOW)
    for seconds, noted in ((0, 0), (59, 0), (61, 61)):
        app = store.apps.find(made.app.id)
        assert app is not None
        store.apps.used(app, NOW + timedelta(seconds=seconds))
        after = store.apps.find(made.app.id)
        assert after is not None
        assert after.last_used_at == NOW + timedelta(seconds=noted)


def test_what_cannot_be_is_said(store: Store) -> None:
    for user, name, rights in (("nobody", "x", "both"), ("anna", " ", "both"), ("anna", "x" * 61, "both")):
        with pytest.raises(Rejected):
            store.apps.add(user, name, rights, NOW)  # type: ignore[arg-type]
    with pytest.raises(Rejected):
        store.apps.add("anna", "x", "all", NOW)  # type: ignore[arg-type]
    with pytest.raises(Rejected):
        store.apps.revoke("unknown", NOW)
    assert set(RIGHTS) == {"read", "upload", "both"}


def test_uploads_come_by_one_connection_that_is_never_polled(store: Store, place: Place) -> None:
    first, again = store.apps.uploads("anna", NOW), store.apps.uploads("anna", NOW + timedelta(days=1))
    assert first == again != store.apps.uploads("ben", NOW)
    assert store.connections.get(first).provider == "apps"
    assert store.leases.claim_due("tests", NOW, timedelta(minutes=5), 10, force=True) == []
    assert store.people.delete("anna")
    assert store.connections.find(first) is None
    assert store.apps.list("anna") == ()
