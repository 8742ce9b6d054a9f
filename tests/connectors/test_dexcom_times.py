"""Every way of writing a time that was seen in real traffic, and what must not pass for one."""

import contextlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.dexcom.times import offset_min, request_time, system_time

AT = datetime(2026, 3, 8, 9, 55, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-03-08T09:55:03Z", AT),
        ("2026-03-08T09:55:03z", AT),
        ("2026-03-08T09:55:03", AT),  # receivers: no zone is UTC
        ("2026-03-08 09:55:03", AT),
        ("2026-03-08T09:55:03.250Z", AT + timedelta(milliseconds=250)),
        ("2026-03-08T09:55:03.1234567", AT + timedelta(microseconds=123456)),
        ("2026-03-08T09:55Z", AT.replace(second=0)),
        ("2026-3-8T9:5:3Z", datetime(2026, 3, 8, 9, 5, 3, tzinfo=UTC)),
        ("2026-03-08T01:55:03-08:00", AT),
        ("2026-03-08T02:55:05-06:59:58", AT),
        ("2026-03-08T10:55:03+01", AT),
        ("2026-03-08T10:55:03+0100", AT),
        (" 2026-03-08T09:55:03Z ", AT),
        ("2026-03-08T09:55:03.", AT),  # broken off
        ("2026-03-08T09:55:", AT.replace(second=0)),
        ("2026-03-08T09:55", AT.replace(second=0)),
    ],
)
def test_a_time_in_any_form_that_was_seen(text: str, expected: datetime) -> None:
    assert system_time(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-03-08",
        "2026-03-08T",
        "2026-03-08T09",
        "2026-13-08T09:55:03Z",
        "2026-02-30T09:55:03Z",
        "2026-03-08T25:00:00Z",
        "0000-00-00T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "1772963703",
        "2026-03-08T09:55:03-08:",
        "08/03/2026 09:55",
    ],
)
def test_what_is_not_a_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        system_time(text)


@pytest.mark.parametrize(
    ("display", "minutes"),
    [
        ("2026-03-08T01:55:03-08:00", -480),
        ("2026-03-08T09:55:03+00:00", 0),
        ("2026-03-08T15:25:03+05:30", 330),
        ("2026-03-08T15:40:03+05:45", 345),
        ("2026-03-08T23:55:03+14:00", 840),
        ("2026-03-08T02:55:05-06:59:58", -420),
        ("2026-03-08T10:55:03", 60),  # none given: the difference, to the quarter
        ("2026-03-08T10:57:40", 60),  # … whatever the receiver's clock drifted
        ("2026-03-08T15:25:03", 330),
        ("2026-03-08T15:40:03", 345),  # Kathmandu
        ("2026-03-08T10:55:03Z", 60),
        ("2026-03-09T01:55:03", -480),  # the right zone, the wrong date
        ("2026-03-07T10:55:03", 60),
        ("2026-03-08T09:55:03", None),  # a receiver that shows UTC says nothing about its owner
        ("2026-03-08T09:55:03Z", None),
        ("2026-03-08T09:55:03+23:00", None),
        ("garbage", None),
        ("", None),
        (None, None),
    ],
)
def test_the_owners_offset(display: str | None, minutes: int | None) -> None:
    assert offset_min(display, AT) == minutes


@given(st.integers(0, 2**31), st.integers(-47, 55))
def test_an_offset_comes_back_from_a_phones_pair_and_from_a_receivers(epoch: int, quarters: int) -> None:
    system = datetime.fromtimestamp(epoch, UTC)
    shown = system + timedelta(minutes=15 * quarters)
    sign = "-" if quarters < 0 else "+"
    hours, quarter = divmod(abs(quarters), 4)
    phone = f"{shown:%Y-%m-%dT%H:%M:%S}{sign}{hours:02}:{15 * quarter:02}"
    assert offset_min(phone, system) == 15 * quarters
    assert offset_min(f"{shown:%Y-%m-%dT%H:%M:%S}", system) == (15 * quarters or None)


@given(st.text(max_size=40))
def test_no_text_does_anything_but_parse_or_raise_valueerror(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert system_time(text).tzinfo is UTC
    offset_min(text, AT)


def test_a_query_carries_no_zone() -> None:
    assert request_time(datetime(2026, 3, 8, 1, 55, 3, tzinfo=UTC)) == "2026-03-08T01:55:03"
