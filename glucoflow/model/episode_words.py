"""Episodes in words: what each kind is called, when it counts, and which is part of which.

A very high episode lies within a high one, a long one likewise: they are named as parts, never added up.
"""

from collections.abc import Mapping, Sequence

from glucoflow.model.glycemia import EPISODE_KINDS, EpisodeKind
from glucoflow.model.said import Said, joined, said, said_n
from glucoflow.model.targets import Targets
from glucoflow.model.units import Unit, glucose
from glucoflow.model.words import count

NAMES: dict[EpisodeKind, Said] = {
    "low_l1": said("low"),
    "low_l2": said("very low"),
    "low_extended": said("long low"),
    "high_l1": said("high"),
    "high_l2": said("very high"),
    "high_extended": said("long very high"),
}

WHOLE: dict[EpisodeKind, EpisodeKind] = {
    "low_l2": "low_l1",
    "low_extended": "low_l1",
    "high_l2": "high_l1",
    "high_extended": "high_l1",
}
"""The kind that each episode of a deeper or longer kind lies within."""

_COUNTED: dict[EpisodeKind, Said] = {
    "low_l1": said_n("%(n)s low", "%(n)s low", 1),
    "low_l2": said_n("%(n)s very low", "%(n)s very low", 1),
    "low_extended": said_n("%(n)s long low", "%(n)s long low", 1),
    "high_l1": said_n("%(n)s high", "%(n)s high", 1),
    "high_l2": said_n("%(n)s very high", "%(n)s very high", 1),
    "high_extended": said_n("%(n)s long very high", "%(n)s long very high", 1),
}
"""For the catalogues: `_counted` puts these messages together."""


def rule(kind: EpisodeKind, targets: Targets, unit: Unit) -> Said:
    """When an episode of this kind counts: `below 70 for 15 min`."""
    match kind:
        case "low_l1" | "low_l2":
            limit = glucose(targets.low if kind == "low_l1" else targets.very_low, unit)
            return said("below %(limit)s for 15 min", limit=limit)
        case "low_extended":
            return said("below %(limit)s for over 2 h", limit=glucose(targets.low, unit))
        case "high_l1" | "high_l2":
            limit = glucose(targets.high if kind == "high_l1" else targets.very_high, unit)
            return said("above %(limit)s for 15 min", limit=limit)
    return said("above %(limit)s for 90 min of 2 h", limit=glucose(targets.very_high, unit))


def counted(counts: Mapping[EpisodeKind, int]) -> Said:
    """`3 low, with 1 very low and 1 long low within them; 85 high, with 17 very high within them`."""
    told: list[str] = []
    wholes: tuple[EpisodeKind, ...] = ("low_l1", "high_l1")
    for whole in wholes:
        n = counts.get(whole, 0)
        parts = [_counted(kind, counts[kind]) for kind in EPISODE_KINDS if _part(kind, whole) and counts.get(kind)]
        if n and parts:
            told.append(
                said_n(
                    "%(whole)s, with %(parts)s within it",
                    "%(whole)s, with %(parts)s within them",
                    n,
                    whole=_counted(whole, n),
                    parts=_and(parts),
                )
            )
        elif n:
            told.append(_counted(whole, n))
    return joined("; ", told) if told else said("no lows and no highs")


def _counted(kind: EpisodeKind, n: int) -> Said:
    return said_n(f"%(n)s {NAMES[kind]}", f"%(n)s {NAMES[kind]}", n)


def _and(parts: Sequence[str]) -> str:
    return said("%(some)s and %(last)s", some=parts[0], last=parts[1]) if len(parts) == 2 else parts[0]


def listed(n: int) -> str:
    """`1 episode`, `88 episodes`."""
    return count(n, "episode")


def _part(kind: EpisodeKind, whole: str) -> bool:
    return WHOLE.get(kind) == whole
