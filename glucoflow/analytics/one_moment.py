"""One moment once: which readings count where the same moment is held from several sources.

A source is one way on which one sensor's readings arrive: a sensor, read by a phone and a watch, or through two clouds,
has several. The caller ranks them. Two sensors worn at once are two sources too, and only one of them counts at a time.
"""

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

COPY_MS = 30_000
"""Two readings of one source nearer than this are copies: no sensor measures more often than once a minute."""


def superseded(time_ms: Ints, interval_ms: Ints, rank: Ints) -> Bools:
    """Which readings do not count, since a better one stands for their moment. Readings may come in any order.

    `rank` numbers the sources, 0 the best; of two readings of one source and moment the one that comes first counts.
    A reading that counts stands for half its own interval to either side, both ends included. One of a worse source
    within that does not count; nor does one of the same source less than 30 s (or half an interval, if that is shorter)
    after one that counts. So of any moment one reading is left, and none goes unless one that counts stands for it.
    """
    result = np.zeros(time_ms.size, dtype=np.bool_)
    order = np.lexsort((time_ms, rank))
    ends = np.flatnonzero(np.diff(rank[order])) + 1
    taken = _Taken()
    for source in np.split(order, ends):
        times, halves = time_ms[source], interval_ms[source] // 2
        gone = taken.hold(times)
        gone[~gone] = _copies(times[~gone], np.clip(halves[~gone], 1, COPY_MS))
        result[source] = gone
        taken.take(times[~gone] - halves[~gone], times[~gone] + halves[~gone])
    return result


def _copies(times: Ints, apart: Ints) -> Bools:
    """Which of these ascending times come too soon after the last one that is no copy."""
    copies = np.zeros(times.size, dtype=np.bool_)
    if not (np.diff(times) < apart[1:]).any():
        return copies
    last = times[0]
    for at in range(1, times.size):
        copies[at] = times[at] - last < apart[at]
        if not copies[at]:
            last = times[at]
    return copies


class _Taken:
    """Spans of time that count already: disjoint and ascending, both ends included."""

    def __init__(self) -> None:
        self._starts: Ints = np.zeros(0, dtype=np.int64)
        self._ends: Ints = np.zeros(0, dtype=np.int64)

    def hold(self, times: Ints) -> Bools:
        """Which times lie in one of them."""
        at = np.searchsorted(self._starts, times, side="right") - 1
        found: Bools = at >= 0
        found[found] = times[found] <= self._ends[at[found]]
        return found

    def take(self, starts: Ints, ends: Ints) -> None:
        """These spans too."""
        starts, ends = np.concatenate([self._starts, starts]), np.concatenate([self._ends, ends])
        order = np.argsort(starts, kind="stable")
        starts, reach = starts[order], np.maximum.accumulate(ends[order])
        fresh = np.concatenate([[True], starts[1:] > reach[:-1]]) if starts.size else np.zeros(0, dtype=np.bool_)
        last = np.concatenate([fresh[1:], [True]]) if starts.size else fresh
        self._starts, self._ends = starts[fresh], reach[last]
