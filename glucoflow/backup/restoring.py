"""Puts a backup into an empty place: all of it, or nothing that anybody would take for the whole.

1. It is read to its end: a damaged one, or a wrong passphrase, changes nothing.
2. The place is looked at: whoever is there already is a clear no.
3. Documents go into indices that are marked as being restored and compared with what the backup says of them; those of
   a snapshot are brought back by Elasticsearch, and counted.
4. Keys and store follow in one transaction, then the marks go.
One that broke off before 4 is simply begun anew: what it left in Elasticsearch bears its mark.
"""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec
from elasticsearch import Elasticsearch
from pydantic import SecretStr

from glucoflow.backup import contents
from glucoflow.backup.contents import Counted, Manifest, Member, OnStep, look_into, members, whose
from glucoflow.backup.kept_settings import as_restored, lay_down
from glucoflow.backup.making import HOME_FILES, SNAPSHOT, one_at_a_time, working_folder
from glucoflow.es import copies, snapshots
from glucoflow.es.copies import Line
from glucoflow.es.error_translation import translated
from glucoflow.es.names import GENERATION, Names
from glucoflow.es.provision import ensure_runs, provision
from glucoflow.es.provision import place as place_of
from glucoflow.files import private
from glucoflow.model.errors import Fatal, Misconfigured, Unavailable
from glucoflow.store import open_store
from glucoflow.store.copying import copy_store, refuse_busy, refuse_used
from glucoflow.store.crypto import Cipher
from glucoflow.store.database import SQLITE_FILE, Database, database_url, is_missing
from glucoflow.store.keys import Keys
from glucoflow.store.migrate import canary


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where to: as the settings say. `env_file` is where settings go; None for nowhere.

    `repository` is what the repository of the backup's snapshot is called here; None: as it was.
    """

    data_dir: Path
    database_url: SecretStr | None
    token_key: SecretStr | None
    client: Elasticsearch
    names: Names
    env_file: Path | None
    repository: str | None = None


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What was restored. `settings` is the file that its settings are in, if there were any to lay down."""

    manifest: Manifest
    documents: int
    settings: Path | None


def restore(
    file: Path, passphrase: SecretStr, place: Place, on_step: OnStep = lambda _what, _done, _all: None
) -> Restored:
    """Put the backup into the place, which must be empty. Nothing else may work there, which the caller sees to.

    Raises UnreadableFile, Misconfigured (wrong passphrase, a place in use), Unavailable, and what Elasticsearch and the
    store raise.
    """
    with _opened(file) as source, _explained(place.data_dir), one_at_a_time(place.data_dir):
        manifest, counted = look_into(source, passphrase, on_step)
        refuse_used_place(place, manifest)
        source.seek(0)
        with working_folder(place.data_dir) as folder:
            return _Restoring(place, manifest, counted, folder, on_step).run(source, passphrase)


def refuse_used_place(place: Place, manifest: Manifest) -> None:
    """Raises Misconfigured where somebody is there already, Unavailable where something runs."""
    url = database_url(place.database_url, place.data_dir)
    keys = Keys(place.token_key, place.data_dir)
    if is_missing(url):
        keys.refuse_old()
    else:
        with closing(Database(url)) as database:
            refuse_busy(database, "the database that is to be filled")
            with database.connect() as connection:
                refuse_used(connection)
                found = canary(connection)
        if found is not None:
            keys.of_store(found)
        else:
            keys.refuse_old()
    half, others = copies.unfinished(place.client, place.names, manifest.id)
    there = {place.names.user_of(one.name) for one in others} & set(manifest.people)
    begun = {place.names.user_of(one.name) for one in half}
    with translated("look for a name"):  # of an index that many share, which nobody's id is in the name of
        there |= {
            user_id
            for user_id in set(manifest.people) - begun
            if place.client.indices.exists_alias(name=place.names.alias(user_id))
        }
    if manifest.snapshot is not None:
        snapshots.look_at(place.client, manifest.snapshot, place.repository or manifest.snapshot.repository)
        taken = {one.name for one in others}
        for one in manifest.snapshot.indices:
            if manifest.snapshot.restored_name(one.index, place.names) in taken:
                there |= set(one.people)
    if there:
        raise Misconfigured(
            f"Elasticsearch has an index of {len(there)} of the {len(manifest.people)} people of this backup already.",
            remedy="A backup is restored into an empty place only. Use another Elasticsearch or ES_INDEX; or, if what "
            "is there may go, delete it with `glucoflow delete-user`. Nothing was changed.",
        )


