"""Quantiles of many groups at once, in one sort."""

from collections.abc import Sequence

import numpy as np

from glucoflow.analytics.series import Floats, Ints


def grouped_quantiles(values: Floats, groups: Ints, count: int, at: Sequence[float]) -> Floats:
    """Quantiles of `values` by group 0 … count−1, shape (count, len(at)); NaN rows for empty groups.

    Linear interpolation between order statistics (R's type 7, NumPy's default).
    """
    result = np.full((count, len(at)), np.nan)
    if values.size == 0:
        return result
    order = np.lexsort((values, groups))
    ordered = values[order]
    size = np.bincount(groups, minlength=count)[:count]
    first = np.cumsum(size) - size
    held = size > 0
    for column, q in enumerate(at):
        position = first[held] + q * (size[held] - 1)
        lower = np.floor(position).astype(np.int64)
        upper = np.minimum(lower + 1, first[held] + size[held] - 1)
        result[held, column] = ordered[lower] + (position - lower) * (ordered[upper] - ordered[lower])
    return result
