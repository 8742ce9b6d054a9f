"""A database that an earlier glucoflow left opens with the new code: people, tokens and checkpoints as they were."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import text

from glucoflow.model.credentials import Credentials
from glucoflow.store import Store, WrongKey, open_store
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database
from glucoflow.store.migrate import HEAD
from glucoflow.store.tables import Base
from tests.store.conftest import NOW, Place
from tests.store.old_folder import at_revision, every_revision, rows_of, write_folder

OLD_KEY, NEW_KEY = (Fernet.generate_key().decode() for _ in range(2))


def seal(value: str, key: str = OLD_KEY) -> bytes:
    return Fernet(key).encrypt(value.encode())


@pytest.fixture(params=["0001", "0002", "0003"])
def old(new_place: Place, request: pytest.FixtureRequest) -> Place:
    """Anna is connected, Ben disconnected; Anna has a checkpoint and a rejected record; someone is signing in."""
    with new_place.database() as database:
        at_revision(database, request.param)
        with database.write() as session:
            canary = {"value": seal("glucoflow key canary")}
            session.execute(text("INSERT INTO meta VALUES ('key_canary', :value)"), canary)
            for user in ("anna", "ben"):
                session.execute(
                    text("INSERT INTO people VALUES (:id, :id, 'mg/dL', 'UTC', 'adult', NULL, NULL, :now)"),
                    {"id": user, "now": _instant(database, NOW)},
                )
                tokens: dict[str, object] = {
                    "access": seal("access-7"),
                    "refresh": seal("refresh-7"),
                    "key": _key_id(OLD_KEY),
                }
                if user == "ben":
                    tokens = dict.fromkeys(tokens, None)
                session.execute(text(CONNECTION), {"id": f"of-{user}", "user": user, **tokens, **_times(database)})
            session.execute(text(CHECKPOINT), _times(database))
            session.execute(text(REJECT), {"payload": seal('{"value": null}'), **_times(database)})
            session.execute(
                text("INSERT INTO oauth_states VALUES ('h', 'anna', 'dexcom', 'us', NULL, :later)"),
                {"later": _instant(database, NOW + timedelta(minutes=9))},
            )
    return new_place


def opened(place: Place, *keys: str) -> Store:
    return open_store(place.folder, url=place.url, token_key=SecretStr(",".join(keys)))


def test_tokens_of_an_old_database_go_on_to_work(old: Place) -> None:
    with opened(old, NEW_KEY, OLD_KEY) as store:
        held = store.credentials.current("of-anna", NOW, _never)
        assert {name: value.get_secret_value() for name, value in held.values.items()} == {
            "access": "access-7",
            "refresh": "refresh-7",
        }
        assert held.expires_at == NOW + timedelta(hours=1)
        anna, ben = store.connections.get("of-anna"), store.connections.get("of-ben")
        assert (anna.state, anna.has_credentials, anna.next_poll_at) == ("connected", True, NOW)
        assert (ben.state, ben.has_credentials) == ("disconnected", False)
        assert [one.position for one in store.connections.checkpoints("of-anna")] == [NOW]
        [rejected] = store.rejected_records.list()
        assert store.rejected_records.payload(rejected.id) == b'{"value": null}'
        assert [one.id for one in store.people.list()] == ["anna", "ben"]
    with opened(old, NEW_KEY, OLD_KEY) as store:  # and it is not migrated twice
        assert store.credentials.current("of-anna", NOW, _never) == held


def test_a_migration_without_the_key_changes_nothing(old: Place) -> None:
    with pytest.raises(WrongKey):
        opened(old, NEW_KEY)
    with opened(old, OLD_KEY) as store:
        assert store.credentials.current("of-anna", NOW, _never)["access"].get_secret_value() == "access-7"


def test_one_row_of_a_lost_key_stops_the_migration_and_names_it(old: Place) -> None:
    with old.database() as database, database.write() as session:
        session.execute(
            text("UPDATE connections SET refresh_token = :sealed WHERE id = 'of-anna'"),
            {"sealed": seal("x", NEW_KEY)},
        )
    with pytest.raises(WrongKey, match="anna for dexcom"):
        opened(old, OLD_KEY)
    with opened(old, OLD_KEY, NEW_KEY) as store:
        assert store.credentials.current("of-anna", NOW, _never)["refresh"].get_secret_value() == "x"


def test_what_is_stored_is_json_that_the_key_opens(old: Place) -> None:
    opened(old, NEW_KEY, OLD_KEY).close()
    with old.database() as database, database.read() as session:
        row = session.execute(text("SELECT credentials, key_id FROM connections WHERE id = 'of-anna'")).one()
    plain = json.loads(Fernet(NEW_KEY).decrypt(bytes(row.credentials)))
    assert plain == {"access": "access-7", "refresh": "refresh-7"}
    assert row.key_id == _key_id(NEW_KEY)


def test_the_newest_revision_is_the_one_that_is_worked_with() -> None:
    assert every_revision() == [f"{n:04}" for n in range(1, int(HEAD) + 1)]


@pytest.mark.parametrize("revision", every_revision())
def test_a_folder_of_every_version_opens_with_all_that_is_in_it(revision: str, tmp_path: Path) -> None:
    held = write_folder(tmp_path, revision)
    assert {"people", "connections", "checkpoints"} <= set(held)
    with open_store(tmp_path) as store:
        store.examine()
        rotated = store.rotate()
        assert rotated.rejected_records == 2
        assert len(store.people.list()) == 2
        assert all(one.id for one in store.connections.list())
    database = Database.in_file(tmp_path / "glucoflow.db")
    there = rows_of(database, {name: n for name, n in held.items() if name in Base.metadata.tables})
    database.close()
    # A sign-in under way is begun anew; invitations had no page at first; with accounts everybody logs in once more.
    short = {"oauth_states", "invites", "login_sessions"}
    assert {name: n for name, n in there.items() if name not in short} == {
        name: n for name, n in held.items() if name in there and name not in short
    }


CONNECTION = """
    INSERT INTO connections (id, user_id, provider, region, state, access_token, refresh_token, key_id, token_version,
        expires_at, failures, next_poll_at, created_at)
    VALUES (:id, :user, 'dexcom', 'us', CASE WHEN CAST(:key AS TEXT) IS NULL THEN 'disconnected' ELSE 'connected' END,
        :access, :refresh, :key, 3, :later, 0, :now, :now)
"""
CHECKPOINT = """
    INSERT INTO checkpoints (connection_id, scope, kind, position, updated_at)
    VALUES ('of-anna', 'sync', 'readings', :now, :later)
"""
REJECT = """
    INSERT INTO rejects (id, connection_id, user_id, kind, field, reason, payload, fingerprint, at, last_seen_at)
    VALUES (1, 'of-anna', 'anna', 'readings', 'value', 'null', :payload, 'f', :now, :later)
"""


def _times(database: Database) -> dict[str, object]:
    return {"now": _instant(database, NOW), "later": _instant(database, NOW + timedelta(hours=1))}


def _instant(database: Database, moment: datetime) -> object:
    """As the column type writes it: SQLite keeps text."""
    return moment if database.is_postgres else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}"


def _key_id(key: str) -> str:
    return Cipher([SecretStr(key)]).key_id


def _never(_credentials: Credentials, _now: datetime) -> Credentials:
    raise AssertionError
