"""Chance that depends on nothing but (seed, person, purpose, number): the same question always gets the same answer."""

import hashlib

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DAY = 86_400
STEP = 300
"""Seconds between two readings."""
SLOTS = DAY // STEP


def dice(seed: int, *what: str | int) -> np.random.Generator:
    """A generator of its own for one purpose, e.g. `dice(seed, "alma", "meals", 20512)`."""
    digest = hashlib.sha256("/".join(map(str, (seed, *what))).encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "big")))


def wandering(
    seed: int, person: str, purpose: str, first_slot: int, count: int, memory: float, inertia: float
) -> Floats:
    """`count` values of an AR(2) process (mean 0, SD 1) with roots `memory` and `inertia`, from an absolute slot on.

    White noise is drawn by whole days and filtered with a kernel one day long, so that two overlapping stretches agree
    and no stretch needs the history before its own eve. Good for memory up to about 0.98.
    """
    first_day = first_slot // SLOTS - 1
    last_day = (first_slot + count - 1) // SLOTS
    days = range(first_day, last_day + 1)
    white = np.concatenate([dice(seed, person, purpose, day).normal(size=SLOTS) for day in days])
    lags = np.arange(SLOTS)
    kernel = np.convolve(memory**lags, inertia**lags)[:SLOTS]
    kernel /= np.sqrt((kernel**2).sum())
    begin = first_slot - first_day * SLOTS
    filtered: Floats = np.convolve(white[begin - SLOTS + 1 : begin + count], kernel, mode="valid")
    return filtered
