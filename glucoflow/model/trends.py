"""Trend arrows: one word for every provider's, and the arrow that a rate of change means.

Cuts are Dexcom's (±1, ±2, beyond ±3 mg/dL/min); exactly ±3 is a single arrow, since the integration guide gives the
double one only beyond it.
"""

from collections.abc import Sequence
from typing import Literal

Direction = Literal[
    "doubleUp",
    "singleUp",
    "fortyFiveUp",
    "flat",
    "fortyFiveDown",
    "singleDown",
    "doubleDown",
    "none",
    "notComputable",
    "rateOutOfRange",
    "unknown",
]

ARROWS: dict[str, str] = {
    "doubleUp": "⇈",
    "singleUp": "↑",
    "fortyFiveUp": "↗",
    "flat": "→",
    "fortyFiveDown": "↘",
    "singleDown": "↓",
    "doubleDown": "⇊",
}
"""Only words that say a direction have an arrow: a missing arrow is not `flat`."""

SAYS_NOTHING = frozenset({"none", "notComputable", "unknown"})
"""Words after which the direction is computed from the readings. `rateOutOfRange` does say something and stays."""

WINDOW_MS = 20 * 60_000
MIN_SPAN_MS = 5 * 60_000 - 30_000
"""At least 5 minutes, less the half minute by which sensors' clocks jitter."""
MAX_GAP_MS = 15 * 60_000

_WORDS: dict[str, Direction] = {
    "doubleup": "doubleUp",
    "singleup": "singleUp",
    "fortyfiveup": "fortyFiveUp",
    "flat": "flat",
    "fortyfivedown": "fortyFiveDown",
    "singledown": "singleDown",
    "doubledown": "doubleDown",
    "tripleup": "doubleUp",
    "tripledown": "doubleDown",
    "rapidrise": "doubleUp",
    "moderaterise": "singleUp",
    "slowrise": "fortyFiveUp",
    "constant": "flat",
    "slowfall": "fortyFiveDown",
    "moderatefall": "singleDown",
    "rapidfall": "doubleDown",
    "none": "none",
    "": "none",
    "notcomputable": "notComputable",
    "rateoutofrange": "rateOutOfRange",
}


_BETWEEN = str.maketrans("", "", " -_")


def direction(word: str | None) -> Direction:
    """The common word for a provider's, whatever its case, blanks, hyphens and underscores; `unknown` for a new one."""
    if word is None:
        return "none"
    known = _WORDS.get(word)
    return known if known else _WORDS.get(word.lower().translate(_BETWEEN), "unknown")


def direction_of_rate(rate: float) -> Direction:
    """The arrow of a rate in mg/dL/min."""
    size = abs(rate)
    if size < 1:
        return "flat"
    up = rate > 0
    if size < 2:
        return "fortyFiveUp" if up else "fortyFiveDown"
    if size <= 3:
        return "singleUp" if up else "singleDown"
    return "doubleUp" if up else "doubleDown"


def rate_of(times_ms: Sequence[int], mg_dl: Sequence[float]) -> float | None:
    """Least-squares slope (mg/dL/min) over the newest 20 minutes of ascending readings of one device.

    None unless at least two readings span at least 5 minutes with no gap over 15 minutes between neighbours.
    """
    if len(times_ms) < 2:
        return None
    last = times_ms[-1]
    first = len(times_ms) - 1
    while first > 0 and last - times_ms[first - 1] <= WINDOW_MS and times_ms[first] - times_ms[first - 1] <= MAX_GAP_MS:
        first -= 1
    if last - times_ms[first] < MIN_SPAN_MS:
        return None
    minutes = [(t - last) / 60_000 for t in times_ms[first:]]
    values = mg_dl[first:]
    mean_t, mean_v = sum(minutes) / len(minutes), sum(values) / len(values)
    spread = sum((t - mean_t) ** 2 for t in minutes)
    return sum((t - mean_t) * (v - mean_v) for t, v in zip(minutes, values, strict=True)) / spread
