"""Values as words: glucose in the person's unit, ages, dates, percentages. Pure; a page says them in its language."""

import re
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from glucoflow.analytics.data_sufficiency import active_words
from glucoflow.model import goals, words
from glucoflow.model.goals import Goal, ShownShares
from glucoflow.model.ranges import Band
from glucoflow.model.said import Said, again, day_said, digits, joined, moment_said, said, said_n, unbroken
from glucoflow.model.targets import Targets
from glucoflow.model.units import Unit, decimals_of, glucose, in_unit

BAND_WORDS: dict[Band, Said] = {
    "very_low": said("very low"),
    "low": said("low"),
    "in_range": said("in range"),
    "high": said("high"),
    "very_high": said("very high"),
}

TREND_WORDS = {
    "doubleUp": said("rising very fast"),
    "singleUp": said("rising fast"),
    "fortyFiveUp": said("rising"),
    "flat": said("steady"),
    "fortyFiveDown": said("falling"),
    "singleDown": said("falling fast"),
    "doubleDown": said("falling very fast"),
}
TREND_WORDS_THEN = {
    "doubleUp": said("then rising very fast"),
    "singleUp": said("then rising fast"),
    "fortyFiveUp": said("then rising"),
    "flat": said("then steady"),
    "fortyFiveDown": said("then falling"),
    "singleDown": said("then falling fast"),
    "doubleDown": said("then falling very fast"),
}
"""Of a reading that tells of a while ago."""

STATE_WORDS = {
    "connected": said("connected"),
    "needs_reauthorization": said("needs you to connect again"),
    "overdue": said("overdue"),
    "paused": said("paused"),
    "disconnected": said("disconnected"),
    "running": said("running"),
    "completed": said("completed"),
    "failed": said("failed"),
    "interrupted": said("interrupted"),
}

INVITE_WORDS = {
    "pending": said("not opened yet"),
    "opened": said("opened"),
    "accepted": said("accepted"),
    "connected": said("connected"),
    "expired": said("expired"),
    "withdrawn": said("withdrawn"),
}

WAY_WORDS = {
    "": "–",
    "password": said("password"),
    "passkey": said("passkey"),
    "sign-on": said("single sign-on"),
    "link": said("link"),
    "invitation": said("invitation"),
}

ACTION_WORDS = {
    "opened": said("opened"),
    "looked at": said("looked at"),
    "read by": said("read by"),
    "sent by": said("sent by"),
    "changed": said("changed"),
    "exported": said("exported"),
    "shared": said("shared"),
    "deleted": said("deleted"),
    "logged in": said("logged in"),
    "failed to log in": said("failed to log in"),
}


def percent(value: float | None, decimals: int = 0) -> Said:
    """`62 %` with a no-break space; a dash for None; a share that is not zero is never shown as 0."""
    return unbroken(words.percent(value, decimals))


def active(value: float | None) -> Said:
    """The share of the time that a sensor was read, kept on its side of what is needed; no-break space."""
    return unbroken(active_words(value))


def age(then: datetime, now: datetime) -> Said:
    """`just now`, `4 min ago`, `3 h ago`, `2 days ago`; the same for the future with `in`."""
    if abs(now - then) < timedelta(minutes=1):
        return said("just now")
    span = abs(now - then)
    if span < timedelta(hours=48):
        time = words.length(span)
        return said("%(time)s ago", time=time) if now > then else said("in %(time)s", time=time)
    n = round(span / timedelta(days=1))  # whole messages: German says `vor 2 Tagen`
    return said_n("%(n)s day ago", "%(n)s days ago", n) if now > then else said_n("in %(n)s day", "in %(n)s days", n)


AGES: dict[str, tuple[Said, Said]] = {
    "min": (said("%(time)s ago", time="{n} min"), said("in %(time)s", time="{n} min")),
    "h": (said("%(time)s ago", time="{n} h"), said("in %(time)s", time="{n} h")),
    "day": (
        Said("{n} days ago", lambda language: language.ngettext("%(n)s day ago", "%(n)s days ago", 2) % {"n": "{n}"}),
        Said("in {n} days", lambda language: language.ngettext("in %(n)s day", "in %(n)s days", 2) % {"n": "{n}"}),
    ),
}
"""The same for the script that lets ages grow: past and future of each unit; it says days from two on."""


def hours(length: timedelta) -> Said:
    """`1 h`, `3 h`, `90 min`."""
    minutes = round(length / timedelta(minutes=1))
    return digits(f"{minutes}\u00a0min" if minutes % 60 else f"{minutes // 60}\u00a0h")


