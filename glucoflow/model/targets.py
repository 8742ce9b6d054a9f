"""What a person aims for: the range they are measured against and the goals for its shares.

Ranges and goals are the international consensus's of 2019 (Battelino, Diabetes Care 42:1593), by profile; a person's
care team may set others.
"""

from typing import Literal

import msgspec

from glucoflow.model.said import Said, said
from glucoflow.model.units import Unit, glucose, glucose_unit

LEAST, MOST = 40, 400
"""mg/dL between which limits lie: the reach of a sensor."""

Profile = Literal["adult", "older_high_risk", "pregnancy", "gestational", "own"]


class Targets(msgspec.Struct, frozen=True, kw_only=True):
    """Limits in whole mg/dL and goals in percent of worn time. A goal of None is not set by the consensus.

    In range is low ≤ G ≤ high; `below` includes very low, `above` includes very high. In a `pregnancy` some figures are
    not known to hold, GMI among them.
    """

    profile: Profile = "adult"
    very_low: int = 54
    low: int = 70
    high: int = 180
    very_high: int = 250
    goal_in_range: float | None = 70.0
    goal_below: float | None = 4.0
    goal_very_low: float | None = 1.0
    goal_above: float | None = 25.0
    goal_very_high: float | None = 5.0
    pregnancy: bool = False

    def __post_init__(self) -> None:
        if not LEAST <= self.very_low <= self.low < self.high <= self.very_high <= MOST:
            raise ValueError(
                f"limits are {self.very_low}, {self.low}, {self.high}, {self.very_high} mg/dL; they must rise "
                f"and lie between {LEAST} and {MOST}, the reach of a sensor"
            )


CV_GOAL = 36.0
"""At or below, glucose counts as stable (percent)."""

PROFILES: dict[Profile, Targets] = {
    "adult": Targets(),
    "older_high_risk": Targets(
        profile="older_high_risk",
        goal_in_range=50.0,
        goal_below=1.0,
        goal_very_low=None,
        goal_above=50.0,
        goal_very_high=10.0,
    ),
    "pregnancy": Targets(profile="pregnancy", low=63, high=140, goal_very_high=None, pregnancy=True),
    "gestational": Targets(
        profile="gestational",
        low=63,
        high=140,
        goal_in_range=None,
        goal_below=None,
        goal_very_low=None,
        goal_above=None,
        goal_very_high=None,
        pregnancy=True,
    ),
}


def where_limits_lie(unit: Unit) -> Said:
    """What is wrong with limits that cannot be, to somebody who reads glucose in `unit`."""
    return said(
        "lie between %(least)s and %(most)s, the low one below the high one",
        least=glucose(LEAST, unit),
        most=glucose_unit(MOST, unit),
    )


def targets_for(profile: str) -> Targets:
    """The targets of a named profile. Raises ValueError naming the known ones."""
    for name, targets in PROFILES.items():
        if name == profile:
            return targets
    raise ValueError(f"profile is {profile!r}; known are {', '.join(PROFILES)}")


def own_targets(base: str, *, low: int, high: int) -> Targets:
    """The goals of profile `base` with a person's own range. Raises ValueError for limits that cannot be."""
    start = targets_for(base)
    return msgspec.structs.replace(
        start,
        profile="own",
        low=low,
        high=high,
        very_low=min(start.very_low, low),
        very_high=max(start.very_high, high),
    )
