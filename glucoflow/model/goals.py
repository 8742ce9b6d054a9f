"""Goals for shares of time, and shares as people read them: one rule for pages, report, Kibana and text.

A goal is met or missed by the exact share. What is shown is rounded, but never onto the other side of a goal, nor onto
the goal itself: 0.96 % against a goal under 1 % stays 0.96 %, and 69.97 % against one over 70 % stays 69.97 %.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import msgspec

from glucoflow.model.ranges import BANDS, Band
from glucoflow.model.said import Said, digits, said
from glucoflow.model.targets import Targets

GoalName = Literal["in_range", "below", "very_low", "above", "very_high"]

DECIMALS = 1
MOST_DECIMALS = 2

PARTS: dict[str, tuple[Band, ...]] = {
    "in_range": ("in_range",),
    "below": ("very_low", "low"),
    "very_low": ("very_low",),
    "above": ("high", "very_high"),
    "very_high": ("very_high",),
}
"""The bands that each goal is about."""


class Goal(msgspec.Struct, frozen=True):
    """A share of worn time to stay under or, with `more`, over; both strictly (consensus 2019)."""

    name: GoalName
    percent: float
    more: bool = False

    def met(self, share: float) -> bool:
        """Judged on the exact share."""
        return share > self.percent if self.more else share < self.percent

    def keeps(self, exact: float, shown: float) -> bool:
        """Whether a reader of `shown` sees `exact` on its true side of the goal."""
        return (exact > self.percent, exact < self.percent) == (shown > self.percent, shown < self.percent)

    @property
    def words(self) -> Said:
        """`goal over 70 %`, `goal under 1 %`."""
        percent = digits(f"{self.percent:g}")
        return said("goal over %(p)s %%", p=percent) if self.more else said("goal under %(p)s %%", p=percent)

    def verdict(self, share: float, judged: bool = True) -> Said:
        """`goal under 1 %: met`; without `met` or `missed` where the data do not bear a judgement."""
        if not judged:
            return self.words
        return said("%(goal)s: met", goal=self.words) if self.met(share) else said("%(goal)s: missed", goal=self.words)


def goals_of(targets: Targets) -> dict[str, Goal]:
    """The goals that are set, in the order in which they matter."""
    given: tuple[tuple[GoalName, float | None], ...] = (
        ("very_low", targets.goal_very_low),
        ("below", targets.goal_below),
        ("in_range", targets.goal_in_range),
        ("above", targets.goal_above),
        ("very_high", targets.goal_very_high),
    )
    return {name: Goal(name, percent, name == "in_range") for name, percent in given if percent is not None}


class ShownShares(msgspec.Struct, frozen=True):
    """The five bands as shown: rounded so that they add up to 100 and none changes its side of a goal.

    Names are those of bands and of goals; `below` is very_low and low, `above` is high and very_high.
    """

    decimals: int
    bands: Mapping[Band, float]
    exact: Mapping[Band, float]
    goals: Mapping[str, Goal]

    def value(self, name: str) -> float:
        """The shown share of a band, or of all below or above, in percent."""
        return round(sum(self.bands[band] for band in _bands(name)), self.decimals)

    def truth(self, name: str) -> float:
        """The exact share."""
        return sum(self.exact[band] for band in _bands(name))

    def text(self, name: str) -> Said:
        """`0.4 %`; `<0.1 %` for what is there but rounds to nothing."""
        exact, shown = self.truth(name), self.value(name)
        goal = self.goals.get(name)
        if goal is not None and not goal.keeps(exact, shown):
            return _beside(exact, goal)
        return _written(exact, shown, self.decimals)

    def verdict(self, name: str, judged: bool = True) -> Said | Literal[""]:
        """The goal of a band or sum with `met` or `missed`; empty where none is set."""
        goal = self.goals.get(name)
        return "" if goal is None else goal.verdict(self.truth(name), judged)


def shown_shares(exact: Mapping[Band, float], targets: Targets) -> ShownShares:
    """Rounds to one decimal, or to two where only those keep every band and sum on its side of its goal.

    What is missing to 100 goes to the largest band. Raises ValueError unless the shares add up to 100.
    """
    total = sum(exact[band] for band in BANDS)
    if abs(total - 100) > 1e-6:
        raise ValueError(f"shares add up to {total:.6f}, not 100")
    goals = goals_of(targets)
    for decimals in range(DECIMALS, MOST_DECIMALS + 1):
        bands = dict(zip(BANDS, rounded_to_whole([exact[band] for band in BANDS], decimals), strict=True))
        shown = ShownShares(decimals, bands, exact, goals)
        if all(goal.keeps(shown.truth(name), shown.value(name)) for name, goal in goals.items()):
            break
    return shown


def rounded_to_whole(percents: Sequence[float], decimals: int = DECIMALS) -> tuple[float, ...]:
    """Each share rounded, and the difference to 100 given to the largest; the first of equals."""
    result = [round(percent, decimals) for percent in percents]
    largest = max(range(len(result)), key=lambda i: percents[i])
    rest = sum(value for i, value in enumerate(result) if i != largest)
    result[largest] = round(100 - rest, decimals)
    return tuple(result)


def share(percent: float | None, goals: Iterable[Goal] | Goal | None = None) -> Said:
    """One share in words, alone: one decimal, more where it would change its side of a goal; a dash for None."""
    if percent is None:
        return digits("–")
    against = [goals] if isinstance(goals, Goal) else list(goals or ())
    for decimals in range(DECIMALS, MOST_DECIMALS + 1):
        shown = round(percent, decimals)
        if all(goal.keeps(percent, shown) for goal in against):
            return _written(percent, shown, decimals)
    return _beside(percent, next(goal for goal in against if not goal.keeps(percent, shown)))


def _written(exact: float, shown: float, decimals: int) -> Said:
    if exact > 0 and shown <= 0:
        return digits(f"<{10**-decimals:g} %")
    return digits(f"{shown:.{decimals}f} %")


def _beside(exact: float, goal: Goal) -> Said:
    return digits(f"{'>' if exact > goal.percent else '<' if exact < goal.percent else ''}{goal.percent:g} %")


def _bands(name: str) -> tuple[Band, ...]:
    return PARTS[name] if name in PARTS else tuple(band for band in BANDS if band == name)