def change(mg_dl: float, minutes: int, unit: Unit) -> Said:
    """`+4 in 5 min`, `−0.2 in 5 min`: from one reading to the next, in the unit that stands beside it."""
    moved = words.signed(in_unit(mg_dl, unit), decimals_of(unit))
    return said("%(change)s in %(time)s", change=moved, time=digits(f"{minutes}\u00a0min"))


def moment(time: datetime, offset_min: int | None, zone: str) -> Said:
    """`Sat 21 Nov, 14:35` on the wearer's own clock: the reading's offset if known, else the home zone's."""
    return moment_said(time.astimezone(ZoneInfo(zone)) if offset_min is None else time + timedelta(minutes=offset_min))


def day_there(time: datetime, zone: str) -> Said:
    """`Sat 21 Nov 2026`, the date in a zone."""
    return day_said(time.astimezone(ZoneInfo(zone)).date(), year=True)


def date_words(text: str, *, year: bool = False) -> Said:
    """`Sat 21 Nov` for 2026-11-21, or `Sat 21 Nov 2026`."""
    return day_said(date.fromisoformat(text), year=year)


class HasLocalTime(Protocol):
    @property
    def time(self) -> datetime: ...

    @property
    def offset_min(self) -> int: ...


def local_date(reading: HasLocalTime) -> str:
    """The date its owner saw, YYYY-MM-DD."""
    return f"{reading.time + timedelta(minutes=reading.offset_min):%Y-%m-%d}"


def share(value: float | None, goal: Goal | None = None) -> Said:
    """One share of time, `64.9 %` with a no-break space: never on the other side of its goal."""
    return unbroken(goals.share(value, goal))


def band_share(shown: ShownShares | None, name: str) -> Said:
    """A band, or all below or above, as shown beside the others; a dash without readings."""
    return digits("–") if shown is None else unbroken(shown.text(name))


def band_goal(shown: ShownShares | None, name: str, judged: bool) -> str:
    """Its goal, met or missed by the exact share; without a verdict where the data do not bear one."""
    return "" if shown is None else _whole_shares(shown.verdict(name, judged))


def counted_with_ends(n: int, low: int, high: int, unit: Unit) -> Said:
    """`2,250 readings, 3 LOW as 39, 8 HIGH as 401`: what stands behind a mean, and what is not known of it exactly."""
    said_of = [words.count(n, "reading")]
    if low:
        said_of.append(said("%(n)s LOW as %(value)s", n=words.count(low), value=glucose(39, unit)))
    if high:
        said_of.append(said("%(n)s HIGH as %(value)s", n=words.count(high), value=glucose(401, unit)))
    return joined(", ", said_of)


def goal_text(shown: ShownShares | None, name: str, judged: bool) -> str:
    """` · goal over 70 %: met`, or nothing where none is set."""
    words_of_it = band_goal(shown, name, judged)
    return joined("", [" · ", words_of_it]) if words_of_it else ""


def range_goal(targets: Targets) -> str:
    """`, goal over 70 %` for the range itself, without a share; nothing where none is set."""
    goal = goals.goals_of(targets).get("in_range")
    return "" if goal is None else joined("", [", ", _whole_shares(goal.words)])


def sums(targets: Targets, shown: ShownShares, unit: Unit, judged: bool) -> Said:
    """`Below 70: 2.1 % (goal under 4 %: met). Above 180: 24.0 % (goal under 25 %: met).`"""
    return said(
        "Below %(low)s: %(below)s. Above %(high)s: %(above)s.",
        low=glucose(targets.low, unit),
        below=_summed(shown, "below", judged),
        high=glucose(targets.high, unit),
        above=_summed(shown, "above", judged),
    )


def _summed(shown: ShownShares, name: str, judged: bool) -> Said:
    goal = band_goal(shown, name, judged)
    return joined("", [band_share(shown, name), *([" (", goal, ")"] if goal else [])])


def _whole_shares(text: str) -> Said:
    """A share stays with its sign."""
    return Said(text.replace(" %", "\u00a0%"), lambda language: again(text, language).replace(" %", "\u00a0%"))


ALERT_WORDS = {
    "low": said("low"),
    "high": said("high"),
    "fixedLow": said("fixed low"),
    "urgentLow": said("urgent low"),
    "urgentLowSoon": said("urgent low soon"),
    "rise": said("rise"),
    "fall": said("fall"),
    "outOfRange": said("out of range"),
    "noReadings": said("no readings"),
}


def alert(name: str) -> str:
    """An alert as people call it; one that nobody knows by its own name, spaced."""
    return ALERT_WORDS.get(name) or spaced(name)


def short_id(name: str) -> str:
    """A transmitter's id as people can tell it from another: some providers give hashes of 64 characters."""
    return name if len(name) <= 12 else f"{name[:8]}…"


def spaced(name: str) -> str:
    """A provider's camelCase word as words: urgentLowSoon → urgent low soon."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
