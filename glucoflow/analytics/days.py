"""One row per local day, and per two hours of each day: what patterns and protocols compare."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from glucoflow.analytics.series import Bools, Floats, Ints, Series, day_number
from glucoflow.model.localtime import MINUTE_MS
from glucoflow.model.targets import Targets

BLOCKS = 12
BLOCK_MINUTES = 120
DAY_ENOUGH = BLOCK_ENOUGH = 0.7
"""Share of a day, or of a block, that must be worn for it to count."""


@dataclass(frozen=True, eq=False)
class DayTable:
    """Arrays over the local days [first, first + len). Percentages are of worn time, NaN on days without readings.

    below, above and in_range follow the targets; `cv` needs two readings.
    """

    first: date
    covered: Floats
    in_range: Floats
    below: Floats
    above: Floats
    mean: Floats
    cv: Floats

    @property
    def enough(self) -> Bools:
        """Days worn for at least 70 % of 24 hours."""
        result: Bools = self.covered >= DAY_ENOUGH
        return result

    @property
    def weekday(self) -> Ints:
        return (day_number(self.first) + np.arange(self.covered.size) + 3) % 7 + 1

    def dates(self, mask: Bools) -> tuple[date, ...]:
        return tuple(self.first + timedelta(days=int(i)) for i in np.flatnonzero(mask))


@dataclass(frozen=True, eq=False)
class BlockTable:
    """Minutes by local day (rows) and two-hour block (columns): worn, below and above the targets."""

    first: date
    worn: Floats
    low: Floats
    high: Floats

    @property
    def enough(self) -> Bools:
        result: Bools = self.worn >= BLOCK_ENOUGH * BLOCK_MINUTES
        return result


def day_table(series: Series, start: date, end: date, targets: Targets) -> DayTable:
    """The table of the local days [start, end)."""
    used = series.between(start, end).used
    rows, days = used.local_day - day_number(start), (end - start).days
    minutes = used.interval_ms / MINUTE_MS
    low, high = used.whole < targets.low, used.whole > targets.high

    def total(weights: Floats) -> Floats:
        return np.bincount(rows, weights=weights, minlength=days)[:days].astype(np.float64)

    worn = total(minutes)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = total(minutes * used.mg_dl) / worn
        count = total(np.ones(len(used)))
        square = total(minutes * (used.mg_dl - mean[rows]) ** 2) / worn * count / (count - 1)
        below, above = 100 * total(minutes * low) / worn, 100 * total(minutes * high) / worn
        return DayTable(
            first=start,
            covered=worn / 1440,
            in_range=100 - below - above,
            below=below,
            above=above,
            mean=mean,
            cv=100 * np.sqrt(square) / mean,
        )


def block_table(series: Series, start: date, end: date, targets: Targets) -> BlockTable:
    """The two-hour blocks of the local days [start, end)."""
    used = series.between(start, end).used
    days = (end - start).days
    cell = (used.local_day - day_number(start)) * BLOCKS + used.minute_of_day // BLOCK_MINUTES
    minutes = used.interval_ms / MINUTE_MS

    def total(mask: Bools) -> Floats:
        sums = np.bincount(cell, weights=minutes * mask, minlength=days * BLOCKS).astype(np.float64)
        return sums[: days * BLOCKS].reshape(days, BLOCKS)

    return BlockTable(
        first=start,
        worn=total(np.ones(len(used), dtype=np.bool_)),
        low=total(used.whole < targets.low),
        high=total(used.whole > targets.high),
    )
