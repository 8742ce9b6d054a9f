"""The next page is fetched while the last one is written: the provider's time and ours pass side by side."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar, cast

T = TypeVar("T")
_END = object()


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
