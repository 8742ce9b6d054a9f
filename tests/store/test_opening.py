"""A first start, every later one, and each way in which opening the store can fail: in words, with the cure."""

import os
import shutil
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import text

from glucoflow.model.credentials import Credentials
from glucoflow.model.errors import Misconfigured, Unavailable
from glucoflow.model.ingestion import Counts, RejectedRecord
from glucoflow.store import Store, WrongKey, open_store
from glucoflow.store.database import Database
from glucoflow.store.migrate import HEAD
from glucoflow.store.tables import Base
from glucoflow.store.upgrade import scripts
from tests.postgres import Server
from tests.store.conftest import NOW, Place, connect
from tests.stores import tables_of


def test_migrations_make_the_tables_that_the_code_expects(new_place: Place) -> None:
    new_place.open().close()
    with new_place.database() as database, database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert context.get_current_revision() == HEAD == scripts().get_current_head()
        assert compare_metadata(context, Base.metadata) == []


def test_processes_may_start_together(new_place: Place) -> None:
    workers = [new_place.worker("open") for _ in range(2)]
    errors = [worker.communicate(timeout=60)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], errors
    new_place.open().close()


def test_threads_may_start_together(new_place: Place) -> None:
    with ThreadPoolExecutor(4) as pool:
        for store in pool.map(lambda _: new_place.open(), range(4)):
            store.close()


def test_a_failed_migration_leaves_nothing_behind(new_place: Place) -> None:
    with new_place.database() as database:
        with database.write() as session:
            session.execute(text("CREATE TABLE rejects (id INTEGER)"))  # in the way of the last table
        with pytest.raises(Exception, match="already exists"):
            new_place.open()
        with database.write() as session:
            session.execute(text("DROP TABLE rejects"))
    new_place.open().close()


def test_a_database_of_a_newer_version(new_place: Place) -> None:
    new_place.open().close()
    with new_place.database() as database, database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Misconfigured, match=r"revision 9999.*newer glucoflow"):
        new_place.open()


