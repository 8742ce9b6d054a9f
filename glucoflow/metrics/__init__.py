"""The figures a clinician reads from CGM data, as pure functions over arrays of readings."""

from glucoflow.metrics.series import Exclusion, LeftOut, Series
from glucoflow.metrics.summary import (
    DaySummary,
    Figures,
    PeriodSummary,
    figures_of,
    summarize_day,
    summarize_period,
    summarize_windows,
)
from glucoflow.metrics.targets import PROFILES, Targets, own_targets, targets_for

__all__ = [
    "PROFILES", "DaySummary", "Exclusion", "Figures", "LeftOut", "PeriodSummary", "Series", "Targets", "figures_of",
    "own_targets", "summarize_day", "summarize_period", "summarize_windows", "targets_for",
]  # fmt: skip
