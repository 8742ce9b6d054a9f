"""How often chance is told as news, and how often intervals hold the truth: seeded simulations.

    python -m benchmarks.chance            # 400 people, about 3 minutes
    python -m benchmarks.chance 2000

People without any pattern: glucose is one stationary process at every hour of every day, with a level of the day that
is like that of the day before (lag-1 correlation 0 to 0.5); meals and new sensors do nothing. Whatever the page says of
them is a false alarm. The second part draws days without any effect of a protocol and counts the 95 % intervals that
hold zero. The last line is JSON.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta

import numpy as np

from glucoflow.analytics import Series
from glucoflow.analytics.patterns import find_patterns
from glucoflow.analytics.resampling import difference_of_days
from glucoflow.analytics.series import Bools, Floats, day_number, moment_of
from glucoflow.model.localtime import MINUTE_MS

START = date(2026, 2, 2)
FIVE = 5 * MINUTE_MS
BEGIN = day_number(START) * 288 * FIVE


def person(days: int, alike: float, level: float, seed: int) -> Series:
    """Five-minute readings of so many days in which nothing recurs; `alike` is the correlation of days' levels."""
    rng = np.random.default_rng(seed)
    n = days * 288
    within = filtered(rng.normal(0, 1, n + 576), 0.99)[576:] * 38
    whole = filtered(rng.normal(0, 1, days + 50), alike)[50:] * 14
    values = np.clip(np.rint(level + within + np.repeat(whole, 288)), 39, 401)
    return Series.of(BEGIN + np.arange(n) * FIVE, values, 0, FIVE)


def filtered(noise: Floats, alike: float) -> Floats:
    """A stationary first-order autoregression of variance 1."""
    result = np.empty_like(noise)
    result[0] = noise[0]
    scale = float(np.sqrt(1 - alike**2))
    for at in range(1, noise.size):
        result[at] = alike * result[at - 1] + scale * noise[at]
    return result


def meals_of(days: int, seed: int) -> list[datetime]:
    """Three meals a day about their hours, one in seven of them not noted."""
    rng = np.random.default_rng(seed)
    minutes = [
        day * 1440 + hour * 60 + int(rng.normal(0, 25))
        for day in range(days)
        for hour in (8, 13, 19)
        if rng.random() > 1 / 7
    ]
    return [moment_of(BEGIN + minute * MINUTE_MS) for minute in minutes]


def said_of_nobody(people: int, days: int, seed: int = 0) -> dict[str, float]:
    """The share of people without a pattern of whom each kind, or anything (`any`), is said."""
    said: Counter[str] = Counter()
    end = START + timedelta(days=2 * days)
    for k in range(people):
        series = person(2 * days, (k % 3) * 0.25, (125.0, 150.0, 105.0)[k // 3 % 3], seed + k)
        sensors = [moment_of(BEGIN + (k % 10 + 10 * i) * 288 * FIVE + 12 * 12 * FIVE) for i in range(2 * days // 10)]
        found = find_patterns(
            series, START + timedelta(days=days), end, meals=meals_of(2 * days, seed + k), sensor_starts=sensors
        )
        kinds = {pattern.kind for pattern in found} - {"best_day"}
        said.update(kinds)
        said["any"] += bool(kinds)
    return {kind: said[kind] / people for kind in sorted(said)}


def coverage(assign: Callable[[np.random.Generator], Bools], alike: float, repeats: int, seed: int = 0) -> float:
    """The share of 95 % intervals that hold zero where there is no difference."""
    rng = np.random.default_rng(seed)
    held = 0
    for k in range(repeats):
        having = assign(rng)
        values = 65 + 12 * filtered(rng.normal(0, 1, having.size + 50), alike)[50:]
        found = difference_of_days(np.arange(having.size), values, having.tolist(), k)
        held += not found.excludes_zero
    return held / repeats


def by_lot(rng: np.random.Generator) -> Bools:
    """Ten of twenty days, drawn."""
    return rng.permutation(20) < 10


def before_and_after(_: np.random.Generator) -> Bools:
    """Ten days without, then ten days with."""
    return np.arange(20) >= 10


def main() -> None:
    people = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    alarms = {f"{days} days": said_of_nobody(people, days) for days in (14, 30)}
    held = {
        f"{assign.__name__}, correlation {alike:g}": coverage(assign, alike, 5 * people)
        for assign in (by_lot, before_and_after)
        for alike in (0.0, 0.25, 0.5)
    }
    for name, shares in alarms.items():
        print(f"{name}: " + ", ".join(f"{kind} {100 * share:.1f} %" for kind, share in shares.items()))
    for name, share in held.items():
        print(f"{name}: {100 * share:.1f} % of intervals hold the truth")
    print(json.dumps({"false_alarms": alarms, "coverage": held}))


if __name__ == "__main__":
    main()
