"""A sync or backfill in a process of its own that dies hard at a named point: `killed_worker.py POINT NTH JOB NOW`.

With `stop` behind that it is stopped there instead, as a machine that sleeps, until somebody lets it go on.
"""

import os
import signal
import sys
import uuid
from dataclasses import replace
from datetime import datetime

from glucoflow.model.ingestion import Window
from glucoflow.service.backfill import backfill_person
from glucoflow.service.batches import sync_due
from glucoflow.service.jobs import SYNC_JOB
from glucoflow.service.providers import Providers
from glucoflow.service.runtime import open_runtime
from glucoflow.service.sync import run_job
from glucoflow.settings import Settings


def main(point: str, nth: int, job: str, now: str, how: str = "die") -> None:
    left = nth

    def on_point(name: str) -> None:
        nonlocal left
        if name == point:
            left -= 1
            if left == 0 and how == "stop":
                os.kill(os.getpid(), signal.SIGSTOP)
            elif left == 0:
                os._exit(9)

    settings = Settings.load()
    clock = datetime.fromisoformat(now)
    with open_runtime(settings, lambda: clock) as opened:
        providers = Providers(settings=settings.providers, doubles=opened.providers.doubles)
        rt = replace(opened, on_point=on_point, providers=providers)
        if job == "sync":
            owner = uuid.uuid4().hex
            sync_due(rt, owner, lambda batch: [run_job(rt, c, SYNC_JOB, owner) for c in batch], "alma")
        else:
            start, end = (datetime.fromisoformat(text) for text in job.split(".."))
            backfill_person(rt, "alma", Window(start, end), None, ["readings"], lambda _share: None)


main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
