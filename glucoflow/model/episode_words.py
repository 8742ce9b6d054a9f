"""Episodes in words: what each kind is called, when it counts, and which is part of which.

A very high episode lies within a high one, a long one likewise: they are named as parts, never added up.
"""

from collections.abc import Mapping

from glucoflow.model.glycemia import EPISODE_KINDS, EpisodeKind
from glucoflow.model.targets import Targets
from glucoflow.model.units import Unit, glucose
from glucoflow.model.words import count

NAMES: dict[EpisodeKind, str] = {
    "low_l1": "low",
    "low_l2": "very low",
    "low_extended": "long low",
    "high_l1": "high",
    "high_l2": "very high",
    "high_extended": "long very high",
}

WHOLE: dict[EpisodeKind, EpisodeKind] = {
    "low_l2": "low_l1",
    "low_extended": "low_l1",
    "high_l2": "high_l1",
    "high_extended": "high_l1",
}
"""The kind that each episode of a deeper or longer kind lies within."""

_RULES: dict[EpisodeKind, str] = {
    "low_l1": "below {low} for 15 min",
    "low_l2": "below {very_low} for 15 min",
    "low_extended": "below {low} for over 2 h",
    "high_l1": "above {high} for 15 min",
    "high_l2": "above {very_high} for 15 min",
    "high_extended": "above {very_high} for 90 min of 2 h",
}


def rule(kind: EpisodeKind, targets: Targets, unit: Unit) -> str:
    """When an episode of this kind counts: `below 70 for 15 min`."""
    names = ("very_low", "low", "high", "very_high")
    return _RULES[kind].format(**{name: glucose(getattr(targets, name), unit) for name in names})


def counted(counts: Mapping[EpisodeKind, int]) -> str:
    """`3 low, with 1 very low and 1 long low within them; 85 high, with 17 very high within them`."""
    said = []
    for whole in ("low_l1", "high_l1"):
        n = counts.get(whole, 0)
        parts = [f"{counts[kind]:,} {NAMES[kind]}" for kind in EPISODE_KINDS if _part(kind, whole) and counts.get(kind)]
        within = f", with {' and '.join(parts)} within {'it' if n == 1 else 'them'}" if parts else ""
        if n:
            said.append(f"{n:,} {NAMES[whole]}{within}")
    return "; ".join(said) or "no lows and no highs"


def listed(n: int) -> str:
    """`1 episode`, `88 episodes`."""
    return count(n, "episode")


def _part(kind: EpisodeKind, whole: str) -> bool:
    return WHOLE.get(kind) == whole
