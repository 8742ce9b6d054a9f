"""The database of a Prefect server that ran before: making one is most of a first start, 7 of 12 s of CPU."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import mkdtemp

import pytest


class PrefectDatabase:
    """The first server of a run makes it and leaves it, as it was before any flow, to those that start later."""

    def __init__(self, kept: Path) -> None:
        self._kept = kept

    def put(self, file: Path) -> None:
        """Lay it where a server looks for its own; nothing where there is none yet."""
        if self._kept.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self._kept, file)

    def keep(self, file: Path) -> None:
        """Keep that of a server that has just started, unless there is one."""
        if self._kept.exists():
            return
        new = self._kept.with_suffix(f".{os.getpid()}")
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(new)) as target:
            source.backup(target)
        new.rename(self._kept)


@contextmanager
def recorded_flows(database: PrefectDatabase) -> Iterator[None]:
    """Flows that this process runs are told to a Prefect server of the block's own."""
    from prefect.testing import utilities  # a second, which only those pay who run flows

    folder = Path(mkdtemp(prefix="glucoflow-prefect-"))  # the harness deletes it
    file = folder / "prefect-test.db"
    database.put(file)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utilities, "mkdtemp", lambda: str(folder))
        with utilities.prefect_test_harness(server_startup_timeout=400):
            database.keep(file)
            yield
