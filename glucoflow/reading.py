"""A window of one kind, read from its provider: pages, and what could not be read, oldest first.

One bad spot hides nothing behind it, nor before it. Where a request fails and the provider still gives the newest hour
of the same kind, or the first of what was asked for, the trouble is in between: it is halved, down to an hour, and that
hour is passed over. Where both fail as well, the kind as a whole cannot be read now, and stops where it is.
"""

import logging
import traceback
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import TypeVar, cast

import msgspec

from glucoflow.model.errors import (
    Fatal,
    GlucoflowError,
    Misconfigured,
    Reauthorize,
    Retryable,
    Unavailable,
    Unreadable,
)
from glucoflow.model.ingestion import Kind, Window
from glucoflow.provider import Connector, Page

log = logging.getLogger(__name__)

T = TypeVar("T")
_END = object()

LONGEST = timedelta(days=30)
"""What fails is first narrowed down to so much: what comes after it is asked for by itself."""
SHORTEST = timedelta(hours=1)
FINE_FAILURES = 64
"""After so many failures in one part it is narrowed down to days only: a bad day takes some 60 hour by hour."""
MOST_FAILURES = 256
"""After so many for one kind and turn, parts are passed over whole. All that is passed over is tried again later."""
ASK_AGAIN_AFTER = 8
"""After so many failures in a row these hours are asked for again: an outage may have begun meanwhile."""

SUSPICIOUS_SHARE = 0.15
SUSPICIOUS_COUNT = 100
"""More rejected records than this in a page, and a larger share, mean that the provider or we changed, not that a few
records are odd (the error monitors of Elastic's connectors do the same)."""


class Hole(msgspec.Struct, frozen=True):
    """A window that could not be read, and why."""

    window: Window
    error: GlucoflowError


class KindStopped(Exception):
    """Nothing of the kind can be read from `at` on. Other kinds of the same connection may be fine."""

    def __init__(self, at: datetime, error: GlucoflowError) -> None:
        super().__init__(error.message)
        self.at = at
        self.error = error


class ConnectionStopped(Exception):
    """Nothing of the connection can be read: its consent, its settings, our clock. Others may be fine.

    Not one of our errors, so that no connector takes it for the trouble of one request and asks again.
    """

    def __init__(self, error: GlucoflowError) -> None:
        super().__init__(error.message)
        self.error = error


class Reader:
    """Reads one kind of one connection, once."""

    def __init__(
        self, connector: Connector, kind: Kind, now: datetime, *, answers: bool = True, narrow: bool = True
    ) -> None:
        """`answers`: the provider has answered this connection a moment ago. Else the first failure stops the kind.

        `narrow`: what fails is narrowed down to what is bad of it.
        """
        self._connector = connector
        self._kind = kind
        self._now = now
        self._answers = answers
        self._narrow = narrow
        self._failures = 0
        self._failures_here = 0
        self._in_a_row = 0

    def read(self, window: Window, known_bad: bool = False) -> Iterator[Page | Hole]:
        """The pages of `window`, and its holes. `known_bad`: the kind works, and this window is known not to.

        Raises KindStopped, ConnectionStopped, and Unavailable where the store that holds the credentials is.
        """
        waiting = [window]
        while waiting:
            part = waiting.pop()
            done = part.start
            try:
                for page in self._connector.pages(self._kind, part):
                    yield page
                    self._answers, self._in_a_row = True, 0
                    done = max(done, min(page.window.end, part.end))
                    if is_suspicious(page):
                        yield self._suspect(page)
            except (KindStopped, ConnectionStopped, Unavailable):
                raise
            except (Reauthorize, Misconfigured) as error:
                if self._answers and isinstance(error, Reauthorize):
                    raise KindStopped(done, error) from error  # it was let in a moment ago: this part is shut
                raise ConnectionStopped(error) from error
            except Exception as raised:  # noqa: BLE001 – what a connector did not foresee costs its part, nothing else
                trouble = _ours(raised, self._kind)
                if done >= part.end:
                    continue  # all of it was given before
                self._judge(trouble, done, known_bad)
                known_bad = True
                failed, behind = _first(Window(done, part.end), LONGEST)
                if behind is not None:
                    waiting.append(behind)
                    self._failures_here = 0
                middle = _middle(failed, self._longest_hole())
                if middle is None:
                    yield Hole(failed, trouble)
                else:
                    waiting += [Window(middle, failed.end), Window(failed.start, middle)]

    def _judge(self, error: GlucoflowError, at: datetime, known_bad: bool) -> None:
        """Raises KindStopped where the trouble is more than a bad spot."""
        self._failures += 1
        self._failures_here += 1
        self._in_a_row += 1
        if isinstance(error, Unreadable) and not error.narrower:
            raise KindStopped(at, error)
        if isinstance(error, Retryable) and error.retry_after is not None:
            raise KindStopped(at, error)  # it asked to be left alone
        if (not known_bad or self._in_a_row >= ASK_AGAIN_AFTER) and not (
            self._is_given(Window(self._now - SHORTEST, self._now)) or self._is_given(Window(at, at + SHORTEST))
        ):
            raise KindStopped(at, error)
        if self._in_a_row >= ASK_AGAIN_AFTER:
            self._in_a_row = 0

    def _longest_hole(self) -> timedelta:
        if not self._narrow or self._failures >= MOST_FAILURES:
            return LONGEST
        return SHORTEST if self._failures_here < FINE_FAILURES else timedelta(days=1)

    def _suspect(self, page: Page) -> Hole:
        """A page that can hardly be understood: a bad spot, or a change of format, which stops the kind."""
        error = Fatal(
            f"{len(page.rejected)} of {_seen(page)} {self._kind} in one page could not be understood.",
            remedy="The provider's format may have changed. They are kept among the rejected records; nothing is lost. "
            "Please look for a newer glucoflow, or report it.",
        )
        if not self._is_given(Window(self._now - SHORTEST, self._now)):
            raise KindStopped(page.window.start, error)
        return Hole(page.window, error)

    def _is_given(self, hour: Window) -> bool:
        if not self._answers:
            return False
        try:
            for page in self._connector.pages(self._kind, hour):
                return not is_suspicious(page)
        except (ConnectionStopped, Unavailable):
            raise
        except Exception as error:  # noqa: BLE001 – any trouble is a no
            log.info("%s: neither can %s be read (%s)", self._kind, hour.start.isoformat(), type(error).__name__)
            return False
        return True


