"""Values as words: glucose in the person's unit, ages, dates, percentages. Pure."""

import re
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from glucoflow.analytics.data_sufficiency import active_words
from glucoflow.model import goals, words
from glucoflow.model.goals import Goal, ShownShares
from glucoflow.model.target_bands import NAMES
from glucoflow.model.targets import Targets
from glucoflow.model.units import Unit, decimals_of, glucose, in_unit

BAND_WORDS = {band: name.lower() for band, name in NAMES.items()}

TREND_WORDS = {
    "doubleUp": "rising very fast",
    "singleUp": "rising fast",
    "fortyFiveUp": "rising",
    "flat": "steady",
    "fortyFiveDown": "falling",
    "singleDown": "falling fast",
    "doubleDown": "falling very fast",
}

STATE_WORDS = {
    "connected": "connected",
    "needs_reauthorization": "needs you to connect again",
    "overdue": "overdue",
    "paused": "paused",
    "disconnected": "disconnected",
    "running": "running",
    "completed": "completed",
    "failed": "failed",
    "interrupted": "interrupted",
}


def percent(value: float | None, decimals: int = 0) -> str:
    """`62 %` with a no-break space; a dash for None; a share that is not zero is never shown as 0."""
    return words.percent(value, decimals).replace(" ", "\u00a0")


def active(value: float | None) -> str:
    """The share of the time that a sensor was read, kept on its side of what is needed; no-break space."""
    return active_words(value).replace(" ", "\u00a0")


def age(then: datetime, now: datetime) -> str:
    """`just now`, `4 min ago`, `3 h ago`, `2 days ago`; the same for the future with `in`."""
    if abs(now - then) < timedelta(minutes=1):
        return "just now"
    return f"{words.length(now - then)} ago" if now > then else f"in {words.length(then - now)}"


def hours(length: timedelta) -> str:
    """`1 h`, `3 h`, `90 min`."""
    minutes = round(length / timedelta(minutes=1))
    return f"{minutes}\u00a0min" if minutes % 60 else f"{minutes // 60}\u00a0h"


def change(mg_dl: float, minutes: int, unit: Unit) -> str:
    """`+4 in 5 min`, `−0.2 in 5 min`: from one reading to the next, in the unit that stands beside it."""
    return f"{words.signed(in_unit(mg_dl, unit), decimals_of(unit))} in {minutes}\u00a0min"


def moment(time: datetime, offset_min: int | None, zone: str) -> str:
    """`Sat 21 Nov, 14:35` on the wearer's own clock: the reading's offset if known, else the home zone's."""
    local = time.astimezone(ZoneInfo(zone)) if offset_min is None else time + timedelta(minutes=offset_min)
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"


def day_there(time: datetime, zone: str) -> str:
    """`Sat 21 Nov 2026`, the date in a zone."""
    local = time.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y}"


def date_words(text: str) -> str:
    """`Sat 21 Nov` for 2026-11-21."""
    day = date.fromisoformat(text)
    return f"{day:%a} {day.day} {day:%b}"


class HasLocalTime(Protocol):
    @property
    def time(self) -> datetime: ...

    @property
    def offset_min(self) -> int: ...


def local_date(reading: HasLocalTime) -> str:
    """The date its owner saw, YYYY-MM-DD."""
    return f"{reading.time + timedelta(minutes=reading.offset_min):%Y-%m-%d}"


def share(value: float | None, goal: Goal | None = None) -> str:
    """One share of time, `64.9 %` with a no-break space: never on the other side of its goal."""
    return goals.share(value, goal).replace(" ", "\u00a0")


def band_share(shown: ShownShares | None, name: str) -> str:
    """A band, or all below or above, as shown beside the others; a dash without readings."""
    return "–" if shown is None else shown.text(name).replace(" ", "\u00a0")


def band_goal(shown: ShownShares | None, name: str, judged: bool) -> str:
    """Its goal, met or missed by the exact share; without a verdict where the data do not bear one."""
    return "" if shown is None else shown.verdict(name, judged).replace(" %", "\u00a0%")


def goal_text(shown: ShownShares | None, name: str, judged: bool) -> str:
    """` · goal over 70 %: met`, or nothing where none is set."""
    words_of_it = band_goal(shown, name, judged)
    return f" · {words_of_it}" if words_of_it else ""


def range_goal(targets: Targets) -> str:
    """`, goal over 70 %` for the range itself, without a share; nothing where none is set."""
    goal = goals.goals_of(targets).get("in_range")
    return "" if goal is None else f", {goal.words}".replace(" %", "\u00a0%")


def sums(targets: Targets, shown: ShownShares, unit: Unit, judged: bool) -> str:
    """`Below 70: 2.1 % (goal under 4 %: met). Above 180: 24.0 % (goal under 25 %: met).`"""
    below, above = glucose(targets.low, unit), glucose(targets.high, unit)
    return f"Below {below}: {_summed(shown, 'below', judged)}. Above {above}: {_summed(shown, 'above', judged)}."


def _summed(shown: ShownShares, name: str, judged: bool) -> str:
    goal = band_goal(shown, name, judged)
    return band_share(shown, name) + (f" ({goal})" if goal else "")


def short_id(name: str) -> str:
    """A transmitter's id as people can tell it from another: some providers give hashes of 64 characters."""
    return name if len(name) <= 12 else f"{name[:8]}…"


def spaced(name: str) -> str:
    """A provider's camelCase word as words: urgentLowSoon → urgent low soon."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
