"""A backup as its user has it: made while all works, restored elsewhere, and everything goes on from there."""

import os
import pty
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from pydantic import SecretStr

from glucoflow.backup.checking import remove_all, trial_names
from glucoflow.backup.making import make_backup
from glucoflow.backup.running import source_of
from glucoflow.cli.syncing import sync_now
from glucoflow.es.names import Names
from glucoflow.es.scan import scan
from glucoflow.service.runtime import elasticsearch_of, open_runtime, store_of
from glucoflow.service.sync import REFILLED
from glucoflow.settings import Settings
from glucoflow.store import WrongKey, open_store
from tests.cli.conftest import OURS, Cloud, Command, running_cloud
from tests.node import Node
from tests.postgres import Server
from tests.prefixes import own_prefix
from tests.workers import own_name

ROOT = Path(__file__).parents[2]
PASSPHRASE = "a sentence of our own"
SECRET = {"BACKUP_PASSPHRASE": PASSPHRASE}
ELSEWHERE = f"elsewhere-{own_name()}-"


class Home(NamedTuple):
    """Where Alma lives: the folder, the environment, her cloud, her backup, and what is indexed of her."""

    folder: Path
    environment: Mapping[str, str]
    cloud: Cloud
    backup: Path
    held: dict[str, bytes]


