"""`glucoflow restore` that is killed at a point: `python -m tests.cli.killed_restore documents|store FILE`."""

import os
import signal
import sys
from pathlib import Path

from glucoflow.backup.restoring import Place, restore
from glucoflow.es.names import Names
from glucoflow.service.runtime import elasticsearch_of
from glucoflow.settings import Settings


def main(point: str, file: str) -> None:
    settings = Settings.load()

    def die(what: str, done: int, _of: int) -> None:
        """Documents are told by their person's id, the store by its tables."""
        if done and point == {"alma": "documents", "reading": "before"}.get(what, "store"):
            os.kill(os.getpid(), signal.SIGKILL)

    place = Place(
        data_dir=settings.store.data_dir,
        database_url=None,
        token_key=None,
        client=elasticsearch_of(settings.es, settings.store),
        names=Names.below(settings.es.index),
        env_file=None,
    )
    assert settings.backup.passphrase is not None
    restore(Path(file), settings.backup.passphrase, place, die)


if __name__ == "__main__":
    main(*sys.argv[1:])
