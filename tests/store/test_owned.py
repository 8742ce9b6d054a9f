"""What is a person's is counted and goes with them, whichever table it is in: also one that nobody thought of yet."""

from datetime import timedelta

from pydantic import SecretStr
from sqlalchemy import select

from glucoflow.store import Store
from glucoflow.store.access_tables import AuditRow
from glucoflow.store.audit import Deed
from glucoflow.store.invites import Invited
from glucoflow.store.login_accounts import Grant
from glucoflow.store.login_sessions import Holder
from glucoflow.store.owned import counts
from glucoflow.store.passkeys import Passkey
from glucoflow.store.tables import Base
from tests.store.conftest import NOW, Place, connect

NOBODYS = {
    "meta": "facts about the database",
    "people": "the person, who is counted by being there",
    "calls": "how often providers were called, all people together",
    "login_waits": "hashes of names and addresses, for a day",
    "spent": "hashes of challenges, for minutes",
    "receipts": "hashes, and what was removed without saying whose",
    "partners": "programs of others",
    "login_accounts": "counted where they see this person and nobody else",
}


def test_every_table_is_somebodys_or_says_why_not() -> None:
    """A table with a person's id that does not go with them fails here."""
    covered = set(counts("anna"))
    for table in Base.metadata.sorted_tables:
        assert table.name in covered | set(NOBODYS), f"{table.name}: whose are its rows?"
        for column in table.columns:
            if column.name in ("user_id", "person_id") or any(
                k.column.table.name == "people" for k in column.foreign_keys
            ):
                (key,) = column.foreign_keys
                assert (key.column.table.name, key.ondelete) == ("people", "CASCADE"), f"{table.name}.{column.name}"


def fill(store: Store) -> None:
    connect(store)
    later = NOW + timedelta(days=1)
    own = store.login_accounts.add("Anna", "hash", NOW, grant=Grant(user_id="anna", level="own", until=None))
    store.login_accounts.set_totp(own.id, SecretStr("JBSWY3DPEHPK3PXP"))
    store.login_sessions.create(Holder(account_id=own.id), NOW)
    store.passkeys.add(
        Passkey(id="k", account_id=own.id, name="Phone", host="localhost", public_key=b"p", uses=0, created_at=NOW)
    )
    store.apps.add("anna", "Phone", "both", NOW)
    share = store.shares.add("anna", "School", ["now"], later, "Anna", NOW)
    store.login_sessions.create(Holder(share_id=share.share.id), NOW)
    store.invites.add(Invited(name="Ott", unit="mg/dL", zone="UTC", user_id="anna"), "Anna", NOW)
    store.kibana_guests.ask("anna", "Ott", later, "Anna", NOW)
    partner = store.partners.add("Study", ["https://study.example/back"], NOW).partner
    code = store.partners.consent(partner.id, "anna", "glucose", "https://study.example/back", "c", NOW)
    taken = store.partners.take_code(code, partner.id, NOW)
    assert taken is not None
    store.partners.issue(taken.grant.id, "a", "r", NOW)
    store.audit.add(Deed(who="Anna", action="changed", what="targets", user_id="anna", account_id=own.id), NOW)
    store.audit.add(Deed(who="Anna", action="logged in", account_id=own.id), NOW)
    store.audit.add(Deed(who="Anna", action="looked at", user_id="ben", account_id=own.id), NOW)


def test_all_of_it_is_counted_and_goes(store: Store, place: Place) -> None:
    for user_id in ("anna", "ben"):
        if store.people.find(user_id) is None and user_id == "ben":
            store.people.add(user_id, user_id.title(), NOW)
    fill(store)
    held = store.people.held("anna")
    asked_for = (
        "connections", "apps", "grants", "invites", "shares", "audit", "kibana_guests", "partner_grants",
        "partner_codes", "partner_tokens", "passkeys", "login_accounts", "login_sessions",
    )  # fmt: skip
    assert {name: held[name] for name in asked_for} == {
        **dict.fromkeys(asked_for, 1), "partner_tokens": 2, "login_sessions": 2,
    }  # fmt: skip
    store.people.delete("anna")
    assert sum(store.people.held("anna").values()) == 0
    with place.database() as database, database.read() as session:
        rows = [
            " ".join(str(value) for value in row)
            for table in Base.metadata.sorted_tables
            if table.name not in ("meta", "partners")
            for row in session.execute(table.select())
        ]
        (kept,) = session.scalars(select(AuditRow)).all()
    assert [row for row in rows if "anna" in row.lower()] == []
    assert kept.who == "a deleted account", "what Ben is shown names nobody who is gone"
