"""Reading one ahead gives the same items, the same errors, and never more than one beyond."""

import threading
from collections.abc import Iterator
from contextvars import ContextVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glucoflow.reading import prefetched


@given(st.lists(st.integers() | st.none()))
def test_the_items_are_the_same(items: list[int | None]) -> None:
    assert list(prefetched(iter(items))) == items


def test_at_most_one_item_is_fetched_beyond_the_one_in_hand() -> None:
    fetched: list[int] = []

    def source() -> Iterator[int]:
        for n in range(10):
            fetched.append(n)
            yield n

    for n in prefetched(source()):
        assert len(fetched) <= n + 2
    assert len(fetched) == 10


def test_the_next_is_fetched_while_the_last_is_worked_on() -> None:
    second = threading.Event()

    def source() -> Iterator[int]:
        yield 1
        second.set()
        yield 2

    items = prefetched(source())
    assert next(items) == 1
    assert second.wait(5), "nobody asked for the second item yet, and it is under way"
    assert list(items) == [2]


def test_an_error_comes_after_what_was_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise OSError("the line is dead")

    items = prefetched(source())
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(OSError, match="dead"):
        next(items)


def test_leaving_early_waits_for_the_fetch_under_way() -> None:
    let_go, done = threading.Event(), threading.Event()

    def source() -> Iterator[int]:
        yield 1
        let_go.wait(5)
        done.set()
        yield 2

    items = prefetched(source())
    next(items)
    let_go.set()
    items.close()
    assert done.is_set()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("glucoflow-prefetch")]


def test_log_lines_know_their_run() -> None:
    run: ContextVar[str] = ContextVar("run")
    run.set("r1")
    assert list(prefetched(run.get() for _ in range(3))) == ["r1", "r1", "r1"]
