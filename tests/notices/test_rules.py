"""What is told, when, and when nothing is: without a clock, a store or a service."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glucoflow.model.errors import Rejected
from glucoflow.model.notices import GLUCOSE, OF_PERSON, Cause, State, Terms, causes_of, checked
from glucoflow.model.ranges import Limit
from glucoflow.model.units import MG_DL, MMOL_L, in_mg_dl
from glucoflow.service.notices.rules import (
    AHEAD,
    FRESH,
    UNKNOWN_FOR,
    Finding,
    Sample,
    due,
    glucose_findings,
    is_quiet,
    quiet_until,
    weekly_finding,
)

NOW = datetime(2026, 6, 17, 12, 0, tzinfo=UTC)  # a Wednesday
ZONE = "Europe/Berlin"
TERMS = Terms()


def trace(*values: float, newest: datetime = NOW, every: float = 5, limit: Limit | None = None) -> list[Sample]:
    """Readings in steps of five minutes, the last one now; `limit` is the last one's."""
    last = len(values) - 1
    return [
        Sample(time=newest - timedelta(minutes=every * (last - k)), mg_dl=value, limit=limit if k == last else None)
        for k, value in enumerate(values)
    ]


def holding(samples: list[Sample], terms: Terms = TERMS, *, clock_ok: bool = True) -> set[Cause]:
    return {one.cause for one in glucose_findings(samples, terms, NOW, clock_ok=clock_ok) if one.holds}


def known(samples: list[Sample], *, clock_ok: bool = True) -> bool:
    return all(one.holds is not None for one in glucose_findings(samples, TERMS, NOW, clock_ok=clock_ok))


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        (trace(100, 100, 100), set()),
        (trace(71, 70, 70), set()),
        (trace(71, 70, 69.6), set()),  # 70 as it is shown
        (trace(71, 70, 69), {"low"}),
        (trace(60, 55, 54), {"low"}),
        (trace(60, 56, 53), {"low", "urgent_low"}),
        (trace(60, 56, 39, limit="low"), {"low", "urgent_low"}),
        (trace(150, 134, 118, 102), {"falling"}),
        (trace(150, 145, 140, 135), set()),
        (trace(150, 102), set()),  # two readings are no fall
        (trace(*[260] * 13), {"high"}),
        (trace(*[260] * 12), set()),  # 55 minutes
        (trace(*[260] * 6, 240, *[260] * 6), set()),
        (trace(*[401] * 13, limit="high"), {"high"}),
        (trace(260, *[260] * 2, every=30), set()),  # nobody knows what lay between
    ],
)
def test_what_readings_say(samples: list[Sample], told: set[Cause]) -> None:
    assert holding(samples) == told


def test_a_louder_cause_covers_a_lower_one() -> None:
    found = {one.cause: one for one in glucose_findings(trace(110, 90, 70, 50), TERMS, NOW, clock_ok=True)}
    assert found["low"].covered_by == ("urgent_low",)
    assert found["falling"].holds
    assert found["falling"].covered_by == ("urgent_low", "low")
    assert found["falling"].rate == pytest.approx(-4.0)
    assert found["urgent_low"].covered_by == ()


def test_nothing_is_said_of_readings_that_would_be_wrong() -> None:
    low = trace(60, 55, 50)
    assert holding(low)
    assert not known([])
    assert not known(trace(60, 55, 50, newest=NOW - FRESH - timedelta(seconds=1)))
    assert known(trace(60, 55, 50, newest=NOW - FRESH))
    assert not known(trace(60, 55, 50, newest=NOW + AHEAD + timedelta(seconds=1))), "a device's clock is ahead"
    assert not known(low, clock_ok=False), "ours is off"
    late = [msgspec.structs.replace(one, live=False) for one in low]
    assert not known(late), "its source is hours late, whatever the time of this reading says"


def low_at(holds: bool | None, cause: Cause = "low") -> Finding:
    return Finding(cause=cause, holds=holds)


def test_told_once_then_again_by_its_terms_until_it_is_over() -> None:
    state, told = due(State(), low_at(True), TERMS, ZONE, NOW)
    assert told
    assert state == State(since=NOW, said_at=NOW, times=1)
    state, told = due(state, low_at(True), TERMS, ZONE, NOW + timedelta(minutes=29))
    assert not told
    state, told = due(state, low_at(True), TERMS, ZONE, NOW + timedelta(minutes=30))
    assert told
    assert state.times == 2
    over, told = due(state, low_at(False), TERMS, ZONE, NOW + timedelta(minutes=35))
    assert not told
    assert over.since is None
    again, told = due(over, low_at(True), TERMS, ZONE, NOW + timedelta(minutes=40))
    assert not told, "what comes and goes at the limit is told no more often"
    _, told = due(again, low_at(True), TERMS, ZONE, NOW + timedelta(minutes=60))
    assert told


