"""Backups made and restored, and the store carried to another database, with progress for whoever watches."""

from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Literal

from pydantic import SecretStr
from rich.progress import Progress, TaskID

from glucoflow.age import Opening
from glucoflow.backup.checking import check_backup
from glucoflow.backup.contents import OnStep
from glucoflow.backup.passphrases import passphrase_of
from glucoflow.backup.restoring import Place, Restored, restore
from glucoflow.backup.running import backup_now
from glucoflow.cli.backups import ask, can_ask
from glucoflow.cli.console import bars, say
from glucoflow.cli.own_node import node_for_a_while
from glucoflow.es.names import Names
from glucoflow.model.errors import Misconfigured
from glucoflow.model.words import count
from glucoflow.provider import ENV_FILE
from glucoflow.service import running
from glucoflow.service.runtime import elasticsearch_of, open_runtime
from glucoflow.settings import BackupSettings, Settings, StoreSettings
from glucoflow.store.copying import copy_store, refuse_busy
from glucoflow.store.database import SQLITE_FILE, Database, database_url, sqlite_url
from glucoflow.store.keys import Keys
from glucoflow.store.opening import open_store


def make(settings: Settings, to: Path | None, passphrase_file: Path | None, check: bool) -> None:
    """Make a backup, and say where it is."""
    passphrase = _passphrase(settings.backup, passphrase_file, new=True)
    if to is not None:
        settings = settings.model_copy(update={"backup": settings.backup.model_copy(update={"dir": to})})
    with (
        bars() as progress,
        node_for_a_while(settings, progress),
        open_runtime(settings) as rt,
    ):
        done = backup_now(rt, passphrase, rt.clock(), check=check, on_step=_steps(progress))
    for sentence in done.sentences():
        say(sentence)
    if done.made.path.resolve().is_relative_to(settings.store.data_dir.resolve()):
        say("It lies on the same disk as the data: copy it somewhere else, and keep the passphrase there, too.")


def put_back(settings: Settings, file: Path, passphrase_file: Path | None, check: bool) -> None:
    """Restore a backup, or only try it out, and say what came."""
    passphrase = _passphrase_of(settings.backup, file, passphrase_file)
    data_dir = settings.store.data_dir
    lock = nullcontext() if check else running.only_one(data_dir)
    with lock, bars() as progress, node_for_a_while(settings, progress, locked=not check):
        names = Names.below(settings.es.index)
        with closing(elasticsearch_of(settings.es, settings.store)) as client:
            if check:
                done = check_backup(
                    file, passphrase, data_dir, client, names, _steps(progress), settings.backup.snapshot_repository
                )
            else:
                place = Place(
                    data_dir=data_dir,
                    database_url=settings.store.database_url,
                    token_key=settings.store.token_key,
                    client=client,
                    names=names,
                    env_file=ENV_FILE,
                    repository=settings.backup.snapshot_repository,
                )
                done = restore(file, passphrase, place, _steps(progress))
    _say_restored(done, check)


def copy_now(settings: Settings, to: Literal["postgresql", "sqlite"]) -> None:
    """Carry the store to the other database."""
    store = settings.store
    other = database_url(store.database_url, store.data_dir)
    if other.get_backend_name() != "postgresql":
        raise Misconfigured(
            "GLUCOFLOW_DATABASE_URL names no PostgreSQL.",
            remedy="Set it in .env to postgresql://user:password@host:5432/database, also to copy from there.",
        )
    here = sqlite_url(store.data_dir / SQLITE_FILE)
    first, second = (here, other) if to == "postgresql" else (other, here)
    with running.only_one(store.data_dir), bars() as progress:
        _bring_up_to_date(store, to)
        with closing(Database(first)) as source, closing(Database(second)) as target:
            for database, what in ((source, "the store"), (target, "the database that is to be filled")):
                refuse_busy(database, what)
            bar = progress.add_task("rows", total=None)
            copied = copy_store(
                source, target, Keys(store.token_key, store.data_dir).cipher(), partial(_show_rows, progress, bar)
            )
    rows = sum(one.rows for one in copied)
    where = "PostgreSQL" if to == "postgresql" else here.database
    say(f"{rows:,} rows of {len(copied)} tables are in {where} now, and were compared.")
    if to == "postgresql":
        say(f"From now on the store is at GLUCOFLOW_DATABASE_URL. {here.database} is as it was: move it away.")
    else:
        say("Remove GLUCOFLOW_DATABASE_URL from .env now. PostgreSQL's database is as it was.")


def _bring_up_to_date(store: StoreSettings, to: Literal["postgresql", "sqlite"]) -> None:
    """The source, by its own migrations. Raises Misconfigured where there is none."""
    if to == "postgresql" and not (store.data_dir / SQLITE_FILE).exists():
        raise Misconfigured(f"There is no store in {store.data_dir.resolve()}.", remedy="Correct GLUCOFLOW_DATA_DIR.")
    open_store(
        store.data_dir, url=None if to == "postgresql" else store.database_url, token_key=store.token_key
    ).close()


def _passphrase(settings: BackupSettings, file: Path | None, *, new: bool) -> SecretStr:
    return passphrase_of(settings, file, partial(ask, new) if can_ask() else None, new=new)


def _passphrase_of(settings: BackupSettings, backup: Path, file: Path | None) -> SecretStr:
    """The same for a backup that is there. On another machine the settings have another one: then it is asked for."""
    found = _passphrase(settings, file, new=False)
    if file is not None or not settings.scheduled or not can_ask():
        return found
    try:
        with backup.open("rb") as source:
            Opening(source, found)
    except OSError:  # said where it is read
        return found
    except Misconfigured:
        say("The passphrase of the settings is not the one of this backup.", error=True)
        return SecretStr(ask(False))
    return found


def _steps(progress: Progress) -> OnStep:
    """A bar a step."""
    shown: dict[str, TaskID] = {}

    def show(what: str, done: int, of: int) -> None:
        if what not in shown:
            shown[what] = progress.add_task(what, total=None)
        progress.update(shown[what], completed=done, total=of or None, description=f"{what} {done:,}")

    return show


def _show_rows(progress: Progress, bar: TaskID, table: str, rows: int) -> None:
    progress.update(bar, completed=rows, description=f"{table} {rows:,}")


def _say_restored(done: Restored, check: bool) -> None:
    manifest = done.manifest
    people, documents = count(len(manifest.people), "person", "people"), count(done.documents, "document")
    made = f"made {manifest.made_at:%Y-%m-%d %H:%M} UTC by glucoflow {manifest.version}"
    if check:
        say(f"The backup is good ({made}): {people} and {documents} came back as they were, and every secret opens.")
        return
    say(f"Restored: {people} and {documents}, compared; the backup was {made}.")
    if done.settings is not None:
        say(f"Its settings are in {done.settings}: look through it. Lines that named places of before are comments.")
    say("Start glucoflow now: syncs go on from where they were.")
