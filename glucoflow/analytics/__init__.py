"""The figures a clinician reads from CGM data, as pure functions over arrays of readings."""

from glucoflow.analytics.series import Series
from glucoflow.analytics.summary import (
    DaySummary,
    Metrics,
    PeriodSummary,
    metrics_of,
    summarize_day,
    summarize_period,
    summarize_windows,
)
from glucoflow.model.glycemia import ExcludedCounts, ExcludedSpan
from glucoflow.model.targets import PROFILES, Targets, own_targets, targets_for

__all__ = [
    "PROFILES",
    "DaySummary",
    "ExcludedCounts",
    "ExcludedSpan",
    "Metrics",
    "PeriodSummary",
    "Series",
    "Targets",
    "metrics_of",
    "own_targets",
    "summarize_day",
    "summarize_period",
    "summarize_windows",
    "targets_for",
]
