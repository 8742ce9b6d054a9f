"""Workers as processes, without Prefect: `plain_workers NOW FAULTS`, a JSON list with one entry for each.

They begin in one moment and take whatever is due. An entry is nothing, or what happens to it at which point, once:
`["after_bulk", "die"]` kills it as SIGKILL does, `stop` stops it as SIGSTOP does, and `cut` cuts all that speak to
its database from it, itself and the others. Two lines of JSON are said: the processes' ids, and, once all have ended
that were not stopped, how each ended: its exit code, and how many connections it had. One import serves them all.
"""

import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier

import psycopg
from pydantic import SecretStr

from glucoflow.service.batches import run_batch, sync_due
from glucoflow.service.jobs import SYNC_JOB
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings
from glucoflow.store import new_owner

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"


def cut(url: SecretStr) -> None:
    with closing(psycopg.connect(url.get_secret_value(), autocommit=True)) as connection:
        connection.execute(CUT, [connection.info.backend_pid])


def work(now: datetime, fault: Sequence[str], begin: Barrier, done: Connection) -> None:
    """What one does."""
    settings = Settings.load()
    url = settings.store.database_url
    assert url is not None
    happens: dict[str, Callable[[], None]] = {
        "stop": lambda: os.kill(os.getpid(), signal.SIGSTOP),
        "die": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "cut": lambda: cut(url),
    }
    left = [fault] if fault else []

    def on_point(name: str) -> None:
        if left and left[0][0] == name:
            happens[left.pop()[1]]()

    with open_runtime(settings, lambda: now) as opened:
        rt, owner = replace(opened, on_point=on_point), new_owner()
        begin.wait(60)
        had = sync_due(rt, owner, lambda batch: run_batch(rt, batch, SYNC_JOB, owner, settings.sync.threads))
        done.send(len(had))


def main(now: str, faults: str) -> None:
    fork, wanted = multiprocessing.get_context("fork"), json.loads(faults)
    begin, ends, made = fork.Barrier(len(wanted)), [], []
    for fault in wanted:
        end, theirs = fork.Pipe(duplex=False)
        one = fork.Process(target=work, args=(datetime.fromisoformat(now), fault, begin, theirs))
        one.start()
        theirs.close()
        ends.append(end)
        made.append(one)
    say([one.pid for one in made])
    ended: list[tuple[int | None, int]] = []
    for one, end, fault in zip(made, ends, wanted, strict=True):
        if "stop" in fault:
            ended.append((None, 0))
            continue
        one.join()
        ended.append((one.exitcode, end.recv() if one.exitcode == 0 else 0))
    say(ended)
    for one in made:
        one.join()


def say(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
