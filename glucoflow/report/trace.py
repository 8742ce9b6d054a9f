"""What every kind of file is read into: one person's readings with wall-clock times."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from glucoflow.analytics.series import MINUTE_MS, Floats, Ints, Series
from glucoflow.model.glycemia import ExcludedCounts
from glucoflow.model.units import MG_DL_PER_MMOL_L
from glucoflow.report.wallclock import offsets, wall_ms

LOW_VALUE, HIGH_VALUE = 39.0, 401.0
LARGEST_MMOL_L = 35.0
"""Meters end at 33.3 mmol/L and sensors begin at 39 mg/dL: a larger value tells that the column is in mg/dL."""

LOW_WORDS = frozenset({"low", "lo", "niedrig", "tief", "bajo", "bas", "basso", "laag", "lav", "låg", "baixo", "niski"})
HIGH_WORDS = frozenset({"high", "hi", "hoch", "alto", "haut", "élevé", "hoog", "høj", "høy", "hög", "wysoki"})


@dataclass
class Trace:
    """Rows in file order. `offset` holds minutes where the file itself says them, None where it does not."""

    id: str
    local_ms: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    offset: list[int | None] = field(default_factory=list)
    ticks: list[int] = field(default_factory=list)
    unreadable: int = 0
    repeated: int = 0

    def add(self, moment: datetime, value: float, tick: int = -1) -> None:
        """Adds one row; an aware `moment` brings its own offset."""
        delta = moment.utcoffset()
        self.local_ms.append(wall_ms(moment.replace(tzinfo=None)))
        self.value.append(value)
        self.offset.append(None if delta is None else int(delta.total_seconds()) // 60)
        self.ticks.append(tick)


def number_or_limit(text: str) -> float | None:
    """A glucose field: a number (decimal comma allowed), or Low / High as 39 / 401 mg/dL; None for anything else.

    39 and 401 come back negative so that a conversion to mg/dL leaves them alone; `in_mg_dl` restores them.
    """
    word = text.strip().strip('"').lower()
    if word in LOW_WORDS:
        return -LOW_VALUE
    if word in HIGH_WORDS:
        return -HIGH_VALUE
    try:
        number = float(word.replace(",", "."))
    except ValueError:
        return None
    return number if number > 0 else None


def series_of(trace: Trace, zone: ZoneInfo | None, mmol: bool | None) -> Series:
    """The trace as a series in mg/dL. `mmol` None: decided by the values (see `LARGEST_MMOL_L`).

    Without zone or offsets the wall clock is taken as UTC, so that local hours and days are right all the same.
    """
    local: Ints = np.array(trace.local_ms, dtype=np.int64)
    ticks = np.array(trace.ticks, dtype=np.int64)
    offset = offsets(local, zone, ticks if (ticks >= 0).any() else None).astype(np.int64)
    for i, own in enumerate(trace.offset):
        if own is not None:
            offset[i] = own
    series = Series.of(local - offset * MINUTE_MS, in_mg_dl(np.array(trace.value), mmol), offset)
    counted = series.excluded_counts
    counts = ExcludedCounts(counted.invalid + trace.unreadable, counted.duplicate + trace.repeated)
    return replace(series, excluded_counts=counts)


def in_mg_dl(values: Floats, mmol: bool | None) -> Floats:
    """Values in mg/dL; whole where they came from whole ones."""
    limits = values < 0
    numbers = values[~limits]
    if mmol is None:
        mmol = bool(numbers.size) and not bool((numbers > LARGEST_MMOL_L).any())
    result: Floats = np.abs(values)
    if mmol:
        exact = result * MG_DL_PER_MMOL_L
        near = np.rint(exact)
        result = np.where(limits, result, np.where(np.abs(exact - near) < 1e-4, near, exact))
    return result
