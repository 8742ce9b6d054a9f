"""A backup as a flow or a command makes it, from the settings: made, pruned, and now and then tried out."""

import os
from datetime import datetime

import msgspec
from pydantic import SecretStr

from glucoflow.backup.checking import check_backup
from glucoflow.backup.contents import OnStep
from glucoflow.backup.keeping import Kept, is_trial_due, note_trial, prune
from glucoflow.backup.kept_settings import kept_settings
from glucoflow.backup.making import Made, Source, make_backup, one_at_a_time
from glucoflow.backup.snapshotting import prune_snapshots
from glucoflow.model.words import count
from glucoflow.service.runtime import Runtime
from glucoflow.store.keys import Keys


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it. `checked` is how many documents were restored on trial; None without a trial."""

    made: Made
    gone: tuple[Kept, ...]
    checked: int | None

    def sentences(self) -> list[str]:
        """The same in words."""
        made = self.made
        megabytes = f"{made.bytes / 2**20:,.1f} MiB"
        documents, people = count(made.documents, "document"), count(made.people, "person", "people")
        said = [f"{made.path}: {people} and {documents} in {megabytes}, encrypted."]
        if self.checked is not None:
            said.append(f"Tried out: {count(self.checked, 'document')} came back as they were, and every secret opens.")
        if self.gone:
            said.append(f"{count(len(self.gone), 'older backup')} went by the rule of what is kept.")
        return said


def source_of(rt: Runtime) -> Source:
    """All that is to be kept, as the settings name it."""
    store = rt.settings.store
    return Source(
        data_dir=store.data_dir,
        store=rt.store,
        client=rt.client,
        names=rt.names,
        token_key=Keys(store.token_key, store.data_dir).secret(),
        settings=kept_settings(os.environ),
        repository=rt.settings.backup.snapshot_repository,
    )


def backup_now(
    rt: Runtime,
    passphrase: SecretStr,
    now: datetime,
    *,
    check: bool | None = None,
    on_step: OnStep = lambda _what, _done, _all: None,
) -> Ran:
    """Make a backup, try it out (`check`; None: if none was in this week), then prune. Raises as `make_backup`.

    Pruning comes last: a backup that fails on trial takes none of the earlier ones with it.
    """
    settings, store = rt.settings.backup, rt.settings.store
    folder = settings.folder(store.data_dir)
    due = is_trial_due(folder, now) if check is None else check
    made = make_backup(source_of(rt), folder, passphrase, now, on_step=on_step)
    repository = settings.snapshot_repository
    tried = None
    if due:
        tried = check_backup(made.path, passphrase, store.data_dir, rt.client, rt.names, on_step, repository)
        note_trial(folder, now)
    gone = tuple(prune(folder, settings, now))
    if repository is not None:
        with one_at_a_time(store.data_dir):
            prune_snapshots(rt.client, rt.names, repository, folder)
    return Ran(made=made, gone=gone, checked=tried.documents if tried else None)
