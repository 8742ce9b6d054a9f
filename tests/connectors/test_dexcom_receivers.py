"""What receivers' times without a zone mean, within a page, over pages and kinds, and over runs."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.dexcom.answers import envelope
from connectors.dexcom.events import Events
from connectors.dexcom.readings import Readings
from connectors.dexcom.receivers import NOTHING, Receivers
from glucoflow.provider import Page
from tests.connectors.wire import DAY, EGV, EVENT, NOW, body


def record(number: int, ahead_min: int, like: Mapping[str, Any] = EGV) -> dict[str, Any]:
    at = datetime(2026, 3, 8, number, tzinfo=UTC)
    return dict(like) | {
        "recordId": f"r{number}",
        "systemTime": f"{at:%FT%T}",
        "displayTime": f"{at + timedelta(minutes=ahead_min):%FT%T}",
        "displayDevice": "receiver",
    }


def page(receivers: Receivers, *records: Mapping[str, Any]) -> Page:
    return receivers.placed(Readings(NOW, receivers).page(DAY, envelope(body("egv", *records), "egv").records))


def offsets(made: Page) -> dict[str, int | None]:
    return {record.key[:2]: record.offset_min for record in made.records}


def test_one_that_showed_another_difference_before_means_utc() -> None:
    phone = EGV | {"displayTime": EGV["systemTime"]}
    made = page(Receivers(), record(5, 0), record(3, -480), record(1, 0), phone)  # in any order
    assert offsets(made) == {"r1": None, "r3": -480, "r5": 0, "5f": None}


def test_it_is_remembered_over_the_pages_of_a_run_and_told_for_later_ones() -> None:
    receivers = Receivers()
    first, second = page(receivers, record(1, 345), record(3, 345)), page(receivers, record(2, 0))
    assert (offsets(first), offsets(second)) == ({"r1": 345, "r3": 345}, {"r2": 0})
    since = datetime(2026, 3, 8, 1, tzinfo=UTC)
    assert (first.learned, second.learned) == ({"receiver": since}, NOTHING)
    later = Receivers(first.learned)
    again = page(later, record(0, 0), record(5, 0), record(6, -480))
    assert offsets(again) == {"r0": None, "r5": 0, "r6": -480}
    assert again.learned == {}, "nothing that was not known"


def test_a_meal_is_placed_as_a_reading_is() -> None:
    receivers = Receivers({"receiver": datetime(2026, 3, 1, tzinfo=UTC)})
    raws = envelope(body("event", record(4, 0, EVENT)), "event").records
    assert offsets(receivers.placed(Events(NOW, receivers).page(DAY, raws))) == {"r4": 0}


def test_a_clock_that_is_minutes_off_was_told_nothing() -> None:
    made = page(Receivers(), record(1, 14), record(2, 0))
    assert made.learned == {}
    assert offsets(made)["r2"] is None