def test_what_is_made_is_for_its_owner_only(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        open_store(tmp_path / "data").close()
    finally:
        os.umask(old)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").iterdir()}
    assert modes == {"glucoflow.db": 0o600, "token.key": 0o600}
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_what_an_earlier_version_left_open_is_closed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    open_store(data).close()
    data.chmod(0o755)
    (data / "glucoflow.db").chmod(0o644)
    open_store(data).close()
    assert stat.S_IMODE((data / "glucoflow.db").stat().st_mode) == 0o600
    assert stat.S_IMODE(data.stat().st_mode) & 0o066 == 0, "nobody can list it; root's node may pass through"


def test_the_file_alone_is_a_whole_copy_once_the_store_is_closed(tmp_path: Path) -> None:
    with open_store(tmp_path / "data") as store, open_store(tmp_path / "data") as reading_on:
        connect(store)
        assert reading_on.people.list()
        store.close()  # as a sync that ends while the pages go on
        backup = tmp_path / "backup"
        backup.mkdir()
        for name in ("glucoflow.db", "token.key"):
            (backup / name).write_bytes((tmp_path / "data" / name).read_bytes())
        with open_store(backup) as copied:
            assert [one.id for one in copied.people.list()] == ["anna"]
            [connection] = copied.connections.list()
            assert copied.credentials.current(connection.id, NOW, _never, margin=timedelta(hours=-1))
            copied.examine()


def test_what_a_killed_process_left_in_the_log_is_brought_into_the_file_by_the_next_one(tmp_path: Path) -> None:
    with open_store(tmp_path / "data") as store:
        connect(store)
        shutil.copytree(tmp_path / "data", tmp_path / "killed")  # what is on the disk when it gets SIGKILL now
    assert (tmp_path / "killed" / "glucoflow.db-wal").stat().st_size > 0
    assert tables_of(tmp_path / "killed" / "glucoflow.db").get("people", 0) == 0, "the file alone holds nothing yet"
    open_store(tmp_path / "killed").close()
    held = tables_of(tmp_path / "killed" / "glucoflow.db")
    assert (held["people"], held["connections"]) == (1, 1)


def test_who_reads_while_a_store_is_closed_only_puts_it_off(tmp_path: Path) -> None:
    new_place = Place(tmp_path, None)
    with open_store(new_place.folder) as pages:
        with new_place.database() as reading, reading.read() as session:
            session.execute(text("SELECT count(*) FROM people")).all()
            with open_store(new_place.folder) as sync:
                connect(sync)
            assert pages.people.list(), "nothing failed, and nothing waits"
        with open_store(new_place.folder):
            pass  # the next sync
        assert tables_of(new_place.folder / "glucoflow.db")["people"] == 1
        assert (new_place.folder / "glucoflow.db-wal").stat().st_size == 0


def test_what_was_deleted_is_not_left_in_the_file(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.people.add("anna", "Somebody With A Name", NOW)
    assert b"Somebody With A Name" in (tmp_path / "glucoflow.db").read_bytes()
    with open_store(tmp_path) as store:
        store.people.delete("anna")
    assert b"Somebody With A Name" not in (tmp_path / "glucoflow.db").read_bytes()


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_file_that_goes_while_it_is_used_is_said(tmp_path: Path, how: str) -> None:
    data = tmp_path / "data"
    other = tmp_path / "other"
    open_store(other).close()
    with open_store(data) as store:
        connect(store)
        file = data / "glucoflow.db"
        if how == "deleted":
            file.unlink()
        else:
            (other / "glucoflow.db").replace(file)
        for _ in range(2):
            with pytest.raises(Unavailable, match=r"deleted or replaced while glucoflow runs.*start again"):
                store.people.list()
    assert file.exists() == (how == "replaced"), "it is not made anew, empty"
    if how == "deleted":
        with pytest.raises(Misconfigured, match="key of an earlier one"):
            open_store(data)


def test_sqlite_survives_power_cuts_and_concurrent_readers(tmp_path: Path) -> None:
    with Place(tmp_path, None).database() as database, database.read() as session:
        pragmas = {name: session.execute(text(f"PRAGMA {name}")).scalar() for name in ("journal_mode", "synchronous")}
        assert pragmas == {"journal_mode": "wal", "synchronous": 2}
        assert session.execute(text("PRAGMA foreign_keys")).scalar() == 1


def test_a_wrong_key_is_an_error_and_no_new_consent(store: Store, place: Place) -> None:
    connection = connect(store)
    with pytest.raises(WrongKey, match="Put the missing key back") as caught:
        open_store(place.folder, url=place.url, token_key=SecretStr(Fernet.generate_key().decode()))
    assert caught.value.exit_code == 78
    assert store.connections.get(connection.id) == connection


def test_a_key_file_that_is_gone_is_not_made_anew(place: Place) -> None:
    place.open().close()
    key = place.folder / "token.key"
    kept = key.read_text()
    key.unlink()
    with pytest.raises(Misconfigured, match="Restore the key from your backup"):
        place.open()
    assert not key.exists()
    assert [path.name for path in place.folder.iterdir() if "key" in path.name] == []
    open_store(place.folder, url=place.url, token_key=SecretStr(kept)).close()


def test_a_new_database_beside_an_old_key_is_refused(new_place: Place) -> None:
    """Somebody deleted the file, or the address is another one: an empty store would look as if all were well."""
    (new_place.folder / "token.key").write_text(Fernet.generate_key().decode())
    for _ in range(2):
        with pytest.raises(Misconfigured, match=r"new and empty.*key of an earlier one.*restore it from your backup"):
            new_place.open()
    assert [path.name for path in new_place.folder.iterdir()] == ["token.key"], "no empty database is left behind"
    kept = (new_place.folder / "token.key").rename(new_place.folder / "kept.key")
    new_place.open().close()
    assert (new_place.folder / "token.key").read_text() != kept.read_text()


def test_a_first_start_that_was_killed_begins_again(new_place: Place) -> None:
    """Killed before its transaction was over, it leaves a draft of a key that opens nothing."""
    draft = new_place.folder / ".token.key.draft"
    draft.write_bytes(Fernet.generate_key())
    with new_place.open() as store:
        store.check()
    assert not draft.exists()


def test_a_first_start_that_was_killed_at_its_end_is_finished(new_place: Place) -> None:
    """Killed between its transaction and the key's name: the draft is the key."""
    new_place.open().close()
    key = new_place.folder / "token.key"
    made = key.read_text()
    key.rename(new_place.folder / ".token.key.draft")
    with new_place.open() as store:
        store.check()
    assert key.read_text() == made
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_key_that_others_could_read_is_closed_to_them(place: Place) -> None:
    place.open().close()
    key = place.folder / "token.key"
    key.chmod(0o644)
    place.open().close()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600


def test_a_malformed_key_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured) as caught:
        open_store(tmp_path, token_key=SecretStr("hunter2"))
    assert "hunter2" not in str(caught.value) + repr(caught.value)


def test_keys_rotate(place: Place) -> None:
    old, new = (Fernet.generate_key().decode() for _ in range(2))

    def opened(*keys: str) -> Store:
        return open_store(place.folder, url=place.url, token_key=SecretStr(",".join(keys)))

    with opened(old) as store:
        connections = [connect(store, user_id) for user_id in ("anna", "ben")]
        run = store.runs.start("sync", NOW)
        for each in connections:
            [taken] = store.leases.claim_due(each.id, NOW, timedelta(minutes=1), 1, each.user_id)
            rejection = RejectedRecord(field="value", reason="null", payload=b'{"value": null}')
            store.ledger(taken.id, run.id, each.id).advance("readings", NOW, Counts(), [rejection], NOW)
    with opened(new, old) as store:
        assert store.credentials.current(connections[0].id, NOW, _never, margin=timedelta(hours=-1))["access"]
        rotated = store.rotate()
        assert (rotated.connections, rotated.rejected_records) == (2, 2)
        assert store.rotate().connections == 0
    with opened(new) as store:
        store.check()
        numbers = [reject.id for reject in store.rejected_records.list()]
        assert {store.rejected_records.payload(number) for number in numbers} == {b'{"value": null}'}
    with pytest.raises(WrongKey):
        opened(old)


def test_a_damaged_file(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    path = tmp_path / "glucoflow.db"
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + os.urandom(8192))
    with pytest.raises(Unavailable, match=r"damaged.*restore the last backup"):
        open_store(tmp_path)
    path.write_bytes(whole[:-4096] + os.urandom(4096))  # in a corner that nothing reads at a start
    with open_store(tmp_path) as store, pytest.raises(Unavailable, match="damaged"):
        store.examine()
    path.write_bytes(b"this is not a database " * 100)
    with pytest.raises(Unavailable, match="damaged"):
        open_store(tmp_path)


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be opened"):
        open_store(tmp_path / "file" / "data")


def test_a_full_disk(tmp_path: Path) -> None:
    with open_store(tmp_path), Place(tmp_path, None).database() as database:
        with pytest.raises(Unavailable, match=r"disk of the database is full.*Free some"):
            # SQLite's own limit raises what a full disk raises
            _execute(database, "PRAGMA max_page_count = 1", "INSERT INTO meta VALUES ('big', zeroblob(1000000))")
        with database.read() as session:
            assert session.execute(text("SELECT count(*) FROM meta")).scalar() == 1


def test_a_read_only_database(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    with Place(tmp_path, None).database() as database, pytest.raises(Unavailable, match="read-only"):
        _execute(database, "PRAGMA query_only = 1", "INSERT INTO meta VALUES ('x', 'y')")


def test_a_locked_database(tmp_path: Path) -> None:
    open_store(tmp_path).close()
    other = sqlite3.connect(tmp_path / "glucoflow.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with Place(tmp_path, None).database(busy_seconds=0.1) as database:
        with pytest.raises(Unavailable, match="locked"), database.write() as session:
            session.execute(text("SELECT 1"))  # a writer takes the lock at its first statement, whatever that is
        with database.read() as session:  # readers go on
            assert session.execute(text("SELECT count(*) FROM meta")).scalar() == 1
    other.close()


def test_postgres_that_refuses_or_is_not_there(postgres: Server, tmp_path: Path) -> None:
    for url, what in (
        (postgres.url("postgres", "wrong-secret"), "PostgreSQL refused the password"),
        (postgres.url("nowhere"), "PostgreSQL refused the database name"),
    ):
        with pytest.raises(Misconfigured, match=what) as refused:
            open_store(tmp_path, url=SecretStr(url))
        assert "wrong-secret" not in repr(refused.value) + str(refused.value)
    with pytest.raises(Unavailable, match=r"cannot be reached.*GLUCOFLOW_DATABASE_URL"):
        open_store(tmp_path, url=SecretStr("postgresql://gluco:secret@127.0.0.1:1/x"))


@pytest.mark.parametrize(
    "url", ["mysql://me:secret-word@host/db", "secret-word", "postgresql://me:secret-word@host:x/db"]
)
def test_an_address_that_cannot_be_used(url: str, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="Use postgresql://") as caught:
        open_store(tmp_path, url=SecretStr(url))
    assert "secret-word" not in str(caught.value) + repr(caught.value)


def _execute(database: Database, *statements: str) -> None:
    with database.write() as session:
        for statement in statements:
            session.execute(text(statement))


def _never(_credentials: Credentials, _now: datetime) -> Credentials:
    raise AssertionError
