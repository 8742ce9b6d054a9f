"""A store carried between SQLite and PostgreSQL arrives as it was, and only where nobody is."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from sqlalchemy import Connection, delete, func, insert, select, text

from glucoflow.model.errors import Fatal, Misconfigured, Unavailable
from glucoflow.store import WrongKey, open_store
from glucoflow.store.access_tables import AuditRow
from glucoflow.store.copying import contents, copy_store, refuse_busy, snapshot
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import Database
from glucoflow.store.migrate import HEAD
from glucoflow.store.tables import Base, ExclusionRow
from tests.store.conftest import Place
from tests.store.filled import NOW, fill

KEY = SecretStr(Fernet.generate_key().decode())
CIPHER = Cipher([KEY])


@pytest.fixture
def filled(place: Place) -> Iterator[Database]:
    open_store(place.folder, url=place.url, token_key=KEY).close()
    with place.database() as database:
        with database.connect() as connection, connection.begin():
            fill(connection)
        yield database


@contextmanager
def sqlite(path: Path) -> Iterator[Database]:
    database = Database.in_file(path)
    yield database
    database.close()


def all_of(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    """Every value of every row, as the application gets it."""
    return {
        name: sorted((tuple(row) for row in connection.execute(select(table))), key=repr)
        for name, table in Base.metadata.tables.items()
    }


def test_every_row_of_every_table_arrives(filled: Database, tmp_path: Path) -> None:
    with sqlite(tmp_path / "copy.db") as target:
        copied = copy_store(filled, target, CIPHER)
        with filled.read() as here, target.read() as there:
            held = all_of(here.connection())
            assert all_of(there.connection()) == held
    assert {one.name: one.rows for one in copied} == {name: len(rows) for name, rows in held.items()}
    assert min(len(rows) for name, rows in held.items() if name != "meta") == 3


def test_a_snapshot_is_one_file_that_opens_by_itself(filled: Database, tmp_path: Path) -> None:
    there = tmp_path / "snapshot" / "glucoflow.db"
    there.parent.mkdir()
    snapshot(filled, there, CIPHER)
    assert there.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in there.parent.iterdir()] == ["glucoflow.db"]
    with sqlite(there) as target, filled.read() as here, target.read() as copy:
        assert all_of(copy.connection()) == all_of(here.connection())
    open_store(there.parent, token_key=KEY).close()


@pytest.mark.parametrize("new_place", ["postgresql"], indirect=True)
def test_from_sqlite_to_postgresql_new_rows_get_new_ids(new_place: Place, tmp_path: Path) -> None:
    with sqlite(tmp_path / "source.db") as source, new_place.database() as target:
        open_store(tmp_path, url=SecretStr(f"sqlite:///{tmp_path}/source.db"), token_key=KEY).close()
        with source.connect() as connection, connection.begin():
            fill(connection)
        copy_store(source, target, CIPHER)
        with target.write() as session:
            more = {"at": NOW, "who": "x", "action": "a", "what": "", "place": "", "times": 1}
            session.execute(insert(AuditRow).values(more))
            undone = {"user_id": session.scalar(select(Base.metadata.tables["people"].c.id)), "reason": "r"}
            session.execute(insert(ExclusionRow).values(start=NOW, end=NOW, created_at=NOW, **undone))
            assert session.scalar(select(func.count()).select_from(AuditRow)) == 4


def test_who_is_there_already_stays(filled: Database, tmp_path: Path) -> None:
    with sqlite(tmp_path / "copy.db") as target:
        copy_store(filled, target, CIPHER)
        with target.read() as session:
            before = all_of(session.connection())
        with pytest.raises(Misconfigured, match="in use"):
            copy_store(filled, target, CIPHER)
        with target.read() as session:
            assert all_of(session.connection()) == before


def test_an_unused_installation_is_filled(filled: Database, tmp_path: Path) -> None:
    """As compose leaves one: migrated, with a key of its own, and nobody in it."""
    other = SecretStr(Fernet.generate_key().decode())
    open_store(tmp_path / "new", token_key=other).close()
    with sqlite(tmp_path / "new" / "glucoflow.db") as target:
        copy_store(filled, target, CIPHER)
    open_store(tmp_path / "new", token_key=KEY).close()
    with pytest.raises(WrongKey):
        open_store(tmp_path / "new", token_key=other)


def test_a_difference_keeps_nothing(filled: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target that changes a value on its way, as a trigger may."""
    with sqlite(tmp_path / "copy.db") as target:
        open_store(tmp_path, url=SecretStr(f"sqlite:///{tmp_path}/copy.db"), token_key=KEY).close()
        with target.connect() as connection, connection.begin():
            connection.execute(
                text("CREATE TRIGGER t AFTER INSERT ON runs BEGIN UPDATE runs SET message = 'x' WHERE id = NEW.id; END")
            )
        with pytest.raises(Fatal, match="table runs"):
            copy_store(filled, target, CIPHER)
        with target.read() as session:
            assert contents(session.connection(), Base.metadata.tables["people"]).rows == 0


def test_the_key_of_another_store_copies_nothing(filled: Database, tmp_path: Path) -> None:
    with sqlite(tmp_path / "copy.db") as target, pytest.raises(WrongKey):
        copy_store(filled, target, Cipher([SecretStr(Fernet.generate_key().decode())]))


def test_a_store_of_another_version_is_not_copied(filled: Database, tmp_path: Path) -> None:
    with filled.connect() as connection, connection.begin():
        connection.execute(text("UPDATE alembic_version SET version_num = '0002'"))
    try:
        with sqlite(tmp_path / "copy.db") as target, pytest.raises(Misconfigured, match="revision 0002"):
            copy_store(filled, target, CIPHER)
    finally:
        with filled.connect() as connection, connection.begin():
            connection.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": HEAD})


def test_whoever_else_works_on_it_is_seen(filled: Database, place: Place) -> None:
    refuse_busy(filled, "the store")
    with place.database() as other, other.read() as session:
        session.execute(select(func.count()).select_from(AuditRow))
        with pytest.raises(Unavailable, match="works on"):
            refuse_busy(filled, "the store")
    refuse_busy(filled, "the store")


def test_what_is_being_written_is_in_the_snapshot_whole_or_not_at_all(filled: Database, tmp_path: Path) -> None:
    with filled.write() as session:
        session.execute(delete(AuditRow))
        if filled.is_postgres:  # on SQLite readers see what was before, likewise
            snapshot(filled, tmp_path / "during.db", CIPHER)
    snapshot(filled, tmp_path / "after.db", CIPHER)
    audit = Base.metadata.tables["audit"]
    with sqlite(tmp_path / "after.db") as copy, copy.read() as read:
        assert contents(read.connection(), audit).rows == 0
    if filled.is_postgres:
        with sqlite(tmp_path / "during.db") as copy, copy.read() as read:
            assert contents(read.connection(), audit).rows == 3
