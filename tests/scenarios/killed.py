"""A sync or backfill in a process of its own that dies hard at a named point: `killed.py POINT NTH NOW USER JOB`.

At a point that there is not it goes on to its end, unless somebody kills it.
"""

import os
import sys
import uuid
from dataclasses import replace
from datetime import date, datetime

from glucoflow.service.backfill import backfill_with_summaries, checked_window
from glucoflow.service.jobs import SYNC_JOB
from glucoflow.service.runtime import open_runtime
from glucoflow.service.sync import run_batch, sync_due
from glucoflow.settings import Settings

DIED = 9


def main(point: str, nth: int, now: str, user: str, job: str) -> None:
    left = nth

    def on_point(name: str) -> None:
        nonlocal left
        if name == point:
            left -= 1
            if left == 0:
                os._exit(DIED)

    clock = datetime.fromisoformat(now)
    with open_runtime(Settings.load(), lambda: clock) as opened:
        rt = replace(opened, on_point=on_point)
        if job == "sync":
            owner = uuid.uuid4().hex
            sync_due(rt, owner, lambda batch: run_batch(rt, batch, SYNC_JOB, owner, 1), user)
        else:
            first, last = (date.fromisoformat(text) for text in job.split(".."))
            window = checked_window(first, last, rt.store.people.get(user).zone, clock)
            backfill_with_summaries(rt, user, window, None, (), lambda _share: None)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5])
