"""A window, read a request at a time: what is too much for one is asked for in halves."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta

from glucoflow.bounded_http import TooMuch
from glucoflow.model.ingestion import Window
from glucoflow.provider import Page

log = logging.getLogger(__name__)

SHORTEST = timedelta(hours=1)


def in_parts(window: Window, longest: timedelta, read: Callable[[Window], Page]) -> Iterator[Page]:
    """Pages of at most `longest`, oldest first, on whole seconds. A part that raises TooMuch is halved, down to an
    hour; the next may be twice as long as one that went well, since an answer may only have been slow."""
    done, length = window.start, longest
    while done < window.end:
        part = Window(done, min(done + length, window.end))
        try:
            page = read(part)
        except TooMuch as error:
            if part.end - part.start < 2 * SHORTEST:
                raise
            half = (part.end - part.start) / 2
            length = timedelta(seconds=half.total_seconds() // 1)
            log.warning("%s: %s Asked for half.", part.end - part.start, error.message)
            continue
        yield page
        done, length = part.end, min(longest, 2 * length)
