"""Words of glycemic metrics that documents and analytics share: kinds of episode, GRI zones, what was excluded."""

from datetime import datetime
from typing import Literal

import msgspec

EpisodeKind = Literal["low_l1", "low_l2", "low_extended", "high_l1", "high_l2", "high_extended"]
EPISODE_KINDS: tuple[EpisodeKind, ...] = ("low_l1", "low_l2", "low_extended", "high_l1", "high_l2", "high_extended")

NotedKind = Literal["meal", "bolus", "exercise"]
"""What a person notes or a pump does that may stand around an episode."""

GriZone = Literal["A", "B", "C", "D", "E"]
"""Quintiles of the Glycemia Risk Index, A the best."""


class ExcludedSpan(msgspec.Struct, frozen=True):
    """A span [start, end) that a person marked as not to be trusted: sensor warm-up, compression low, faulty sensor."""

    start: datetime
    end: datetime
    reason: str


class ExcludedCounts(msgspec.Struct, frozen=True):
    """How many readings stand behind no figure, and why."""

    invalid: int = 0
    duplicate: int = 0
    excluded: int = 0
    superseded: int = 0


class EpisodeCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many of each kind began; `*_l1_only` leaves out those that reached level 2."""

    low_l1: int = 0
    low_l2: int = 0
    low_extended: int = 0
    high_l1: int = 0
    high_l2: int = 0
    high_extended: int = 0
    low_l1_only: int = 0
    high_l1_only: int = 0


class ComparedMetrics(msgspec.Struct, frozen=True, kw_only=True):
    """The glycemic metrics that are compared between periods: all of these are figures, or all are differences.

    Units are in the names; percentages run from 0 to 100. `below_*` and `above_*` include what lies further out;
    `target_*` follow the person's own range.
    """

    active_percent: float | None = None
    mean_mg_dl: float | None = None
    sd_mg_dl: float | None = None
    cv_percent: float | None = None
    gmi_percent: float | None = None
    tir_percent: float | None = None
    titr_percent: float | None = None
    below_70_percent: float | None = None
    below_54_percent: float | None = None
    above_180_percent: float | None = None
    above_250_percent: float | None = None
    target_in_percent: float | None = None
    target_below_percent: float | None = None
    target_above_percent: float | None = None
    lbgi: float | None = None
    hbgi: float | None = None
    bgri: float | None = None
    adrr: float | None = None
    gri: float | None = None
    modd_mg_dl: float | None = None
    conga24_mg_dl: float | None = None
    mage_mg_dl: float | None = None
    mag_mg_dl_per_h: float | None = None


class GlycemicMetrics(ComparedMetrics, frozen=True, kw_only=True):
    """All figures of a span of readings; None where one cannot be computed. Documents hold them under these names.

    `low` (54–69) and `high` (181–250) do not include what lies further out. `n_low_limit` and `n_high_limit` count the
    LOW and HIGH readings inside the mean. Readings of a night and a day apart are those of local time.
    """

    n: int
    n_low_limit: int = 0
    n_high_limit: int = 0
    excluded_counts: ExcludedCounts = msgspec.field(default=ExcludedCounts(), name="left_out")
    """In documents under its first name."""
    interval_ms: int | None = None
    ea1c_percent: float | None = None
    min_mg_dl: float | None = None
    p25_mg_dl: float | None = None
    median_mg_dl: float | None = None
    p75_mg_dl: float | None = None
    max_mg_dl: float | None = None
    low_percent: float | None = None
    high_percent: float | None = None
    night_tir_percent: float | None = None
    night_below_70_percent: float | None = None
    night_above_180_percent: float | None = None
    day_tir_percent: float | None = None
    day_below_70_percent: float | None = None
    day_above_180_percent: float | None = None
    gri_zone: GriZone | None = None
    j_index: float | None = None


class Sufficiency(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the data bear a judgement; `reason` says what is missing in words, None where nothing is.

    `days` is worn time in days; `calendar_days` is how many dates it is spread over.
    """

    sufficient: bool
    days: float
    days_needed: int
    calendar_days: int = 0
    active_percent: float | None
    reason: str | None = None


class Nearby(msgspec.Struct, frozen=True, omit_defaults=True):
    """An event within 2 hours of an episode's start; negative minutes are before it."""

    kind: NotedKind
    minutes: int
    amount: float | None = None


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One episode. Its end is the first moment after it; `area_mg_dl_min` lies between trace and threshold."""

    kind: EpisodeKind
    start: datetime
    end: datetime
    offset_min: int
    minutes: int
    extreme_mg_dl: float
    extreme_at: datetime
    mean_mg_dl: float
    area_mg_dl_min: float
    night: bool
    reaches_level_2: bool
    around: tuple[Nearby, ...] = ()
