"""Made-up traces for the tests: a random walk about a daily rhythm, with the gaps that sensors have."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np

from glucoflow.analytics.series import Floats, Ints, Series, epoch_ms
from glucoflow.model.localtime import MINUTE_MS

MIDNIGHT = epoch_ms(datetime(2026, 2, 2, tzinfo=UTC))
"""A Monday."""


def walk(days: int, seed: int, interval_min: int = 5, gaps: bool = False, phase_s: int = 0) -> tuple[Ints, Floats]:
    """Times (epoch ms, the first one interval after midnight) and whole mg/dL values in 39 … 401."""
    rng = np.random.default_rng(seed)
    per_day = 1440 // interval_min
    n = days * per_day
    hours = np.arange(n) * interval_min / 60
    noise = np.zeros(n)
    shocks = rng.normal(0, 1.6 * np.sqrt(interval_min), n)
    for i in range(1, n):
        noise[i] = 0.985**interval_min * noise[i - 1] + shocks[i]
    level = 128 + 30 * np.sin(hours / 24 * 2 * np.pi) + 45 * np.sin(hours / 3.7 + seed) + 2.2 * noise
    values = np.clip(np.rint(level), 39, 401)
    times = MIDNIGHT + np.arange(1, n + 1, dtype=np.int64) * interval_min * MINUTE_MS + phase_s * 1000
    keep = np.ones(n, dtype=np.bool_)
    if gaps:
        for start in rng.integers(0, n, max(2, days // 2)):
            keep[start : start + int(rng.integers(1, 360 // interval_min))] = False
    return times[keep], values[keep]


def series(values: Sequence[float] | Floats, interval_min: int = 5, offset_min: int = 0) -> Series:
    """Values one interval apart; the first is one interval after local midnight of Monday 2 February 2026."""
    count = len(values)
    times = MIDNIGHT + np.arange(1, count + 1, dtype=np.int64) * interval_min * MINUTE_MS - offset_min * MINUTE_MS
    return Series.of(times, values, offset_min, interval_min * MINUTE_MS)
