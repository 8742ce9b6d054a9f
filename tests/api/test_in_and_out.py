"""What comes in comes out: every entry, field by field; and all of what a phone had, however often it is killed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.conftest import Phone
from tests.api.doubles import XdripQueue, upload_all
from tests.api.sent import NOW, ms
from tests.web.serving import Site

TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=40)
NUMBER = st.integers(-(2**40), 2**40) | st.floats(allow_nan=False, allow_infinity=False, width=32)
OWN = st.dictionaries(
    st.text("abcdefghij", min_size=3, max_size=10).map(lambda name: f"x_{name}"),
    st.none() | st.booleans() | NUMBER | TEXT | st.lists(TEXT, max_size=3) | st.dictionaries(TEXT, TEXT, max_size=2),
    max_size=4,
)
DIRECTIONS = ("Flat", "SingleUp", "FortyFiveDown", "DoubleDown", "TripleUp", "NONE", "NOT COMPUTABLE")
ENTRY = st.fixed_dictionaries(
    {"sgv": st.integers(39, 500), "direction": st.sampled_from(DIRECTIONS), "type": st.just("sgv"), "device": TEXT},
    optional={"noise": st.integers(0, 4), "filtered": st.integers(0, 10**6), "delta": st.floats(-30, 30, width=32)},
)


@pytest.fixture(scope="module")
def one_phone(doors: Site) -> Iterator[Phone]:
    doors.store.people.add("inout", "In Out", datetime.now(UTC))
    with Phone(doors, "inout") as made:
        yield made


@settings(max_examples=12, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(st.integers(1, 900_000), ENTRY, OWN), min_size=1, max_size=12, unique_by=lambda one: one[0]))
def test_entries_in_are_entries_out(one_phone: Phone, drawn: list[tuple[int, dict[str, Any], dict[str, Any]]]) -> None:
    """The span is emptied first: each example is alone in it."""
    since = NOW - timedelta(days=20)
    one_phone.delete(f"/api/v1/entries?find[date][$gte]={ms(since)}")
    sent = []
    for at, entry, own in drawn:
        time = since + timedelta(seconds=at)
        text = time.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        sent.append({**own, **entry, "date": ms(time), "dateString": text, "sysTime": text})
    answer = one_phone.post("/api/v1/entries", json=sent)
    assert answer.status_code == 200
    ids = [one["_id"] for one in answer.json()]
    query = f"find[date][$gte]={ms(since)}&find[date][$lt]={ms(NOW)}&count=100"
    for path in (f"/api/v1/entries.json?{query}", f"/api/v1/entries/sgv.json?{query}"):
        held = {one["_id"]: one for one in one_phone.get(path).json()}
        assert set(held) == set(ids)
        for own_id, one in zip(ids, sent, strict=True):
            given_back = {name: held[own_id].get(name) for name in one}
            assert given_back == one


def test_a_phone_that_is_killed_at_random_ends_complete(doors: Site, user: str) -> None:
    times = [NOW - timedelta(minutes=5 * at) for at in range(1_500)]
    queue = XdripQueue.of(times, Random(1))
    with Phone(doors, user) as phone:
        kills = upload_all(phone, queue, Random(1), every=2)
        held = phone.get(f"/api/v1/entries.json?count=10000&find[date][$gte]={ms(NOW - timedelta(days=30))}").json()
    assert kills > 2
    assert len(held) == len(times)
    assert {(one["date"], one["sgv"]) for one in held} == queue.all_of_them
