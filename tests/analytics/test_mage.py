"""MAGE with gaps, against a plain reading of R iglu 4.3's rules: point by point, with every pair of extrema."""

import itertools
import math

import numpy as np
import pytest

from glucoflow.analytics import Series
from glucoflow.analytics.grid import Grid, grid_of
from glucoflow.analytics.mage import excursions, mage
from glucoflow.analytics.series import Floats
from tests.analytics.traces import walk

MISSING = float("nan")


def segments(values: list[float]) -> list[list[float]]:
    """Cut where more than 36 points in a row are missing; nothing missing at either end."""
    found: list[list[float]] = []
    current: list[float] = []
    for value in values:
        current.append(value)
        tail = next((k for k, one in enumerate(reversed(current)) if not math.isnan(one)), len(current))
        if tail > 36:
            found.append(current[:-tail])
            current = []
    found.append(current)
    return [trimmed for one in found if (trimmed := trim(one))]


def trim(values: list[float]) -> list[float]:
    held = [k for k, value in enumerate(values) if not math.isnan(value)]
    return values[held[0] : held[-1] + 1] if held else []


def trailing(values: list[float], width: int) -> list[float]:
    means = []
    for k in range(len(values)):
        part = [v for v in values[max(0, k - width + 1) : k + 1] if not math.isnan(v)]
        means.append(sum(part) / len(part) if part else MISSING)
    return [means[width - 1]] * width + means[width:]


def plain(values: list[float]) -> tuple[list[float], list[float]]:
    """Heights of the rises and of the falls of one segment."""
    if len(values) < 32:
        return [], []
    held = [v for v in values if not math.isnan(v)]
    sd = float(np.std(held, ddof=1))
    delta = [a - b for a, b in zip(trailing(values, 5), trailing(values, 32), strict=True)]
    delta = [0.0 if abs(one) < 1e-9 else one for one in delta]
    crossings = [(0, delta[0] > 0)]
    for i in range(1, len(values)):
        if any(math.isnan(one) for one in (values[i], values[i - 1], delta[i], delta[i - 1])):
            continue
        if delta[i] * delta[i - 1] < 0:
            crossings.append((i, delta[i] > delta[i - 1]))
        elif delta[i] * delta[crossings[-1][0]] < 0:
            crossings.append((i, delta[i] > delta[crossings[-1][0]]))
    crossings.append((len(values) - 1, False))
    extrema, at = [], 0
    for (_, up), (end, _) in itertools.pairwise(crossings):
        part = [(v, k) for k, v in enumerate(values[at : end + 1]) if not math.isnan(v)]
        value, k = max(part, key=lambda one: (one[0], -one[1])) if up else min(part)
        at += k
        extrema.append(value)
    return climbs(extrema, sd), climbs([-value for value in extrema], sd)


def climbs(extrema: list[float], sd: float) -> list[float]:
    heights, first, j, last = [], 0, 0, len(extrema) - 1
    while j <= last:
        best = max(extrema[j] - extrema[i] for i in range(first, j + 1))
        if best < sd:
            j += 1
            continue
        base, peak, end = extrema[j] - best, j, j
        for end in range(j, last + 1):
            if extrema[end] > extrema[peak]:
                peak = end
            if extrema[end] - extrema[peak] < -sd:
                break
        heights.append(extrema[peak] - base)
        first = j = end
        if end == last:
            break
    return heights


def reference(values: Floats) -> float | None:
    total = weight = 0.0
    for segment in segments(values.tolist()):
        for heights in plain(segment):
            if heights:
                total += (len(segment) - 1) * sum(heights) / len(heights)
                weight += len(segment) - 1
    return total / weight if weight else None


@pytest.mark.parametrize("seed", range(12))
def test_gaps_of_every_length(seed: int) -> None:
    """Twelve traces with gaps of a point to five hours."""
    rng = np.random.default_rng(seed)
    times, values = walk(6, seed=seed)
    keep = np.ones(times.size, dtype=np.bool_)
    for start in rng.integers(0, times.size, 14):
        keep[start : start + int(rng.integers(1, 60))] = False
    grid = grid_of(Series.of(times[keep], values[keep]))
    expected = reference(grid.values)
    assert expected is not None
    assert mage(grid) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("missing", "parts"), [(36, 1), (37, 2)])
def test_a_segment_ends_at_more_than_three_hours(missing: int, parts: int) -> None:
    wave = 150 + 50 * np.sin(np.arange(288) / 288 * 4 * np.pi)
    values = np.concatenate((wave, np.full(missing, np.nan), wave + 20))
    assert len(segments(values.tolist())) == parts
    assert mage(Grid(0, values)) == pytest.approx(reference(values), rel=1e-9)


def test_a_segment_of_thirty_one_points_is_too_short() -> None:
    wave = 150 + 60 * np.sin(np.arange(32) / 32 * 2 * np.pi)
    assert mage(Grid(0, wave[:31])) is None
    assert mage(Grid(0, wave)) is not None


def test_upward_and_downward_apart() -> None:
    """Up by 120 in six hours, down by 100 in the next: MAGE+ 120 and MAGE− 100, and the mean of both."""
    half = np.linspace(0, 1, 73)[:-1]
    parts = [np.concatenate((90 + 20 * k + 120 * half, 210 + 20 * k - 100 * half)) for k in range(5)]
    found = excursions(Grid(0, np.concatenate([*parts, [190.0]])))
    assert found.upward == pytest.approx(120, abs=0.01)
    assert found.downward == pytest.approx(100, abs=0.01)
    assert found.both == pytest.approx(110, abs=0.01)
