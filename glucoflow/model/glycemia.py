"""Words of glycemic metrics that documents and analytics share: kinds of episode, GRI zones, what was excluded."""

from typing import Literal

import msgspec

EpisodeKind = Literal["low_l1", "low_l2", "low_extended", "high_l1", "high_l2", "high_extended"]
EPISODE_KINDS: tuple[EpisodeKind, ...] = ("low_l1", "low_l2", "low_extended", "high_l1", "high_l2", "high_extended")

GriZone = Literal["A", "B", "C", "D", "E"]
"""Quintiles of the Glycemia Risk Index, A the best."""


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