class _Restoring:
    """One restore, second reading."""

    def __init__(
        self, place: Place, manifest: Manifest, counted: Mapping[str, Counted], folder: Path, on_step: OnStep
    ) -> None:
        self._place = place
        self._manifest = manifest
        self._counted = counted
        self._folder = folder
        self._on_step = on_step
        self._key = SecretStr("")
        self._settings = ""
        self._filled: dict[str, str] = {}
        self._brought_back: list[str] = []

    def run(self, file: BinaryIO, passphrase: SecretStr) -> Restored:
        place, snapshot = self._place, self._manifest.snapshot
        half, _ = copies.unfinished(place.client, place.names, self._manifest.id)
        copies.discard(place.client, half)
        provision(place.client, place.names)
        self._bring_back()
        for member in members(file, passphrase):
            self._take(member)
        for user_id, index in self._filled.items():
            lineage = self._manifest.lineages.get(user_id)
            copies.put_in_use(place.client, index, place.names.alias(user_id), lineage)
        self._name_brought_back()
        for name in HOME_FILES:
            if (self._folder / name).exists() and not (place.data_dir / name).exists():
                shutil.move(self._folder / name, place.data_dir / name)
        self._place_store()
        copies.finish(place.client, [*self._filled.values(), *self._brought_back])
        return Restored(
            manifest=self._manifest,
            documents=sum(one.documents for one in self._counted.values()) + (snapshot.documents if snapshot else 0),
            settings=self._place_settings(),
        )

    def _bring_back(self) -> None:
        """Whole indices, where a snapshot has them."""
        place, snapshot = self._place, self._manifest.snapshot
        if snapshot is None:
            return
        self._on_step(SNAPSHOT, 0, snapshot.documents)
        repository = place.repository or snapshot.repository
        self._brought_back = snapshots.bring_back(place.client, snapshot, repository, place.names, self._manifest.id)
        for index in self._brought_back:
            copies.mark(place.client, index, self._manifest.id)
        self._on_step(SNAPSHOT, snapshot.documents, snapshot.documents)

    def _name_brought_back(self) -> None:
        """Each by the person whose it is, or, of one that many share, by all of them."""
        place, snapshot = self._place, self._manifest.snapshot
        if snapshot is None:
            return
        for one in snapshot.indices:
            index = snapshot.restored_name(one.index, place.names)
            alias = GENERATION.sub("", index)
            theirs = [place_of(who, place.names.alias(who), index) for who in one.people] if one.shared else []
            copies.put_in_use(place.client, index, alias, one.lineage, theirs)

    def _take(self, member: Member) -> None:
        if member.name == contents.KEY:
            self._key = SecretStr(member.text().decode())
        elif member.name == contents.SETTINGS:
            self._settings = member.text().decode()
        elif member.name == contents.STORE:
            with open(self._folder / SQLITE_FILE, "wb", opener=private) as file:
                shutil.copyfileobj(member.stream, file)
        elif member.name.removeprefix(contents.HOME) in HOME_FILES:
            with open(self._folder / member.name.removeprefix(contents.HOME), "wb", opener=private) as file:
                file.write(member.text())
        elif member.name.startswith(contents.RUNS):
            copies.fill(self._place.client, ensure_runs(self._place.client, self._place.names).name, member.lines())
        elif member.name.endswith(contents.TALLY):
            self._compare(whose(member))
        elif member.name.startswith(contents.DOCUMENTS):
            self._fill(whose(member), member)

    def _index_of(self, user_id: str) -> str:
        """Their index, made when it is first asked for."""
        if user_id not in self._filled:
            index = self._place.names.first_index(user_id)
            copies.make_for(self._place.client, index, self._manifest.id)
            self._filled[user_id] = index
        return self._filled[user_id]

    def _fill(self, user_id: str, member: Member) -> None:
        index = self._index_of(user_id)
        done, expected = 0, self._counted[user_id].documents

        def told() -> Iterator[Line]:
            nonlocal done
            for line in member.lines():
                yield line
                done += 1
                if done % 2_000 == 0:
                    self._on_step(user_id, min(done, expected), expected)

        copies.fill(self._place.client, index, told())

    def _compare(self, user_id: str) -> None:
        arrived = Counted.of(copies.tally_of(self._place.client, self._index_of(user_id)))
        expected = self._counted[user_id]
        if arrived != expected:
            raise Fatal(
                f"{arrived.documents:,} of {expected.documents:,} documents of a person came, or came changed.",
                remedy="Nothing is in use yet; begin the restore again. If it happens again, report it.",
            )
        self._on_step(user_id, expected.documents, expected.documents)

    def _place_store(self) -> None:
        """The store with its key, by this version and under the keys of this place; one transaction."""
        place = self._place
        keys = Keys(place.token_key, place.data_dir)
        url = database_url(place.database_url, place.data_dir)
        with closing(Database(url)) as target:
            with target.connect() as connection:
                found = canary(connection)
            own = keys.secret() if found is not None or keys.is_set else None
            cipher = self._opened_by(own)
            if own is None:
                keys.adopt(self._key)
            with closing(Database.in_file(self._folder / SQLITE_FILE)) as source:
                copy_store(source, target, cipher, lambda table, rows: self._on_step(table, rows, 0))
            with target.connect() as connection:
                settled = canary(connection)
        if settled is not None:
            keys.settle(settled)

    def _opened_by(self, own: SecretStr | None) -> Cipher:
        """Migrate the copy and, where this place has keys of its own, encrypt it anew; the keys that open it then."""
        old = self._key.get_secret_value()
        new = own.get_secret_value() if own else ""
        with open_store(self._folder, token_key=SecretStr(f"{new},{old}")) as store:
            if new:
                store.rotate()
        return Keys(SecretStr(new or old), self._folder).cipher()

    def _place_settings(self) -> Path | None:
        first = self._place.env_file
        if first is None or not self._settings.strip():
            return None
        return lay_down(as_restored(self._settings), first, self._place.data_dir)


@contextmanager
def _explained(data_dir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"The backup cannot be restored into {data_dir.resolve()} ({error.strerror or type(error).__name__}).",
            remedy="Make room there, or give the account that runs glucoflow the right to write; then begin the "
            "restore again, which clears up what is half there.",
        ) from error


def _opened(file: Path) -> BinaryIO:
    try:
        return file.open("rb")
    except OSError as error:
        raise Unavailable(
            f"The backup {file} cannot be opened ({error.strerror}).",
            remedy="Name a file that `glucoflow backup` wrote, and that the account that runs glucoflow may read.",
        ) from None
