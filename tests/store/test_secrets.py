"""No token, key, payload or password is readable anywhere: not in the database, the logs, a repr or an error."""

import logging
import traceback
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from glucoflow.model.errors import GlucoflowError, Reauthorize, Retryable
from glucoflow.model.ingestion import Counts, RejectedRecord
from glucoflow.store import Store, WrongKey, open_store
from glucoflow.store.invites import Invited
from glucoflow.store.login_sessions import Holder
from glucoflow.store.tables import Base
from tests.postgres import PASSWORD, Server
from tests.store.conftest import NOW, Place, connect, pair
from tests.store.provider import Provider

MARKS = ("access-0", "refresh-0", "access-1", "refresh-1", "reading-of-217")


def work(store: Store, provider: Provider) -> list[object]:
    """Everything that touches a secret, and all that it answers."""
    connection = connect(store)
    store.leases.claim(connection.id, "w", NOW, NOW - NOW.replace(hour=0))
    run = store.runs.start("sync", NOW, user_id="anna", connection_id=connection.id)
    ledger = store.ledger(connection.id, run.id, "w")
    ledger.advance(
        "readings", NOW, Counts(), [RejectedRecord(field="value", reason="null", payload=b"reading-of-217")], NOW
    )
    state = store.oauth_states.create("anna", "dexcom", "us", NOW)
    credentials = store.credentials.current(connection.id, NOW, provider.refresh)
    assert credentials["access"].get_secret_value() == "access-1"
    provider.generation = 3
    answers: list[object] = [credentials, store, connection, run, *store.rejected_records.list()]
    for hours in (0, 1):
        try:
            store.credentials.current(connection.id, NOW + timedelta(hours=hours), provider.refresh, force=True)
        except (Reauthorize, Retryable) as error:
            answers += [error, "".join(traceback.format_exception(error))]
    answers += [store.rotate(), *store.connections.list()]
    assert state not in _text(answers)
    letting_in, secrets = _letting_in(store)
    return [*answers, *letting_in, SecretStr(state), *(SecretStr(one) for one in secrets)]


def _letting_in(store: Store) -> tuple[list[object], list[str]]:
    """Everything that lets somebody in, as it is answered, and what of it is secret."""
    later = NOW + timedelta(days=1)
    account = store.login_accounts.add("Anna", "hash", NOW)
    store.login_accounts.set_totp(account.id, SecretStr("JBSWY3DPEHPK3PXPJBSWY3DP"))
    session = store.login_sessions.create(Holder(account_id=account.id), NOW)
    share = store.shares.add("anna", "School", ["now"], later, "Anna", NOW)
    invite = store.invites.add(Invited(name="Ott", unit="mg/dL", zone="UTC", user_id="anna"), "Anna", NOW)
    app = store.apps.add("anna", "Phone", "both", NOW)
    guest = store.kibana_guests.ask("anna", "Ott", later, "Anna", NOW)
    partner = store.partners.add("Study", ["https://study.example/back"], NOW)
    receipt = store.receipts.ask("anna", NOW)
    receiver = store.receivers.add("anna", "Phone", "service", SecretStr("ntfy://secret-topic"), "ntfy", ["low"], NOW)
    store.spent.spend("a-challenge-of-a-passkey", later, NOW)
    said: list[object] = [
        account, store.login_accounts.totp(account.id), *store.login_sessions.list(NOW, account.id), share,
        *store.shares.list("anna"), invite, *store.invites.list(NOW), app, guest, *store.kibana_guests.to_make(NOW),
        partner, receiver, store.receipts.find(receipt),
    ]  # fmt: skip
    secrets = [
        "JBSWY3DPEHPK3PXPJBSWY3DP", session, share.token, invite.token, app.secret, partner.secret, receipt,
        guest.password.get_secret_value(), "secret-topic", "a-challenge-of-a-passkey",
    ]  # fmt: skip
    return said, secrets


def test_nothing_is_readable(place: Place, provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with place.open() as store:
        answers = work(store, provider)
        stored = _dump(place)
    key = (place.folder / "token.key").read_text().strip()
    links = [answer.get_secret_value() for answer in answers[-11:] if isinstance(answer, SecretStr)]
    assert len(links) == 11
    said = _text(answers) + caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert caplog.records
    for secret in (*MARKS, key, PASSWORD, *links):
        assert secret not in said, f"{secret[:6]}… was said"
        assert secret not in stored, f"{secret[:6]}… was stored"


def test_errors_of_the_database_do_not_repeat_what_was_to_be_stored(store: Store) -> None:
    connection = connect(store)
    with pytest.raises(Exception, match="without a zone") as caught:
        store.connections.reconnect(connection.id, "us", NOW, pair(1, NOW.replace(tzinfo=None)))
    told = "".join(traceback.format_exception(caught.value))
    assert not [mark for mark in MARKS if mark in told]


def test_errors_about_keys_and_passwords_do_not_repeat_them(postgres: Server, tmp_path: Path) -> None:
    open_store(tmp_path).close()
    told: list[str] = []
    other_key = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
    for url, key in ((None, other_key), (postgres.url("postgres", "wrong-secret"), None)):
        with pytest.raises(GlucoflowError) as caught:
            open_store(tmp_path, url=SecretStr(url) if url else None, token_key=SecretStr(key) if key else None)
        told += traceback.format_exception(caught.value)
    assert "WrongKey" in "".join(told)
    assert not [secret for secret in (other_key, "wrong-secret") if secret in "".join(told)]


def test_each_fate_keeps_its_kind() -> None:
    assert not issubclass(WrongKey, Reauthorize | Retryable)


def _text(answers: list[object]) -> str:
    return "".join(f"{answer!r} {answer}" for answer in answers)


def _dump(place: Place) -> str:
    """Every value of every table, and on SQLite the raw files too."""
    with place.database() as database, database.read() as session:
        rows = [str(row) for table in Base.metadata.sorted_tables for row in session.execute(table.select())]
    files = [path.read_bytes().decode("latin-1") for path in place.folder.glob("glucoflow.db*")]
    assert len(rows) == 17
    return "".join(rows + files)
