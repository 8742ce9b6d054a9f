"""Sensors and transmitters: ten days each, a warm-up without readings, and readings every five minutes from then on."""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from glucoflow.simulators.chance import DAY, STEP, Ints, dice
from glucoflow.simulators.scenario import SimulatedPerson

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


class Sensors:
    """All sensors and transmitters that one person ever wears, under one seed."""

    def __init__(self, person: SimulatedPerson, seed: int) -> None:
        self._person = person
        self._seed = seed
        self._session = lru_cache(maxsize=512)(self._make)
        self.transmitter_id = lru_cache(maxsize=512)(self._transmitter_id)
        """64 hex digits by transmitter number, as the cloud hides the number that is printed on the box."""

    def worn(self, start: int, end: int) -> list[Session]:
        """The sensors worn at any time of [start, end), in order."""
        first = (start - self._anchor) // SESSION - 1
        last = (end - self._anchor) // SESSION + 1
        found = [self._session(number) for number in range(first, last + 1)]
        return [session for session in found if session.start < end and session.end > start]

    @cached_property
    def _anchor(self) -> int:
        return int(dice(self._seed, self._person.id, "anchor").integers(SESSION))

    def _make(self, number: int) -> Session:
        generation = self._person.generation
        lasting = SESSIONS_A_TRANSMITTER[generation]
        transmitter = number // lasting
        start = self._start(number)
        return Session(
            number=number,
            start=start,
            first=start + WARM_UP[generation],
            end=self._start(number + 1) - 600,
            transmitter=transmitter,
            transmitter_start=self._start(transmitter * lasting),
            bias=float(dice(self._seed, self._person.id, "bias", number).normal(0, 0.03)),
        )

    def _start(self, number: int) -> int:
        jitter = dice(self._seed, self._person.id, "insertion", number).integers(-6 * 3600, 6 * 3600)
        return self._anchor + number * SESSION + int(jitter)

    def _transmitter_id(self, number: int) -> str:
        return dice(self._seed, self._person.id, "transmitter", number).bytes(32).hex()
