"""Quantiles in which every reading counts for its own time.

A reading of a 5-minute sensor stands for five of a 1-minute one: the quantile is that of the values repeated so often
(linear between order statistics, R's type 7 and NumPy's default). With one interval throughout it is the plain one.
"""

from collections.abc import Sequence

import numpy as np

from glucoflow.analytics.series import Floats, Ints


def quantiles(values: Floats, repeats: Ints | None, at: Sequence[float]) -> Floats:
    """The quantiles `at` 0 … 1 of values that are each there `repeats` times; once where that is None.

    Raises IndexError without values.
    """
    if repeats is None:
        return np.quantile(values, at)
    order = np.argsort(values, kind="stable")
    ordered, total = values[order], np.cumsum(repeats[order])
    position = np.asarray(at) * (total[-1] - 1)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, total[-1] - 1)
    lower, upper = (ordered[np.searchsorted(total, place, side="right")] for place in (below, above))
    result: Floats = lower + (position - below) * (upper - lower)
    return result