def test_acknowledged_until_it_is_over() -> None:
    state = State(since=NOW, said_at=NOW, times=1, acknowledged_at=NOW)
    for minutes in (30, 120, 24 * 60):
        state, told = due(state, low_at(True), TERMS, ZONE, NOW + timedelta(minutes=minutes))
        assert not told
    state, _ = due(state, low_at(False), TERMS, ZONE, NOW + timedelta(days=1, minutes=5))
    _, told = due(state, low_at(True), TERMS, ZONE, NOW + timedelta(days=1, minutes=10))
    assert told


def test_what_is_not_known_tells_nothing_and_ends_after_a_while() -> None:
    state = State(since=NOW, said_at=NOW, times=1)
    same, told = due(state, low_at(None), TERMS, ZONE, NOW + UNKNOWN_FOR)
    assert (same, told) == (state, False)
    over, told = due(state, low_at(None), TERMS, ZONE, NOW + UNKNOWN_FOR + timedelta(minutes=1))
    assert (over.since, told) == (None, False)
    assert due(State(), low_at(None), TERMS, ZONE, NOW) == (State(), False)


def test_of_the_running_of_things_once_a_day_by_the_persons_calendar() -> None:
    evening = datetime(2026, 6, 17, 21, 50, tzinfo=UTC)  # 23:50 in Berlin
    state, told = due(State(), low_at(True, "sync_failing"), TERMS, ZONE, evening)
    assert told
    state, told = due(state, low_at(False, "sync_failing"), TERMS, ZONE, evening + timedelta(minutes=1))
    state, told = due(state, low_at(True, "sync_failing"), TERMS, ZONE, evening + timedelta(minutes=2))
    assert not told, "twice a day, though it was over between"
    _, told = due(state, low_at(True, "sync_failing"), TERMS, ZONE, evening + timedelta(minutes=10))
    assert not told, "it is the next day in Berlin, and nobody is woken for it"
    morning = datetime(2026, 6, 18, 6, 0, tzinfo=UTC)  # 08:00 in Berlin
    assert not due(state, low_at(True, "sync_failing"), TERMS, ZONE, morning - timedelta(minutes=1))[1]
    assert due(state, low_at(True, "sync_failing"), TERMS, ZONE, morning)[1]
    assert not due(state, low_at(True, "sync_failing"), TERMS, "UTC", morning)[1], "and not yet in London"


def test_quiet_hours_put_off_and_an_urgent_low_comes_through() -> None:
    terms = Terms(quiet_start=22 * 60, quiet_end=7 * 60)
    night = datetime(2026, 6, 17, 23, 0, tzinfo=UTC)  # 01:00 in Berlin
    state, told = due(State(), low_at(True), terms, ZONE, night)
    assert not told
    assert state.since == night, "that it is the case is remembered"
    _, told = due(state, low_at(True), terms, ZONE, night + timedelta(hours=6))
    assert told, "at 07:00 it is told, as it still is the case"
    assert due(State(), low_at(True, "urgent_low"), terms, ZONE, night)[1]
    silent = msgspec.structs.replace(terms, urgent_anyway=False)
    assert not due(State(), low_at(True, "urgent_low"), silent, ZONE, night)[1]


@given(
    start=st.integers(0, 1439),
    end=st.integers(0, 1439),
    minutes=st.integers(0, 60 * 24 * 400),
    zone=st.sampled_from(["Europe/Berlin", "America/St_Johns", "Pacific/Auckland", "UTC"]),
)
def test_quiet_hours_are_the_minutes_from_start_to_end(start: int, end: int, minutes: int, zone: str) -> None:
    """Against a walk round the clock."""
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    local = now.astimezone(ZoneInfo(zone))
    hush = {(start + k) % 1440 for k in range((end - start) % 1440)}
    terms = Terms(quiet_start=start, quiet_end=end)
    assert is_quiet("low", terms, zone, now) == (local.hour * 60 + local.minute in hush)
    then = quiet_until("low", terms, zone, now)
    assert now <= then <= now + timedelta(hours=25)
    assert (then == now) == (not is_quiet("low", terms, zone, now))
    if then > now:
        shifted = then.astimezone(ZoneInfo(zone)).utcoffset() != local.utcoffset()
        assert shifted or not is_quiet("low", terms, zone, then)


