"""Whole answers of the provider made odd, by a seed: it costs one connection what it costs, and nothing for good.

Truncated, of other types, with integers of 5,000 digits, in broken gzip, of another content type, nested without end.
"""

import gzip
import json
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import orjson
import pytest

from glucoflow.simulators.dexcom import Fault, demo_scenario
from tests.flows.conftest import NOW, House, OpenHouse

Headers = dict[bytes, bytes]
DIGITS = b"9" * 5_000
ODD: list[Any] = [None, True, [], {}, "", "x", -1, 1e300, 10**18, "2099-01-01T00:00:00Z", "0001-01-01T00:00:00Z", [[1]]]
ROUNDS = 6


class Mutation:
    """Changes each answer that it is asked to, another way each time; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.done: list[str] = []

    def __call__(self, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
        how = self._random.choice([cut, noise, zipped, half_zipped, page, nothing, deep, digits, odd, odd, missing])
        self.done.append(how.__name__)
        return how(self._random, headers, body)


def cut(random: Random, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    return headers, body[: random.randrange(len(body))]


def noise(random: Random, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    del body
    return headers, random.randbytes(random.randrange(1, 4_000))


def zipped(_random: Random, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """It says gzip, and is none."""
    return {**headers, b"content-encoding": b"gzip"}, body


def half_zipped(random: Random, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    packed = gzip.compress(body)
    return {**headers, b"content-encoding": b"gzip"}, packed[: random.randrange(12, len(packed))]


def page(_random: Random, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    return {**headers, b"content-type": b"text/html; charset=no-such"}, b"<html>" + body


def nothing(random: Random, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    del body
    return headers, random.choice([b"", b"null", b"[]", b"0", b'""', b"{}", b'{"records": null}', b"\xff\xfe{}"])


def deep(_random: Random, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    return headers, b'{"records": ' + b"[" * 20_000 + body + b"]" * 20_000 + b"}"


def digits(random: Random, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """In place of any value at all."""
    mark = random.randrange(10**9, 10**10)
    changed = orjson.dumps(somewhere(random, orjson.loads(body), mark))
    return headers, changed.replace(str(mark).encode(), DIGITS)


def odd(random: Random, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    whole = orjson.loads(body)
    for _ in range(random.randrange(1, 400)):
        whole = somewhere(random, whole, random.choice(ODD))
    return headers, json.dumps(whole).encode()


def missing(random: Random, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    whole = orjson.loads(body)
    for _ in range(random.randrange(1, 400)):
        holder, key = spot(random, whole)
        if holder is not None and isinstance(holder, dict):
            del holder[key]
    return headers, orjson.dumps(whole)


def somewhere(random: Random, whole: Any, value: Any) -> Any:
    """The value in place of one that is anywhere in it: the account's id excepted, which is another matter."""
    holder, key = spot(random, whole)
    if holder is not None and key != "userId":
        holder[key] = value
    return whole


def spot(random: Random, whole: Any) -> tuple[Any, Any]:
    """A place in a JSON value, found by going in."""
    holder, key = None, None
    while isinstance(whole, dict | list) and whole:
        holder, key = whole, random.choice(list(whole)) if isinstance(whole, dict) else random.randrange(len(whole))
        whole = holder[key]
        if random.random() < 0.2:
            break
    return holder, key


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_odd_answers_cost_their_connection_and_nothing_for_good(open_house: OpenHouse, seed: int) -> None:
    scenario = demo_scenario(NOW, days=1)
    two = tuple(scenario.person(name) for name in ("alma", "bruno"))
    with open_house(replace(scenario, people=two)) as house:
        mutation = Mutation(seed)
        house.sim.faults.add(Fault("changed", path="/users/self/", times=None, person="alma", change=mutation))
        for _ in range(ROUNDS):
            outcomes = {one.user_id: one.status for one in due(house)}
            assert outcomes["bruno"] == "ok", "a neighbour is not touched"
            assert house.values("bruno") == house.truth("bruno")
            house.clock.advance(timedelta(hours=1))
        assert house.sim.faults.served["changed"] == len(mutation.done) >= ROUNDS
        house.sim.faults.clear()
        for _ in range(3):
            house.clock.advance(timedelta(hours=7))
            due(house)
        (outcome,) = house.sync("alma")
        assert outcome.status == "ok", outcome.message
        assert house.values("alma") == house.truth("alma")
        assert house.rt.store.unread.list() == ()


def due(house: House) -> Any:
    """A sync of everybody, whenever their next poll may be."""
    for connection in house.rt.store.connections.list():
        house.rt.store.connections.schedule(connection.id, house.clock())
    return house.sync()
