"""How long each reading stands for, told from the times of the readings alone, by sensor session."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SENSOR_INTERVALS_MS = (60_000, 300_000, 900_000)
AROUND = 25
"""So many spacings around a reading tell its sensor's interval."""
LONGEST_SPACING_MS = (210_000, 750_000)
"""Up to here readings are a minute apart, and up to here five: with every second one lost they are ten."""
NEARLY = 0.1
MOSTLY = 0.7


def infer_intervals(utc: Ints) -> Ints:
    """How long each of ascending moments stands for: the median spacing around it, as 1, 5 or 15 minutes.

    Two dozen readings outlive jitter, gaps, lost readings and a stray one, and a change of sensor at noon is one at
    noon. Where nearly every second spacing is a sensor's own, two streams of one sensor run through each other
    (`second_streams`).
    """
    if utc.size < 2:
        return np.full(utc.size, SENSOR_INTERVALS_MS[1], dtype=np.int64)
    choices = np.array(SENSOR_INTERVALS_MS, dtype=np.int64)
    spacing = _around(np.maximum(utc[1:] - utc[:-1], 1).astype(np.float64), utc.size, np.median)
    intervals: Ints = choices[np.searchsorted(LONGEST_SPACING_MS, spacing)]
    for choice in SENSOR_INTERVALS_MS:
        intervals[_crowded(utc, np.full(utc.size, choice, dtype=np.int64))] = choice
    return intervals


def second_streams(utc: Ints, interval_ms: Ints) -> Bools:
    """Which of ascending moments repeat what another stream of the same sensor says, a part of an interval apart.

    Only where readings come twice as often as the sensor measures; the first of each pair is kept.
    """
    result = np.zeros(utc.size, dtype=np.bool_)
    kept = None
    for at in np.flatnonzero(_crowded(utc, interval_ms)).tolist():
        if kept is not None and utc[at] - utc[kept] < 0.7 * interval_ms[at]:
            result[at] = True
        else:
            kept = at
    return result


def _crowded(utc: Ints, interval_ms: Ints) -> Bools:
    """Where around a reading nearly every one is an interval after the last but one. Lost readings do not look so."""
    if utc.size < 3:
        return np.zeros(utc.size, dtype=np.bool_)
    fits = (np.abs((utc[2:] - utc[:-2]) / interval_ms[2:] - 1) < NEARLY).astype(np.float64)
    sure = _around(fits, utc.size, np.mean) >= MOSTLY
    own = np.lib.stride_tricks.sliding_window_view(np.pad(fits, 2), 3).max(axis=1) > 0
    result: Bools = sure | (own & (_around(sure.astype(np.float64), utc.size, np.max) > 0))
    return result


def _around(values: Floats, size: int, summary: Callable[..., Floats]) -> Floats:
    """The mean or median of the spacings around each of `size` readings."""
    wide = min(AROUND, values.size if values.size % 2 else values.size - 1)
    summed = summary(np.lib.stride_tricks.sliding_window_view(values, max(wide, 1)), axis=1)
    lead = np.arange(size) - max(wide, 1) // 2
    result: Floats = summed[np.clip(lead, 0, summed.size - 1)]
    return result
