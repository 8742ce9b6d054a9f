"""Sensors and transmitters: ten days each, a warm-up without readings, and readings every five minutes from then on."""

from dataclasses import dataclass

import numpy as np

from glucoflow.simulator.chance import DAY, STEP, Ints, dice
from glucoflow.simulator.world import Person

SESSION = 10 * DAY
WARM_UP = {"g6": 2 * 3600, "g7": 30 * 60}
SESSIONS_A_TRANSMITTER = {"g6": 9, "g7": 1}
"""A G6 transmitter is worn for about 90 days, that of a G7 is part of the sensor."""


@dataclass(frozen=True)
class Session:
    """One sensor: inserted at `start`, first reading at `first`, none from `end` on; `bias` is its factory error."""

    number: int
    start: int
    first: int
    end: int
    transmitter: int
    transmitter_start: int
    bias: float

    def times(self, start: int, end: int) -> Ints:
        """The moments of its readings within [start, end), ascending."""
        low, high = max(start, self.first), min(end, self.end)
        begin = self.first + -(-(low - self.first) // STEP) * STEP
        return np.arange(begin, max(begin, high), STEP, dtype=np.int64)


def sessions(person: Person, seed: int, start: int, end: int) -> list[Session]:
    """The sensors worn at any time of [start, end), in order."""
    first = (start - _anchor(person, seed)) // SESSION - 1
    last = (end - _anchor(person, seed)) // SESSION + 1
    found = [_session(person, seed, number) for number in range(first, last + 1)]
    return [session for session in found if session.start < end and session.end > start]


def transmitter_id(person: Person, seed: int, number: int) -> str:
    """64 hex digits, as the cloud hides the number that is printed on the box."""
    return dice(seed, person.id, "transmitter", number).bytes(32).hex()


def _session(person: Person, seed: int, number: int) -> Session:
    lasting = SESSIONS_A_TRANSMITTER[person.generation]
    transmitter = number // lasting
    start = _start(person, seed, number)
    return Session(
        number=number,
        start=start,
        first=start + WARM_UP[person.generation],
        end=_start(person, seed, number + 1) - 600,
        transmitter=transmitter,
        transmitter_start=_start(person, seed, transmitter * lasting),
        bias=float(dice(seed, person.id, "bias", number).normal(0, 0.03)),
    )


def _anchor(person: Person, seed: int) -> int:
    return int(dice(seed, person.id, "anchor").integers(SESSION))


def _start(person: Person, seed: int, number: int) -> int:
    jitter = int(dice(seed, person.id, "insertion", number).integers(-6 * 3600, 6 * 3600))
    return _anchor(person, seed) + number * SESSION + jitter
