"""Values as words: glucose in the person's unit, ages, dates, percentages. Pure."""

import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from glucoflow.model import words
from glucoflow.model.ranges import Band
from glucoflow.model.target_bands import NAMES
from glucoflow.model.targets import Targets
from glucoflow.model.units import Unit, glucose

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


def age(then: datetime, now: datetime) -> str:
    """`just now`, `4 min ago`, `3 h ago`, `2 days ago`; the same for the future with `in`."""
    if abs(now - then) < timedelta(minutes=1):
        return "just now"
    return f"{words.length(now - then)} ago" if now > then else f"in {words.length(then - now)}"


def moment(time: datetime, offset_min: int | None, zone: str) -> str:
    """`Sat 21 Nov, 14:35` on the wearer's own clock: the reading's offset if known, else the home zone's."""
    local = time.astimezone(ZoneInfo(zone)) if offset_min is None else time + timedelta(minutes=offset_min)
    return f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"


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


def share(name: Band, shown: Mapping[Band, float], exact: Mapping[Band, float]) -> str:
    """A share as shown beside others that add up to 100; one that is there but rounds to nothing says `<1 %`."""
    return "<1\u00a0%" if exact.get(name, 0) > 0 and not shown.get(name) else percent(shown.get(name))


def goal_text(percents: float | None) -> str:
    """` · goal over 70 %`, or nothing where the consensus sets none."""
    return "" if percents is None else f" · goal over {percents:.0f}\u00a0%"


def goal(band: Band, targets: Targets) -> str:
    """The consensus goal of a row of the five bands; empty for low and high, whose goals are for the sums."""
    match band:
        case "in_range":
            return _goal("over", targets.goal_in_range)
        case "very_low":
            return _goal("under", targets.goal_very_low)
        case "very_high":
            return _goal("under", targets.goal_very_high)
    return ""


def sums(targets: Targets, shares: Mapping[Band, float], unit: Unit) -> str:
    """`Below 70: 2.1 % (goal under 4 %). Above 180: 24 % (goal under 25 %).`"""
    below = shares.get("low", 0) + shares.get("very_low", 0)
    above = shares.get("high", 0) + shares.get("very_high", 0)
    return (
        f"Below {glucose(targets.low, unit)}: {percent(below, 1)}{_bracketed(targets.goal_below)}. "
        f"Above {glucose(targets.high, unit)}: {percent(above, 1)}{_bracketed(targets.goal_above)}."
    )


def _bracketed(limit: float | None) -> str:
    return "" if limit is None else f" (goal under {limit:.0f}\u00a0%)"


def _goal(word: str, limit: float | None) -> str:
    return "" if limit is None else f"goal {word} {limit:.0f}\u00a0%"


def short_id(name: str) -> str:
    """A transmitter's id as people can tell it from another: Dexcom's API gives hashes of 64 characters."""
    return name if len(name) <= 12 else f"{name[:8]}…"


def spaced(name: str) -> str:
    """A provider's camelCase word as words: urgentLowSoon → urgent low soon."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
