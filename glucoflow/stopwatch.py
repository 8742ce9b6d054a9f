"""How long the stages of a job take, each added up over its pages."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

T = TypeVar("T")

Stage = Literal["fetch", "write", "store"]
"""Waiting for the provider and reading its answer; making documents and indexing them; moving the checkpoint."""


class Stopwatch:
    """Adds up the time spent in each stage. For one thread."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        """`clock` tells seconds and never goes back."""
        self._clock = clock
        self._seconds: dict[Stage, float] = {}

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Counts what happens inside as `name`, also where it raises."""
        begun = self._clock()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + self._clock() - begun

    def each(self, name: Stage, items: Iterable[T]) -> Iterator[T]:
        """The items; the time it takes to get each counts as `name`, what the caller does between them does not."""
        iterator = iter(items)
        while True:
            with self.stage(name):
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item

    def seconds(self, name: Stage) -> float:
        """So far, 0 where the stage never began."""
        return self._seconds.get(name, 0.0)
