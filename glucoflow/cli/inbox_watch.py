"""While `up` runs, the inbox is looked into every few seconds: a file put there shows within ten."""

import logging
import threading

from glucoflow.model.errors import GlucoflowError
from glucoflow.service.inbox import is_waiting, take_in
from glucoflow.service.runtime import open_runtime
from glucoflow.settings import Settings

log = logging.getLogger(__name__)

EVERY_S = 5.0


def watch_inbox(stop: threading.Event) -> threading.Thread:
    """Watches in a thread of its own until told to stop. What goes wrong is logged; the file waits."""
    thread = threading.Thread(target=_watch, args=(stop,), name="glucoflow-inbox", daemon=True)
    thread.start()
    return thread


def _watch(stop: threading.Event) -> None:
    settings = Settings.load()
    first = True
    while not stop.wait(0.0 if first else EVERY_S):
        if not first and not is_waiting(settings.store.data_dir):
            continue
        first = False
        try:
            with open_runtime(settings) as rt:
                take_in(rt)
        except GlucoflowError as error:
            log.warning("the inbox cannot be read now: %s", error.message)
        except Exception:  # whatever it is, the watch goes on
            log.exception("the inbox could not be read")
