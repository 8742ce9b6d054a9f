"""A year of the schedule by a simulated clock: maintenance windows, summer time, outages, a machine that sleeps."""

import heapq
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glucoflow.provider import Polling
from glucoflow.service.schedule import LONGEST_BACKOFF, after_failure, after_maintenance, next_poll

START = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
TICK = timedelta(minutes=5)
HOUR = timedelta(hours=1)
PEOPLE = 5
LOS_ANGELES = ZoneInfo("America/Los_Angeles")
DEXCOM = Polling(
    shortest=timedelta(minutes=45),
    longest=timedelta(minutes=75),
    maintenance_start=time(2, 45),
    maintenance_end=time(3, 45),
    zone="America/Los_Angeles",
)
OUTAGES = ((START + timedelta(days=40), timedelta(hours=3)), (START + timedelta(days=200), timedelta(days=4)))
ASKED_TO_WAIT = START + timedelta(days=100)
"""At which the cloud says 429, and to come again in two hours."""
ASLEEP = START + timedelta(days=260)
AWAKE = ASLEEP + timedelta(days=7)
"""The machine's lid is shut: nothing looks, and all clocks go on."""


@dataclass
class Played:
    """When each was asked, and with what success."""

    polls: dict[int, list[tuple[datetime, bool]]] = field(default_factory=lambda: {one: [] for one in range(PEOPLE)})

    def all(self) -> list[datetime]:
        return sorted(at for polls in self.polls.values() for at, _ in polls)


def fails(at: datetime) -> bool:
    return any(begin <= at < begin + length for begin, length in OUTAGES)


@pytest.fixture(scope="module")
def year() -> Played:
    """As `sync_due` does it: every five minutes who is due is asked, unless the provider wants to be left alone."""
    random, played = Random(7), Played()
    due = [(START, one) for one in range(PEOPLE)]
    failures = dict.fromkeys(range(PEOPLE), 0)
    waited = False
    now = START
    while (now := now + TICK) < START + YEAR:
        if ASLEEP <= now < AWAKE:
            continue
        while due[0][0] <= now:
            _, one = heapq.heappop(due)
            later = after_maintenance(DEXCOM, now, random)
            if later == now:
                wait = 7200.0 if now >= ASKED_TO_WAIT and not waited else None
                waited = waited or wait is not None
                ok = not fails(now) and wait is None
                played.polls[one].append((now, ok))
                failures[one] = 0 if ok else failures[one] + 1
                later = (
                    next_poll(DEXCOM, now, random) if ok else after_failure(DEXCOM, now, failures[one], wait, random)
                )
            heapq.heappush(due, (later, one))
    return played


def test_nobody_is_asked_in_the_maintenance_window_whatever_the_clocks_do(year: Played) -> None:
    asked = [at.astimezone(LOS_ANGELES) for at in year.all()]
    assert not [at for at in asked if time(2, 45) <= at.time() < time(3, 45)]
    assert len({at.utcoffset() for at in asked}) == 2, "summer time came and went"
    changes = {START.replace(month=3, day=8).date(), START.replace(month=11, day=1).date()}
    for day in changes:
        assert sum(at.date() == day for at in asked) > 15 * PEOPLE, "the days of 23 and 25 hours are days like others"


def test_each_is_asked_about_hourly_all_year(year: Played) -> None:
    for polls in year.polls.values():
        assert 7_000 < len(polls) < 8_760
        for (before, ok), (after, _) in pairwise(polls):
            if ok and not (before < ASLEEP <= after):
                assert DEXCOM.shortest <= after - before <= DEXCOM.longest + HOUR + timedelta(minutes=10) + TICK


def test_an_outage_costs_few_calls_and_ends_by_itself(year: Played) -> None:
    for begin, length in OUTAGES:
        for polls in year.polls.values():
            failed = [at for at, _ in polls if begin <= at < begin + length]
            assert 2 <= len(failed) <= 8 + length / (LONGEST_BACKOFF / 2)
            first = next(at for at, ok in polls if at >= begin + length)
            assert first <= begin + length + LONGEST_BACKOFF + HOUR + timedelta(minutes=10) + TICK


def test_who_is_asked_to_wait_waits(year: Played) -> None:
    refused = [
        (polls, n) for polls in year.polls.values() for n, (at, ok) in enumerate(polls) if not ok and not fails(at)
    ]
    ((polls, n),) = refused
    assert polls[n + 1][0] - polls[n][0] >= 2 * HOUR


def test_a_machine_that_slept_a_week_asks_each_once(year: Played) -> None:
    """The checkpoints know what is missing: a week is read by one poll, not made up poll by poll."""
    for polls in year.polls.values():
        after = [at for at, _ in polls if at >= AWAKE]
        assert after[0] <= AWAKE + HOUR + timedelta(minutes=10) + TICK
        assert after[1] - after[0] >= DEXCOM.shortest
        assert not [at for at, _ in polls if ASLEEP <= at < AWAKE]


def test_calls_are_spread(year: Played) -> None:
    """Who began at the same moment does not stay together: no tick asks everybody for long."""
    later = [at for at in year.all() if at > START + timedelta(days=2) and not fails(at)]
    together = sum(later.count(at) == PEOPLE for at in set(later[:3000]))
    assert together < 0.02 * 3000


moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(at=moments, start=st.times(), minutes=st.integers(1, 600), zone=st.sampled_from(["UTC", "America/Los_Angeles"]))
def test_a_window_may_go_over_midnight(at: datetime, start: time, minutes: int, zone: str) -> None:
    begins = datetime.combine(datetime(2026, 1, 1), start.replace(second=0, microsecond=0))  # noqa: DTZ001
    end = (begins + timedelta(minutes=minutes)).time()
    polling = Polling(shortest=HOUR, longest=HOUR, maintenance_start=begins.time(), maintenance_end=end, zone=zone)
    later = after_maintenance(polling, at, Random(1))
    assert at <= later <= at + timedelta(minutes=minutes + 70)
    again = after_maintenance(polling, later, Random(1))
    assert again == later or later.astimezone(ZoneInfo(zone)).utcoffset() != at.astimezone(ZoneInfo(zone)).utcoffset()
