"""iglu-python, loaded at the first question: with its pandas and matplotlib it takes as long as all of ours together,
and every worker collects every test."""

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np


def theirs(function: str, column: str, times: np.ndarray, values: np.ndarray, **options: Any) -> float:
    """The figure of one person's readings; `times` in milliseconds of the wall clock, `values` in mg/dL."""
    return float(table(function, times, values, **options)[column].iloc[0])


def table(function: str, times: np.ndarray, values: np.ndarray, **options: Any) -> Any:
    """The data frame that one of its functions gives."""
    import pandas as pd  # type: ignore[import-untyped]

    frame = pd.DataFrame({"id": "a", "time": pd.to_datetime(times, unit="ms"), "gl": values})
    return getattr(_iglu(), function)(frame, **options)


@cache
def _iglu() -> ModuleType:
    """It takes naive times as the machine's own zone: fixed, so that the tests say the same everywhere."""
    import iglu_python.utils

    iglu_python.utils.set_local_tz("UTC")
    module: ModuleType = iglu_python
    return module
