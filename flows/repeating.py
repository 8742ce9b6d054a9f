"""What a process that runs flows does beside them, again and again."""

import logging
import threading
import time
from collections.abc import Callable
from datetime import timedelta

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=1)


def every_minute(name: str, do: Callable[[], object], not_done: str) -> None:
    """Do so from now on, in a thread that ends with the process. `not_done` is logged where it raised."""

    def run() -> None:
        while True:
            try:
                do()
            except Exception as error:  # noqa: BLE001 – Prefect's server or the store is away: the next one makes up for it
                log.warning("%s: %s", not_done, type(error).__name__)
            time.sleep(EVERY.total_seconds())

    threading.Thread(target=run, name=name, daemon=True).start()
