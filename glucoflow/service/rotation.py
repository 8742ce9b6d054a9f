"""Rotating the key while the pages go on: begun once at a time, in a thread, with progress that can be looked at."""

import logging
import threading
from collections.abc import Callable
from datetime import datetime

import msgspec

from glucoflow.model.errors import GlucoflowError
from glucoflow.store import Store

log = logging.getLogger(__name__)


class RotationState(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is. `finished_at` None: it is under way; `error`: what stopped it, and it can be begun again."""

    begun_at: datetime
    total: int
    done: int = 0
    finished_at: datetime | None = None
    error: str = ""

    @property
    def percent(self) -> int:
        return 100 if self.finished_at and not self.error else min(99, 100 * self.done // max(1, self.total))


class Rotation:
    """That of one process. It can be repeated at any time: what has the newest key stays readable throughout."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._state: RotationState | None = None

    def state(self) -> RotationState | None:
        """The last one begun since this process was; None if none was."""
        return self._state

    def begin(self) -> bool:
        """Encrypt everything anew with the newest key. False where that is under way already."""
        with self._lock:
            if self._state is not None and self._state.finished_at is None:
                return False
            self._state = RotationState(begun_at=self._clock(), total=self._store.encrypted())
        threading.Thread(target=self._run, daemon=True, name="key rotation").start()
        return True

    def _run(self) -> None:
        error = ""
        try:
            self._store.rotate(self._add)
        except GlucoflowError as fault:
            log.warning("a rotation of the key stopped: %s", type(fault).__name__)
            error = str(fault)
        except Exception as fault:  # whatever it was, it is over, and the page has to say so
            log.exception("a rotation of the key failed")
            error = type(fault).__name__
        self._put(finished_at=self._clock(), error=error)

    def _add(self, done: int) -> None:
        with self._lock:
            if self._state is not None:
                self._state = msgspec.structs.replace(self._state, done=self._state.done + done)

    def _put(self, **changes: object) -> None:
        with self._lock:
            if self._state is not None:
                self._state = msgspec.structs.replace(self._state, **changes)
