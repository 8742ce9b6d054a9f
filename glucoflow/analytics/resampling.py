"""How sure one may be: exact tails and seeded bootstrap differences, no more than the patterns need.

Days of one person are not independent of each other, so an interval from days is narrower than the truth: these rules
decide what is worth showing, they prove nothing.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

RESAMPLES = 4000
CONFIDENCE = 0.95


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """Mean of one set of days minus mean of another, with the 95 % interval of a percentile bootstrap."""

    n_with: int
    n_without: int
    mean_with: float
    mean_without: float
    difference: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        return self.low > 0 or self.high < 0


def at_least(hits: int, trials: int, rate: float) -> float:
    """The chance of `hits` or more in `trials` when each has the chance `rate` (exact)."""
    if hits <= 0:
        return 1.0
    terms = (math.comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(hits, trials + 1))
    return min(1.0, sum(terms))


def drawn_at_least(hits: int, trials: int, all_hits: int, all_trials: int) -> float:
    """The chance that `trials` of `all_trials`, drawn blindly, hold `hits` or more of the `all_hits` (Fisher's exact).

    Unlike a binomial test it does not take the rate of the rest for known.
    """
    most = min(trials, all_hits)
    ways = sum(
        math.comb(all_hits, k) * math.comb(all_trials - all_hits, trials - k) for k in range(max(hits, 0), most + 1)
    )
    return ways / math.comb(all_trials, trials)


def bootstrap_difference(having: Sequence[float], lacking: Sequence[float], seed: int) -> Difference:
    """The difference of two means, each side resampled by itself. The same seed gives the same interval.

    Raises ValueError when a side is empty.
    """
    if not len(having) or not len(lacking):
        raise ValueError("a difference needs days on both sides")
    rng = np.random.default_rng(seed)
    one, other = np.asarray(having, dtype=np.float64), np.asarray(lacking, dtype=np.float64)
    draws = _means(one, rng) - _means(other, rng)
    low, high = np.quantile(draws, ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2)).tolist()
    return Difference(
        n_with=one.size,
        n_without=other.size,
        mean_with=float(one.mean()),
        mean_without=float(other.mean()),
        difference=float(one.mean() - other.mean()),
        low=low,
        high=high,
    )


def _means(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    means: np.ndarray = values[rng.integers(0, values.size, (RESAMPLES, values.size))].mean(axis=1)
    return means
