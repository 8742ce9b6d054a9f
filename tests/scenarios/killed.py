"""A job of a process of its own that dies hard at a named point; see `forking.py`.

At a point that there is not it goes on to its end, unless somebody kills it.
"""

import os
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from glucoflow.service.backfill import backfill_person, checked_window, summarized
from glucoflow.service.batches import run_batch, sync_due
from glucoflow.service.file_import import import_file
from glucoflow.service.jobs import SYNC_JOB
from glucoflow.service.runtime import Runtime, open_runtime
from glucoflow.settings import Settings
from glucoflow.store import new_owner

DIED = 9


def main(point: str, nth: str, now: str, user: str, job: str) -> None:
    """`job` is `sync`, `all` (whoever is due, four at a time, as a worker does), two days (`2026-10-01..2026-10-02`)
    of a backfill, or `import:` and a file's path."""
    left = int(nth)

    def on_point(name: str) -> None:
        nonlocal left
        if name == point:
            left -= 1
            if left == 0:
                os._exit(DIED)

    clock = datetime.fromisoformat(now)
    with open_runtime(Settings.load(), lambda: clock) as opened:
        do(replace(opened, on_point=on_point), user, job)


def do(rt: Runtime, user: str, job: str) -> None:
    """The job, to its end."""
    if job in ("sync", "all"):
        owner, threads = new_owner(), 1 if job == "sync" else 4
        sync_due(
            rt, owner, lambda batch: run_batch(rt, batch, SYNC_JOB, owner, threads), user if job == "sync" else None
        )
    elif job.startswith("import:"):
        import_file(rt, user, Path(job.removeprefix("import:")))
    else:
        first, last = (date.fromisoformat(text) for text in job.split(".."))
        window = checked_window(first, last, rt.store.people.get(user).zone, rt.clock())
        summarized(rt, user, window, backfill_person(rt, user, window, None, (), lambda _share: None))