@given(
    steps=st.lists(st.tuples(st.sampled_from([True, False, None]), st.integers(1, 90), st.booleans()), max_size=60),
    cause=st.sampled_from(OF_PERSON),
)
def test_never_more_often_than_the_terms_say(steps: list[tuple[bool | None, int, bool]], cause: Cause) -> None:
    """Whatever comes and goes, is acknowledged or unknown, at whatever pace."""
    state, now, told_at = State(), NOW, list[datetime]()
    for holds, minutes, acknowledged in steps:
        now += timedelta(minutes=minutes)
        if acknowledged and state.since is not None:
            state = msgspec.structs.replace(state, acknowledged_at=now)
        before = state
        state, told = due(state, low_at(holds, cause), TERMS, ZONE, now)
        if told:
            assert holds
            assert before.acknowledged_at is None
            told_at.append(now)
    for one, next_one in pairwise(told_at):
        if cause in GLUCOSE:
            assert next_one - one >= timedelta(minutes=TERMS.repeat_minutes)
        elif cause == "weekly":
            assert next_one - one >= timedelta(days=1)
        else:
            assert next_one.astimezone(ZoneInfo(ZONE)).date() > one.astimezone(ZoneInfo(ZONE)).date()


def test_a_clock_that_ran_ahead_silences_nobody() -> None:
    ahead = State(since=NOW, said_at=NOW + timedelta(days=400), times=1)
    assert due(ahead, low_at(True), TERMS, ZONE, NOW)[1]


def test_the_week_is_told_on_monday_once_and_on_tuesday_if_it_could_not() -> None:
    made = datetime(2026, 6, 1, tzinfo=UTC)
    monday = datetime(2026, 6, 22, 6, 0, tzinfo=UTC)  # 08:00 in Berlin
    assert not weekly_finding(ZONE, monday - timedelta(minutes=1), made).holds
    assert weekly_finding(ZONE, monday, made).holds
    assert weekly_finding(ZONE, monday + timedelta(hours=47), made).holds
    assert not weekly_finding(ZONE, monday + timedelta(hours=48), made).holds
    assert not weekly_finding(ZONE, monday + timedelta(hours=3), monday + timedelta(hours=1)).holds, "added after it"
    state, told = due(State(), weekly_finding(ZONE, monday, made), TERMS, ZONE, monday)
    assert told
    tuesday = monday + timedelta(hours=25)
    assert not due(state, weekly_finding(ZONE, tuesday, made), TERMS, ZONE, tuesday)[1]
    next_week = monday + timedelta(days=7)
    assert due(state, weekly_finding(ZONE, next_week, made), TERMS, ZONE, next_week)[1]


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (Terms(urgent_low=80), "urgent_low"),
        (Terms(low=130, urgent_low=60), "low"),
        (Terms(high=120), "high"),
        (Terms(high_minutes=300), "high_minutes"),
        (Terms(repeat_minutes=1), "repeat_minutes"),
        (Terms(falling=0.1), "falling"),
        (Terms(quiet_start=60), "quiet_end"),
        (Terms(quiet_start=1440, quiet_end=5), "quiet_start"),
    ],
)
def test_terms_that_cannot_be_meant(terms: Terms, field: str) -> None:
    with pytest.raises(Rejected) as refused:
        checked(terms, MG_DL)
    assert refused.value.field == field


@pytest.mark.parametrize(
    ("terms", "words"),
    [
        (Terms(urgent_low=30), "2.2 mmol/L"),
        (Terms(low=130), "6.7 mmol/L"),
        (Terms(high=500), "7.8 mmol/L and 22.2 mmol/L"),
        (Terms(falling=20), "0.06 and 0.56"),
    ],
)
def test_bounds_are_said_in_the_unit_of_the_form_and_can_be_entered_as_they_are_said(terms: Terms, words: str) -> None:
    with pytest.raises(Rejected) as refused:
        checked(terms, MMOL_L)
    assert words in refused.value.reason
    least, most = Terms(urgent_low=in_mg_dl(2.2, MMOL_L), high=in_mg_dl(7.8, MMOL_L)), Terms(low=in_mg_dl(6.7, MMOL_L))
    assert checked(least, MMOL_L) == least
    assert checked(most, MMOL_L) == most
    steepest = Terms(falling=in_mg_dl(0.56, MMOL_L), high=in_mg_dl(22.2, MMOL_L))
    assert checked(steepest, MMOL_L) == steepest


def test_causes_by_name() -> None:
    assert causes_of(["weekly", "low"], operator=False) == ("low", "weekly")
    with pytest.raises(Rejected):
        causes_of(["low"], operator=True)
    with pytest.raises(Rejected):
        causes_of([], operator=False)
