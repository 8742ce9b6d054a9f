"""When a provider is asked again: between its waits, off its maintenance, or in step with the sensor."""

from datetime import UTC, datetime, time, timedelta
from random import Random

import pytest

from glucoflow.provider import Polling
from glucoflow.service.schedule import next_poll

NOW = datetime(2026, 6, 20, 12, 0, tzinfo=UTC)
FIVE = timedelta(minutes=5)
STEP = Polling(shortest=FIVE, longest=FIVE, align=timedelta(seconds=10))


def wait(newest: timedelta | None, polling: Polling = STEP, seed: int = 1) -> float:
    """Seconds to the next poll, with a newest reading so long ago."""
    at = next_poll(polling, NOW, Random(seed), None if newest is None else NOW - newest, FIVE)
    return (at - NOW).total_seconds()


@pytest.mark.parametrize("age_s", [0, 30, 120, 299])
def test_it_is_asked_just_after_the_next_reading_is_due(age_s: int) -> None:
    assert 300 - age_s + 10 <= wait(timedelta(seconds=age_s)) <= min(300, 300 - age_s + 15) or age_s < 15


def test_never_later_than_the_longest_wait() -> None:
    assert wait(timedelta()) <= 300
    assert wait(timedelta(hours=-3)) <= 300, "a device's clock that runs ahead holds nothing up"


def test_a_silent_sensor_is_asked_for_less_and_less_often() -> None:
    ages = [timedelta(minutes=5, seconds=20), timedelta(minutes=7), timedelta(minutes=11), timedelta(days=2)]
    waits = [wait(age) for age in ages]
    assert waits[0] == 30
    assert waits == sorted(waits)
    assert waits[-1] == 6 * 300


def test_without_alignment_or_a_reading_it_is_drawn_between_the_waits() -> None:
    loose = Polling(shortest=timedelta(minutes=45), longest=timedelta(minutes=75))
    assert 2700 <= wait(timedelta(seconds=20), loose) <= 4500
    assert wait(None) == 300


def test_the_maintenance_window_is_left_alone() -> None:
    nightly = Polling(
        shortest=FIVE, longest=FIVE, align=timedelta(seconds=10), maintenance_start=time(12), maintenance_end=time(13)
    )
    assert 3600 <= wait(timedelta(seconds=10), nightly) <= 4200
