"""Mean amplitude of glycemic excursions by crossing moving averages.

Fernandes et al. (PMC3815489 and doi:10.1177/19322968211061165), as R iglu 4.3 computes it with its defaults: a 5-minute
grid, averages over 5 and 32 points, segments of at least 32 points parted by gaps of over 36 missing points (180
minutes), excursions larger than one SD of their segment, upward and downward means averaged by the segments' length.
Written with one pass where iglu builds the matrix of all pairs of extrema, which for ten years would not fit in memory.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from glucoflow.analytics.grid import STEP_MIN, Grid
from glucoflow.analytics.series import Floats

SHORT, LONG = 5, 32
MOST_MISSING = 180 // STEP_MIN
FEWEST_POINTS = 32


class Excursions(NamedTuple):
    """MAGE in mg/dL over all excursions, over the upward ones (MAGE+) and over the downward ones (MAGE−)."""

    both: float | None
    upward: float | None
    downward: float | None


def mage(grid: Grid) -> float | None:
    """MAGE in mg/dL; None where no excursion exceeds one SD."""
    return excursions(grid).both


def excursions(grid: Grid) -> Excursions:
    """MAGE, MAGE+ and MAGE−, each None where no such excursion exceeds one SD."""
    totals, weights = [0.0, 0.0], [0.0, 0.0]
    for segment in _segments(grid.values):
        length = segment.size - 1
        for side, heights in enumerate(_excursions(segment)):
            if heights:
                totals[side] += length * abs(sum(heights) / len(heights))
                weights[side] += length
    up, down = (total / weight if weight else None for total, weight in zip(totals, weights, strict=True))
    return Excursions(sum(totals) / sum(weights) if sum(weights) else None, up, down)


def _segments(values: Floats) -> list[Floats]:
    held = np.flatnonzero(~np.isnan(values))
    if held.size == 0:
        return []
    cuts = np.flatnonzero(np.diff(held) - 1 > MOST_MISSING)
    starts = held[np.concatenate(([0], cuts + 1))]
    ends = held[np.append(cuts, held.size - 1)]
    return [values[start : end + 1] for start, end in zip(starts, ends, strict=True)]


def _excursions(segment: Floats) -> tuple[list[float], list[float]]:
    """Heights of the upward and of the downward excursions of one segment."""
    held = segment[~np.isnan(segment)]
    if segment.size < FEWEST_POINTS or held.size < 2:
        return [], []
    sd = float(held.std(ddof=1))
    if sd < 1:
        return [], []
    extrema = _extrema(segment, _crossings(segment))
    return _rises(extrema, sd), _rises([-value for value in extrema], sd)


def _moving_average(segment: Floats, window: int) -> Floats:
    """Trailing mean over what is there of `window` points; the first `window` points take the first full one's."""
    known = ~np.isnan(segment)
    sums = np.concatenate(([0.0], np.cumsum(np.where(known, segment, 0.0))))
    counts = np.concatenate(([0], np.cumsum(known)))
    end = np.arange(1, segment.size + 1)
    start = np.maximum(end - window, 0)
    count = counts[end] - counts[start]
    means: Floats = np.divide(sums[end] - sums[start], count, out=np.full(segment.size, np.nan), where=count > 0)
    means[:window] = means[min(window, segment.size) - 1]
    return means


def _crossings(segment: Floats) -> list[tuple[int, bool]]:
    """(position, whether a maximum is to be sought up to the next crossing), from the first point to the last.

    Only a point with a neighbour before it can cross. After a gap, and after a point at which both averages are equal,
    it is compared with the side of the last crossing.
    """
    delta = _moving_average(segment, SHORT) - _moving_average(segment, LONG)
    delta[np.abs(delta) < 1e-9] = 0.0  # sums of thousands of values carry noise of 1e-11
    known = ~np.isnan(delta) & ~np.isnan(segment)
    flips, lone = np.zeros(segment.size, dtype=np.bool_), np.zeros(segment.size, dtype=np.bool_)
    plain = known[1:] & known[:-1]
    with np.errstate(invalid="ignore"):
        flips[1:] = plain & (delta[1:] * delta[:-1] < 0)
    lone[1:] = plain & ~flips[1:] & ((delta[:-1] == 0) | ~np.concatenate(([True], plain[:-1])))
    found = [(0, bool(delta[0] > 0))]
    side = float(delta[0])
    for index in np.flatnonzero(flips | lone).tolist():
        if flips[index] or delta[index] * side < 0:
            side = float(delta[index])
            found.append((index, side > 0))
    found.append((segment.size - 1, False))
    return found


def _extrema(segment: Floats, crossings: list[tuple[int, bool]]) -> list[float]:
    """The extreme value between each two crossings, each search starting at the extreme before."""
    gaps = np.isnan(segment)
    for_max, for_min = np.where(gaps, -np.inf, segment), np.where(gaps, np.inf, segment)
    values: list[float] = []
    at = crossings[0][0]
    for (_, upward), (end, _) in pairwise(crossings):
        part = for_max[at : end + 1] if upward else for_min[at : end + 1]
        at += int(part.argmax() if upward else part.argmin())
        values.append(float(segment[at]))
    return values


def _rises(extrema: list[float], sd: float) -> list[float]:
    """Heights of rises over one SD, each ridden to its highest point until a fall of over one SD (or the end).

    The next rise is measured from the end of that fall, its lowest point so far.
    """
    heights: list[float] = []
    last = len(extrema) - 1
    at, base = 0, float("inf")
    while at <= last:
        base = min(base, extrema[at])
        if not extrema[at] - base > sd:
            at += 1
            continue
        peak = end = at
        while end < last and extrema[end] - extrema[peak] >= -sd:
            end += 1
            if extrema[end] >= extrema[peak]:
                peak = end
        heights.append(extrema[peak] - base)
        base = extrema[end]
        at = end + 1
    return heights
