"""What is missing of a window that was read again: gone where its day stands, and no proof where the day is empty."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from glucoflow.es.gone import SETTLED, vanished
from glucoflow.es.held import Held, Stored
from glucoflow.model.ingestion import Window
from glucoflow.model.localtime import epoch_ms

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def held(*hours_ago: int, connection: str = "c", dataset: str = "cgm.reading") -> dict[str, Stored]:
    return {
        str(hours): Stored("hash", epoch_ms(NOW - hours * HOUR), dataset, connection, f"r{hours}")
        for hours in hours_ago
    }


def gone(*arguments: Any) -> list[str]:
    return list(vanished(*arguments))


def test_one_among_others_is_gone() -> None:
    assert gone(held(4, 5, 6, 7), {"4", "6", "7"}, (), NOW) == ["5"]
    assert gone(held(4, 5), {"4"}, (), NOW) == ["5"]


def test_a_day_that_is_mostly_missing_stays() -> None:
    assert gone(held(4, 5, 6), {"4"}, (), NOW) == []
    assert gone(held(4, 40, 41, 42), {"4"}, (), NOW) == []


def test_what_came_and_was_rejected_and_what_is_young_stays() -> None:
    assert gone(held(4, 5, 6), {"4", "5"}, ["r6"], NOW) == []
    assert gone(held(2, 4, 5), {"4", "5"}, (), NOW) == []


@given(st.sets(st.integers(0, 200)), st.sets(st.integers(0, 200)))
def test_never_more_than_stands_and_never_what_came_again(there: set[int], again: set[int]) -> None:
    known = held(*there)
    went = vanished(known, {str(one) for one in again}, (), NOW)
    assert len(went) <= len(there & again)
    assert not {int(one) for one in went} & again
    assert all(NOW - int(one) * HOUR < NOW - SETTLED for one in went)


def test_a_look_tells_what_came_by_a_connection_as_far_as_it_reached() -> None:
    stored = held(1, 2, 3) | {"x": held(2, connection="other")["2"], "y": held(2, dataset="food")["2"]}
    known = Held(stored, NOW - 2 * HOUR)
    window = Window(NOW - 3 * HOUR, NOW - HOUR)
    assert set(known.of(["cgm.reading"], "c", window)) == {"2"}
    assert known.of(["cgm.reading"], "c", Window(NOW - 9 * HOUR, NOW - 3 * HOUR)) == {}
    assert Held(stored).of(["cgm.reading"], "c", window) == {}, "nothing was looked at"
    assert known.newest("cgm.reading") == epoch_ms(NOW - HOUR)
