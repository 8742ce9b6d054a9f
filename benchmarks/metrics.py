"""All figures for one year and ten years of 5-minute data, ours and iglu-python's, in one run.

    python -m benchmarks.metrics

Both get the same arrays and must come to the same figures, else nothing is reported. iglu's MAGE builds a matrix of all
pairs of extrema in a stretch without gaps; the trace has the usual gaps (a sensor change every ten days, a lost signal
now and then), else ten years would not fit into memory there. The last line is JSON: seconds for the year (`ours_s`,
`iglu_s`, `speedup`) and, under `ten_years`, for ten.
"""

import json
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import iglu_python as iglu
import numpy as np
import pandas as pd  # type: ignore[import-untyped]
from iglu_python.utils import set_local_tz

from glucoflow.analytics.episode_detection import count_detected, detect
from glucoflow.analytics.grid import grid_of
from glucoflow.analytics.series import Series
from glucoflow.analytics.summary import Metrics, metrics_of
from glucoflow.model.glycemia import EpisodeCounts

STEP_MS = 300_000
START_MS = 1_609_459_200_000
"""2021-01-01T00:00:00Z"""

IGLU: dict[str, Callable[[pd.DataFrame], Any]] = {
    "mean": iglu.mean_glu,
    "sd": iglu.sd_glu,
    "cv": iglu.cv_glu,
    "gmi": iglu.gmi,
    "ea1c": iglu.ea1c,
    "in_range": iglu.in_range_percent,
    "below": iglu.below_percent,
    "above": iglu.above_percent,
    "lbgi": iglu.lbgi,
    "hbgi": iglu.hbgi,
    "adrr": iglu.adrr,
    "gri": iglu.gri,
    "j_index": iglu.j_index,
    "modd": iglu.modd,
    "conga": iglu.conga,
    "mag": iglu.mag,
    "mage": iglu.mage,
    "active": iglu.active_percent,
    "episodes": iglu.episode_calculation,
}


def trace(years: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Times (epoch ms) and mg/dL: daily rhythm, meals, slow drift, sensor changes and lost signals."""
    rng = np.random.default_rng(seed)
    count = years * 365 * 288
    hours = np.arange(1, count + 1) / 12
    drift = np.convolve(rng.normal(0, 9, count), np.exp(-np.arange(60) / 12), mode="same")
    level = 132 + 22 * np.sin(hours / 24 * 2 * np.pi) + 34 * np.sin(hours / 5.1 * 2 * np.pi) + drift
    keep = np.ones(count, dtype=np.bool_)
    for start in range(2500, count, 2880):
        keep[start : start + 40] = False
    for start in rng.integers(0, count, years * 150):
        keep[start : start + int(rng.integers(2, 30))] = False
    times = START_MS + np.arange(1, count + 1, dtype=np.int64) * STEP_MS
    return times[keep], np.clip(np.rint(level), 39, 401)[keep]


def ours(times: np.ndarray, values: np.ndarray) -> tuple[float, Metrics, EpisodeCounts]:
    """Seconds from bare arrays to every figure and the episodes."""
    began = time.perf_counter()
    series = Series.of(times, values)
    metrics = metrics_of(series)
    counts = count_detected(detect(grid_of(series.used, series.used.whole)))
    return time.perf_counter() - began, metrics, counts


def theirs(times: np.ndarray, values: np.ndarray) -> tuple[float, dict[str, Any]]:
    """Seconds for the same figures by iglu."""
    frame = pd.DataFrame({"id": "a", "time": pd.to_datetime(times, unit="ms"), "gl": values})
    began = time.perf_counter()
    answers = {name: function(frame) for name, function in IGLU.items()}
    return time.perf_counter() - began, answers


def check(metrics: Metrics, counts: EpisodeCounts, answers: dict[str, Any]) -> None:
    """Raises AssertionError unless both came to the same."""
    pairs = {
        "mean": (metrics.mean_mg_dl, "mean"),
        "sd": (metrics.sd_mg_dl, "SD"),
        "gri": (metrics.gri, "GRI"),
        "lbgi": (metrics.lbgi, "LBGI"),
        "modd": (metrics.modd_mg_dl, "MODD"),
        "conga": (metrics.conga24_mg_dl, "CONGA"),
        "mage": (metrics.mage_mg_dl, "MAGE"),
        "mag": (metrics.mag_mg_dl_per_h, "MAG"),
        "in_range": (metrics.tir_percent, "in_range_70_180"),
    }
    for name, (mine, column) in pairs.items():
        other = float(answers[name][column].iloc[0])
        assert mine is not None, name
        assert math.isclose(mine, other, rel_tol=1e-6), f"{name}: {mine} is not {other}"
    totals = answers["episodes"]["total_episodes"].tolist()
    assert totals[:5] == [counts.low_l1, counts.low_l2, counts.low_extended, counts.high_l1, counts.high_l2]


def compare(years: int) -> dict[str, float]:
    """Ours as the best of three (the first warms up), iglu once."""
    times, values = trace(years)
    runs = [ours(times, values) for _ in range(3)]
    seconds = min(run[0] for run in runs)
    iglu_seconds, answers = theirs(times, values)
    check(runs[0][1], runs[0][2], answers)
    speedup = iglu_seconds / seconds
    took = f"ours {seconds:.3f} s, iglu {iglu_seconds:.1f} s, {speedup:.0f} times"
    print(f"{years:>3} y, {times.size:>9,} readings: {took}", flush=True)
    return {"ours_s": round(seconds, 4), "iglu_s": round(iglu_seconds, 2), "speedup": round(speedup, 1)}


def main() -> None:
    warnings.simplefilter("ignore")  # iglu-python 0.4.3 on pandas 3.1
    set_local_tz("UTC")
    print(json.dumps(compare(1) | {"ten_years": compare(10)}))


if __name__ == "__main__":
    main()
