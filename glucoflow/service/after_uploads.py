"""What follows uploads of apps, behind them: marks of readings held twice, summaries and episodes of their days.

An app uploads every few minutes, or 10,000 readings in rounds of 300; its answer waits for none of this, and what comes
within a pause is followed by one look. What a stop leaves undone the nightly run makes up for.
"""

import logging
import threading
from datetime import datetime, timedelta
from types import TracebackType
from typing import Self

from glucoflow.model.ingestion import Window
from glucoflow.service.notices.turn import look_and_send
from glucoflow.service.runtime import Runtime
from glucoflow.service.summaries import summarize_after

log = logging.getLogger(__name__)

PAUSE = timedelta(seconds=30)


class AfterUploads:
    """Call it after each write; use it as a context, whose end stops its thread."""

    def __init__(self, rt: Runtime, pause: timedelta = PAUSE) -> None:
        self._rt = rt
        self._pause = pause.total_seconds()
        self._spans: dict[str, Window] = {}
        self._lock = threading.Lock()
        self._some, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._follow, name="after-uploads", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stopped.set()
        self._some.set()
        self._thread.join()

    def __call__(self, user_id: str, start: datetime, end: datetime) -> None:
        """The span [start, end) of a person's documents was written."""
        with self._lock:
            held = self._spans.get(user_id)
            self._spans[user_id] = Window(min(start, held.start), max(end, held.end)) if held else Window(start, end)
        self._some.set()

    def _follow(self) -> None:
        while True:
            self._some.wait()
            if self._stopped.wait(self._pause):
                return
            self.settle()

    def settle(self) -> None:
        """Follow what was written until now."""
        self._some.clear()
        with self._lock:
            spans, self._spans = self._spans, {}
        for user_id, span in spans.items():
            summarize_after(self._rt, user_id, None, span)  # which logs what fails, and raises nothing
        if spans:
            look_and_send(self._rt, set(spans))  # the same