def is_suspicious(page: Page) -> bool:
    """Whether so much of a page was rejected that its format may have changed."""
    rejected = len(page.rejected)
    return rejected > SUSPICIOUS_COUNT and rejected > SUSPICIOUS_SHARE * (rejected + len(page.records))


def unforeseen(error: Exception, what: str) -> Fatal:
    """Our error for one that nobody foresaw. It is logged where it was raised, without its text: that may hold data."""
    where = "".join(traceback.format_tb(error.__traceback__)[-3:])
    log.error("%s: %s was raised at\n%s", what, type(error).__name__, where)
    return Fatal(
        f"{what.capitalize()} met something that glucoflow did not expect ({type(error).__name__}).",
        remedy="What was read before is safe, and it is tried again by itself. The log says where; please report it.",
    )


def prefetched(items: Iterator[T]) -> Generator[T, None, None]:
    """The same items, each fetched while the caller works on the one before; two of them are in memory at most.

    An error shows when its item is asked for, after all before it were given out. Closing waits for the fetch that is
    under way. `items` is only ever used by one thread at a time.
    """
    context = copy_context()  # by which a log line knows its run

    def fetch() -> object:
        return context.run(next, items, _END)

    with ThreadPoolExecutor(1, thread_name_prefix="glucoflow-prefetch") as pool:
        coming = pool.submit(fetch)
        while (item := coming.result()) is not _END:
            coming = pool.submit(fetch)
            yield cast("T", item)


def _ours(raised: Exception, kind: Kind) -> GlucoflowError:
    return raised if isinstance(raised, GlucoflowError) else unforeseen(raised, f"reading {kind}")


def _first(window: Window, longest: timedelta) -> tuple[Window, Window | None]:
    """The window's first part, and the rest if there is any."""
    first, *rest = window.split(longest)
    return first, Window(first.end, window.end) if rest else None


def _middle(window: Window, short: timedelta) -> datetime | None:
    """A whole hour near the middle; None for a window that is short enough."""
    if window.end - window.start <= short:
        return None
    half = window.start + (window.end - window.start) / 2
    middle = half.replace(minute=0, second=0, microsecond=0)
    if middle <= window.start:
        middle += SHORTEST
    return middle if middle < window.end else half


def _seen(page: Page) -> int:
    return len(page.records) + len(page.deleted) + len(page.rejected)