@pytest.fixture(scope="module")
def home(elasticsearch_node: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Made once: she is connected and synced, each sync steps back by a day, and there is a backup."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (folder / ".env").write_text("DEXCOM_LAG_DAYS=1\nDEXCOM_DEEP_LAG_DAYS=1\nGLUCOFLOW_DATA_DIR=data\n")
        with own_prefix(elasticsearch_node) as prefix, running_cloud(patch, elasticsearch_node, prefix) as cloud:
            cloud.clock.set(cloud.began - timedelta(hours=6))
            settings = Settings.load()
            assert sync_now(settings, None) == 0
            with open_runtime(settings) as rt:
                made = make_backup(source_of(rt), folder / "made", SecretStr(PASSPHRASE), rt.clock(), work=10)
            environment = {name: value for name, value in os.environ.items() if name.startswith(OURS)}
            yield Home(folder, environment, cloud, made.path, documents())
            patch.chdir(folder)
            for name, value in environment.items():
                patch.setenv(name, value)


def settle(clean: pytest.MonkeyPatch, home: Home, folder: Path) -> None:
    """Be in a folder, with the environment of her home."""
    clean.chdir(folder)
    for name, value in home.environment.items():
        clean.setenv(name, value)


@pytest.fixture
def here(home: Home, command: Command, clean: pytest.MonkeyPatch) -> Command:
    """Commands where she lives."""
    settle(clean, home, home.folder)
    return command


@pytest.fixture
def elsewhere(home: Home, command: Command, clean: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Another machine: an empty home, and an Elasticsearch that has nothing of hers."""
    settle(clean, home, tmp_path)
    clean.setenv("ES_INDEX", ELSEWHERE)
    yield tmp_path
    with closing(elasticsearch_of(Settings.load().es, Settings.load().store)) as client:
        remove_all(client, Names.below(ELSEWHERE))


@pytest.fixture
def file(home: Home, tmp_path: Path) -> str:
    """Her backup, as it was carried there."""
    return str(shutil.copy(home.backup, tmp_path / home.backup.name))


def documents() -> dict[str, bytes]:
    """All that is indexed of Alma, byte for byte."""
    with open_runtime(Settings.load()) as rt:
        rt.client.indices.refresh(index=rt.names.alias("alma"))
        return {hit.id: bytes(hit.source) for hit in scan(rt.client, rt.names.alias("alma"))}


def indices(pattern: str) -> list[str]:
    """Names of those that are there."""
    with closing(elasticsearch_of(Settings.load().es, Settings.load().store)) as client:
        return list(client.indices.get(index=pattern))


def read_until() -> datetime:
    """How far Alma's readings are."""
    with store_of(Settings.load().store) as store:
        [alma] = store.connections.list()
        [readings] = [one for one in store.connections.checkpoints(alma.id) if one.kind == "readings"]
    return readings.position


def test_everything_goes_on_from_there(home: Home, file: str, elsewhere: Path, command: Command) -> None:
    done = command("restore", file, **SECRET)
    assert done.code == 0, done.err
    assert documents() == home.held
    assert len(home.held) > 500
    for name in ("data/token.key", "data/glucoflow.db", ".env"):
        assert (elsewhere / name).stat().st_mode & 0o777 == 0o600
    settings = (elsewhere / ".env").read_text()
    assert settings.startswith("DEXCOM_LAG_DAYS=1\nDEXCOM_DEEP_LAG_DAYS=1\n# (before) GLUCOFLOW_DATA_DIR=data\n")
    assert "DEXCOM_CLIENT_SECRET='kept-between-us'" in settings, "of the environment"

    until, asked_before = read_until(), len(home.cloud.sim.requests)
    home.cloud.clock.set(home.cloud.began)
    said = command("sync", "--user", "alma")
    assert said.code == 0, said.err
    assert read_until() > until, "the token opens, and what is new comes"
    windows = [one.query["startDate"] for one in home.cloud.sim.requests[asked_before:] if one.path.endswith("egvs")]
    assert windows
    assert min(map(datetime.fromisoformat, windows)).replace(tzinfo=UTC) >= until - timedelta(days=1, hours=1)
    with store_of(Settings.load().store) as store:
        assert not any(REFILLED in run.message for run in store.runs.list()), "the checkpoints speak of this index"
    now = documents()
    assert home.held.keys() <= now.keys()

    again = command("restore", file, **SECRET)
    assert (again.code, "in use" in again.err) == (78, True), "twice is once too often"
    assert documents() == now


def test_into_postgresql_and_a_key_of_its_own(
    file: str, elsewhere: Path, command: Command, clean: pytest.MonkeyPatch, postgres: Server
) -> None:
    """As compose has it: a database that was provisioned and is not used, and the key of its .env."""
    name = f"restored_{own_name().replace('-', '_')}"
    postgres.execute(f"CREATE DATABASE {name}")
    try:
        with clean.context() as patch:
            patch.setenv("GLUCOFLOW_DATABASE_URL", postgres.url(name))
            patch.setenv("GLUCOFLOW_TOKEN_KEY", command("keys", "new").out.strip())
            assert command("provision").code == 0
            done = command("restore", file, **SECRET)
            assert done.code == 0, done.err
            assert command("sync", "--user", "alma").code == 0
            assert not (elsewhere / "data" / "token.key").exists()
            patch.setenv("GLUCOFLOW_TOKEN_KEY", command("keys", "new").out.strip())
            with pytest.raises(WrongKey):
                store_of(Settings.load().store)
    finally:
        postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_where_nobody_may_write_beside_the_program_and_where_a_disk_is_full(
    home: Home, file: str, elsewhere: Path, command: Command, clean: pytest.MonkeyPatch
) -> None:
    """As in a container: the settings go beside the data."""
    clean.setenv("GLUCOFLOW_DATA_DIR", str(elsewhere / "data"))
    clean.chdir("/proc")
    with longest_file(40_000):
        said = command("restore", file, **SECRET)
    assert said.code == 69, said.err
    assert "restore" in said.err
    assert not (elsewhere / "data" / "glucoflow.db").exists() or not people_of(elsewhere / "data")
    done = command("restore", file, **SECRET)
    assert done.code == 0, done.err
    beside = elsewhere / "data" / "settings-of-backup.env"
    assert str(beside) in done.out.replace("\n", "")
    assert beside.read_text().startswith("DEXCOM_LAG_DAYS=1")
    assert beside.stat().st_mode & 0o777 == 0o600
    assert documents() == home.held


def people_of(data_dir: Path) -> int:
    with open_store(data_dir) as store:
        return len(store.people.list())


def test_it_is_tried_out_and_nothing_of_that_stays(home: Home, here: Command) -> None:
    tried = here("restore", str(home.backup), "--check", **SECRET)
    assert tried.code == 0, tried.err
    assert f"{len(home.held):,} documents came back as they were" in tried.out
    assert indices(trial_names(Names.below(Settings.load().es.index)).pattern) == []
    assert not [one for one in Path("data").iterdir() if one.name.startswith(".backup-")]


def truncated(text: bytes) -> bytes:
    return text[: len(text) // 2]


def without_its_last_chunk(text: bytes) -> bytes:
    """Cut exactly between two chunks, where every byte that is left is right."""
    first = text.index(b"\n", text.index(b"\n--- ") + 1) + 1 + 16
    whole = (len(text) - first - 1) // (65_536 + 16)
    assert whole >= 1
    return text[: first + whole * (65_536 + 16)]


def changed(text: bytes) -> bytes:
    middle = len(text) // 2
    return text[:middle] + bytes([text[middle] ^ 1]) + text[middle + 1 :]


def emptied(_text: bytes) -> bytes:
    return b""


@pytest.mark.parametrize("spoil", [truncated, without_its_last_chunk, changed, emptied])
def test_a_damaged_one_changes_nothing(
    spoil: Callable[[bytes], bytes], file: str, elsewhere: Path, command: Command
) -> None:
    Path(file).write_bytes(spoil(Path(file).read_bytes()))
    said = command("restore", file, **SECRET)
    assert said.code == 65
    assert "cut short or changed" in said.err or "no file that is encrypted" in said.err
    assert_untouched(elsewhere)


def assert_untouched(home: Path) -> None:
    assert sorted(one.name for one in (home / "data").iterdir()) in (["backup.lock", "running.lock"], ["running.lock"])
    assert not (home / ".env").exists()
    assert indices(f"{ELSEWHERE}*") == []


def test_a_wrong_passphrase_and_none(file: str, elsewhere: Path, command: Command) -> None:
    said = command("restore", file, BACKUP_PASSPHRASE="not this sentence")
    assert said.code == 78
    assert "passphrase is not the one" in said.err
    said = command("restore", file)
    assert said.code == 78
    assert "--passphrase-file" in said.err
    Path("short").write_text("tooshort\n")
    said = command("backup", "--passphrase-file", "short")
    assert said.code == 78
    assert "at least 12" in said.err
    assert command("restore", "nowhere.age", **SECRET).code == 69
    assert command("restore", file, "--passphrase-file", "nowhere").code == 78
    assert_untouched(elsewhere)
    Path("right").write_text(PASSPHRASE + "\n")
    assert command("restore", file, "--passphrase-file", "right").code == 0


def test_the_passphrase_of_another_machine_is_asked_for(file: str, elsewhere: Path) -> None:
    """Where somebody sits at a terminal, and the settings have a new one."""
    pid, terminal = pty.fork()
    if pid == 0:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "BACKUP_PASSPHRASE": "one of this machine's own"}
        os.execve(sys.executable, [sys.executable, "-m", "glucoflow", "restore", file], environment)
    said, answered = b"", False
    with suppress(OSError):  # how a terminal ends
        while part := os.read(terminal, 4096):
            said += part
            if not answered and b"Passphrase of the backup: " in said:  # the blank comes once nothing is echoed
                answered = bool(os.write(terminal, PASSPHRASE.encode() + b"\n"))
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, said
    assert b"is not the one of this backup" in said
    assert PASSPHRASE.encode() not in said
    assert (elsewhere / "data" / "glucoflow.db").exists()


@pytest.mark.parametrize("point", ["documents", "store"])
def test_one_that_was_killed_begins_anew(point: str, home: Home, file: str, elsewhere: Path, command: Command) -> None:
    killed = subprocess.run(
        [sys.executable, "-m", "tests.cli.killed_restore", point, file],
        env={**os.environ, **SECRET, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert indices(f"{ELSEWHERE}alma-*") == [f"{ELSEWHERE}alma-000001"], "it had begun"
    done = command("restore", file, **SECRET)
    assert done.code == 0, done.err
    assert documents() == home.held
    assert [one.name for one in (elsewhere / "data").iterdir() if one.name.startswith(".")] == []


def test_what_is_there_is_a_clear_no(home: Home, here: Command) -> None:
    """Where it was made: people, a key, an index."""
    for words, put_away in (("in use", "glucoflow.db"), ("key of an earlier one", "token.key"), ("1 of the 1", "")):
        said = here("restore", str(home.backup), **SECRET)
        assert said.code == 78
        assert words in said.err
        if put_away:
            Path("data", put_away).rename(put_away)
    for name in ("glucoflow.db", "token.key"):
        Path(name).rename(Path("data", name))
    assert read_until()
    assert documents() == home.held


def test_a_folder_that_cannot_be_written_and_a_disk_that_is_full(here: Command) -> None:
    said = here("backup", "--to", "/proc/nowhere", **SECRET)
    assert said.code == 69
    assert "cannot be written to /proc/nowhere" in said.err
    Path("data/simulator.json").write_bytes(os.urandom(2_000_000))
    for room in (40_000, 1_000_000):  # bytes a file may have: less than the copy of the store, and than the backup
        with longest_file(room):
            said = here("backup", "--to", "full", **SECRET)
        assert said.code == 69, said.err
        assert "disk" in said.err or "cannot be written to full" in said.err
        assert list(Path("full").iterdir()) == []
    Path("data/simulator.json").unlink()


def test_a_repository_that_is_not_there_is_said(here: Command) -> None:
    """By the backup, of which nothing is left, and by the doctor."""
    said = here("backup", "--to", "nowhere", BACKUP_SNAPSHOT_REPOSITORY="nowhere", **SECRET)
    assert (said.code, "no snapshot repository called nowhere" in said.err) == (78, True), said.err
    assert not list(Path("nowhere").glob("*.age*"))
    assert "no snapshot repository called nowhere" in here("doctor", BACKUP_SNAPSHOT_REPOSITORY="nowhere").out


@contextmanager
def longest_file(size: int) -> Iterator[None]:
    """No file grows beyond this size meanwhile: writing fails, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_one_at_a_time_and_what_a_killed_one_left_goes(here: Command) -> None:
    folder = Path("data/backups")
    folder.mkdir()
    (folder / "glucoflow-20200101T000000Z.age.part").write_bytes(b"half")
    (Path("data") / ".backup-left").mkdir()
    (folder / "mine.age").touch()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(Path("data/backup.lock").resolve())], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        said = here("backup", **SECRET)
        assert said.code == 69
        assert "just being made" in said.err
        process.kill()
    made = here("backup", **SECRET)
    assert made.code == 0, made.err
    assert "1 person" in made.out
    assert "somewhere else" in made.out
    mine, ours = sorted(folder.iterdir(), reverse=True)
    assert mine.name == "mine.age"
    assert ours.stat().st_mode & 0o777 == 0o600
    assert not (Path("data") / ".backup-left").exists()


HOLD = """
import fcntl, sys, time
lock = open(sys.argv[1], "a")
fcntl.flock(lock, fcntl.LOCK_EX)
print(flush=True)
time.sleep(100)
"""


def test_the_store_goes_to_postgresql_and_back(
    here: Command, clean: pytest.MonkeyPatch, postgres: Server, tmp_path: Path
) -> None:
    name = f"moved_{own_name().replace('-', '_')}"
    postgres.execute(f"CREATE DATABASE {name}")
    try:
        assert here("store", "copy", "--to", "postgresql").code == 78, "no address is set"
        with clean.context() as patch:
            patch.setenv("GLUCOFLOW_DATABASE_URL", postgres.url(name))
            done = here("store", "copy", "--to", "postgresql")
            assert done.code == 0, done.err
            assert "were compared" in done.out
            again = here("store", "copy", "--to", "postgresql")
            assert (again.code, "in use" in again.err) == (78, True)
            assert here("sync", "--user", "alma").code == 0
            Path("data/glucoflow.db").rename(tmp_path / "before.db")
            with store_of(Settings.load().store) as busy:
                busy.people.list()
                said = here("store", "copy", "--to", "sqlite")
                assert (said.code, "works on" in said.err) == (69, True)
            done = here("store", "copy", "--to", "sqlite")
            assert done.code == 0, done.err
        assert here("sync", "--user", "alma").code == 0
    finally:
        postgres.execute(f"DROP DATABASE {name} WITH (FORCE)")
