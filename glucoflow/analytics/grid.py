"""Readings on an even 5-minute grid: what MODD, CONGA, MAG, MAGE and episodes are computed on.

Convention (iglu's `CGMS2DayByDay`): points from 5 minutes after local midnight to the next midnight, linear in between,
nothing inside a gap of over 45 minutes. Ours differs in two things. The grid runs in elapsed time from the first
reading's local midnight, so that a summer-time change or a journey neither folds nor tears the trace; what is
compared day with day (MODD, CONGA) goes by the wearer's clock all the same (`by_clock`). And it is always 5 minutes,
whatever the sensor's interval.
"""

from dataclasses import dataclass

import numpy as np

from glucoflow.analytics.series import Floats, Ints, Series
from glucoflow.model.localtime import DAY_MS, MINUTE_MS

STEP_MS = 5 * MINUTE_MS
STEP_MIN = 5
PER_DAY = DAY_MS // STEP_MS
MAX_GAP_MS = 45 * MINUTE_MS


@dataclass(frozen=True, eq=False)
class Grid:
    """`values[k]` is the glucose (mg/dL, NaN where missing) at `anchor + (k + 1) · 5 min` (epoch ms)."""

    anchor: int
    values: Floats
    shift_min: Ints | None = None
    """By how much the wearer's clock had moved at each point since the first; None where it never did."""

    @property
    def by_clock(self) -> Floats:
        """The values by the wearer's clock: point k stands for k · 5 min on it since the first midnight.

        An hour that the clock skips is missing; of an hour that it shows twice the second pass is held.
        """
        if self.shift_min is None:
            return self.values
        at = np.arange(self.values.size) + self.shift_min // STEP_MIN
        at -= min(0, int(at.min()))
        held = ~np.isnan(self.values)
        result: Floats = np.full(int(at.max()) + 1, np.nan)
        result[at[held]] = self.values[held]
        return result

    @property
    def times(self) -> Ints:
        return self.anchor + STEP_MS * np.arange(1, self.values.size + 1, dtype=np.int64)

    def time(self, index: int) -> int:
        return self.anchor + STEP_MS * (index + 1)


def grid_of(series: Series, values: Floats | None = None) -> Grid:
    """The grid under a series of used readings; `values` replaces its mg/dL (episodes pass whole ones)."""
    if len(series) == 0:
        return Grid(0, np.empty(0))
    local = int(series.local_ms[0])
    anchor = int(series.utc[0]) - local % DAY_MS
    elapsed = series.utc - anchor
    days = -(-int(elapsed[-1]) // DAY_MS)
    points = STEP_MS * np.arange(1, days * PER_DAY + 1, dtype=np.int64)
    filled = np.interp(points, elapsed, series.mg_dl if values is None else values, left=np.nan, right=np.nan)
    gaps = np.flatnonzero(np.diff(elapsed) > MAX_GAP_MS)
    first = elapsed[gaps] // STEP_MS
    last = -(-elapsed[gaps + 1] // STEP_MS) - 1
    for start, end in zip(first.tolist(), last.tolist(), strict=True):
        filled[start:end] = np.nan
    offsets = series.offset_min.astype(np.int64)
    if bool((offsets == offsets[0]).all()):
        return Grid(anchor, filled)
    last_before = np.clip(np.searchsorted(elapsed, points, side="right") - 1, 0, None)
    return Grid(anchor, filled, offsets[last_before] - offsets[0])
