"""Times as files have them, and the one order of day and month that a whole file is written in.

Nothing is guessed: where the file itself does not tell whether 03-04 is in March or in April, it is asked.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from glucoflow.file_reading.unusual_times import as_usual
from glucoflow.model.errors import LeftOpen, UnreadableFile
from glucoflow.model.localtime import DAY_MS
from glucoflow.model.words import count

LOCAL, INSTANT, DAY_MONTH = -32768, -32767, -32766
"""Instead of an offset: a wall clock without zone; an instant whose offset is not said; a wall clock whose day and
month are yet to be told apart (`packed`)."""

Moment = tuple[int, int]
"""Milliseconds (on the wall clock, UTC, or packed) and the offset in minutes, or one of the three above."""

FIRST_YEAR, LAST_YEAR = 1999, 2099
"""The first sensor for people was sold in 1999."""
EARLIEST_YEAR, LATEST_YEAR = 1910, 2199
"""Studies shift whole files by decades, so that nobody is known by a date. A clock further off is broken."""

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

_EPOCH_DAYS = date(1970, 1, 1).toordinal()
_TIME = re.compile(
    r"(?P<a>\d{1,4})(?P<s>[-/.])(?P<b>\d{1,2})(?P=s)(?P<c>\d{2,4})\.?(?:[T ,_-]+(?P<clock>\d.*|\D{1,6}\d.*))?",
    re.DOTALL,
)
_CLOCK = re.compile(
    r"(?P<before>[^\d\s]{1,6})?\s*(?P<h>\d{1,2}):(?P<m>\d{2})(?::(?P<s>\d{2})(?:[.,](?P<f>\d{1,9}))?)?"
    r"\s*(?P<after>[AaPp]\.?\s?[Mm]\.?|上午|下午|午前|午後|오전|오후)?\s*(?P<zone>Z|UTC|GMT|[+-]\d{1,2}:?\d{2})?"
)
_MORNING = {"am", "上午", "午前", "오전"}
_AFTERNOON = {"pm", "下午", "午後", "오후"}
_EPOCHS = {10: 1000.0, 13: 1.0, 16: 0.001}
"""Digits of an epoch time in s, ms, µs, and what makes ms of it."""
_EXCEL_DAYS = 25_569
"""From the first day of Excel's calendar to 1970."""


class Day(NamedTuple):
    """A date whose first two numbers are day and month in an order yet to be told. `dots`: 14.03.2025."""

    year: int
    a: int
    b: int
    dots: bool = False


class TimeReader:
    """Reads the times of one file; `days` are all the dates in it whose order of day and month is to be told."""

    def __init__(self) -> None:
        self.days: set[Day] = set()
        self._dates: dict[str, tuple[int, int] | None] = {}
        self._clocks: dict[str, tuple[int, int] | None] = {}

    def read(self, text: str) -> Moment | None:
        """The moment, or None for what is no time, or in no year in which a sensor was worn."""
        text = text.strip().strip('"')
        at = text.find("T") if "T" in text[:11] else text.find(" ")
        if at < 6:
            return self._whole(text)
        day, clock = text[:at], text[at + 1 :]
        base = self._dates[day] if day in self._dates else self._date(day)
        time = self._clocks[clock] if clock in self._clocks else self._clock(clock)
        if base is None or time is None:
            return self._whole(text)
        return _joined(base, time)

    def _whole(self, text: str) -> Moment | None:
        is_number = text.isascii() and text.replace(".", "", 1).replace(",", "", 1).isdigit()
        if is_number and (counted := _counted(text)) is not None:
            return counted
        if (usual := as_usual(text)) is not None:
            return self.read(usual)
        found = _TIME.fullmatch(text)
        if found is None or not found["clock"]:
            return None
        base = self._date(f"{found['a']}{found['s']}{found['b']}{found['s']}{found['c']}")
        time = self._clock(found["clock"])
        return None if base is None or time is None else _joined(base, time)

    def date(self, text: str) -> Moment | None:
        """The first moment of a date that stands alone, as in a title."""
        base = self._date(text.strip())
        return None if base is None else _joined(base, (0, LOCAL))

    def _date(self, text: str) -> tuple[int, int] | None:
        """Milliseconds, or the packed date, and how to understand them."""
        if len(self._dates) > 100_000:
            self._dates.clear()
        found = _TIME.fullmatch(text)
        known = None if found is None else self._numbers(found)
        self._dates[text] = known
        return known

    def _numbers(self, found: "re.Match[str]") -> tuple[int, int] | None:
        a, b, c = int(found["a"]), int(found["b"]), int(found["c"])
        if len(found["a"]) == 4 or len(found["a"]) == 3:
            return _days_ms(a, b, c) if EARLIEST_YEAR <= a <= LATEST_YEAR else None
        year = c + 2000 if len(found["c"]) == 2 else c
        if not EARLIEST_YEAR <= year <= LATEST_YEAR or not (1 <= a <= 31 and 1 <= b <= 31) or min(a, b) > 12:
            return None
        self.days.add(Day(year, a, b, found["s"] == "."))
        return packed(year, a, b), DAY_MONTH

    def _clock(self, text: str) -> tuple[int, int] | None:
        if len(self._clocks) > 200_000:
            self._clocks.clear()
        found = _CLOCK.fullmatch(text.strip())
        known = None if found is None else _time_of_day(found)
        self._clocks[text] = known
        return known


def _joined(base: tuple[int, int], time: tuple[int, int]) -> Moment:
    ms, kind = base
    clock, offset = time
    if kind == DAY_MONTH:
        return ms * DAY_MS + clock, DAY_MONTH  # an offset beside a date of unknown order has not been seen
    return (ms + clock, offset) if offset in (LOCAL, INSTANT) else (ms + clock - offset * 60_000, offset)


def _days_ms(year: int, month: int, day: int) -> tuple[int, int] | None:
    try:
        return (date(year, month, day).toordinal() - _EPOCH_DAYS) * DAY_MS, LOCAL
    except ValueError:
        return None


def _time_of_day(found: "re.Match[str]") -> tuple[int, int] | None:
    hour, minute, second = int(found["h"]), int(found["m"]), int(found["s"] or 0)
    half = (found["after"] or found["before"] or "").lower().replace(".", "").replace(" ", "")
    if half and half not in _MORNING | _AFTERNOON:
        return None
    if half and not 1 <= hour <= 12:
        half = ""  # 13:05 PM: the clock is right, the word is too much
    if half:
        hour = hour % 12 + (12 if half in _AFTERNOON else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    ms = ((hour * 60 + minute) * 60 + second) * 1000 + int((found["f"] or "0")[:3].ljust(3, "0"))
    return ms, _offset(found["zone"])


def _offset(zone: str | None) -> int:
    if not zone:
        return LOCAL
    if zone[0] not in "+-":
        return INSTANT  # UTC is no place where anybody lives
    digits = zone[1:].replace(":", "").rjust(4, "0")
    return (1 if zone[0] == "+" else -1) * (int(digits[:-2]) * 60 + int(digits[-2:]))


def _counted(text: str) -> Moment | None:
    """Seconds, milliseconds or microseconds since 1970, or Excel's days since 1900."""
    whole = re.split("[.,]", text)[0]
    number = float(text.replace(",", "."))
    factor = _EPOCHS.get(len(whole))
    if factor is not None:
        ms = round(number * factor)
        lowest, highest = _days_ms(FIRST_YEAR, 1, 1), _days_ms(LAST_YEAR, 12, 31)
        assert lowest and highest  # noqa: S101, PT018 – for the type
        return (ms, INSTANT) if lowest[0] <= ms <= highest[0] else None
    if len(whole) == 5 and whole != text and 36_161 <= number < 73_051:  # 1999 to 2099
        return round((number - _EXCEL_DAYS) * 86_400) * 1000, LOCAL
    return None


def packed(year: int, a: int, b: int) -> int:
    """A date whose order is unknown as one number; the time of day is added below it."""
    return (year * 100 + a) * 100 + b


class Order(NamedTuple):
    """The file's order of day and month, and how that is known; None where no date depends on it."""

    day_first: bool | None
    why: str


def order_of(days: set[Day], exported: Moment | None, runs: Sequence[Ints], chosen: bool | None) -> Order:
    """The order that the whole file tells. `runs` are packed times of one device each, in the order of the file.

    Raises UnreadableFile where it tells none and none is chosen, or where what is chosen cannot be.
    """
    first, second = _past_the_12th(days)
    if first and second:
        raise UnreadableFile(
            "The dates of this file follow no one order of day and month: "
            f"{_shown(first[0])} has its day first, {_shown(second[0])} its month.",
            remedy="Use the file as it was exported, without re-saving it.",
        )
    if first or second:
        return _checked(chosen, bool(first), f"{_shown((first or second)[0])} has a day past the 12th")
    if all(day.a == day.b for day in days):
        return Order(None, "")
    if any(day.dots for day in days):
        return _checked(chosen, True, "dates with dots have their day first")
    if chosen is not None:
        return Order(chosen, "chosen")
    told = _by_steps(runs) or _by_export(exported, runs)
    if told is None:
        raise LeftOpen(
            "The dates of this file can be read both as month-day and as day-month: no day is past the 12th, "
            f"for example {_shown(min(days))}.",
            remedy="Say which it is with --day-first or --month-first, or export a longer span.",
            about="order",
        )
    return told


def _past_the_12th(days: set[Day]) -> tuple[list[Day], list[Day]]:
    return sorted(day for day in days if day.a > 12), sorted(day for day in days if day.b > 12)


def _checked(chosen: bool | None, day_first: bool, why: str) -> Order:
    if chosen is not None and chosen != day_first:
        raise LeftOpen(
            f"The dates of this file have their {'day' if day_first else 'month'} first: {why}.",
            remedy=f"Leave out --{'month' if day_first else 'day'}-first.",
            about="order",
        )
    return Order(day_first, why)


def _shown(day: Day) -> str:
    mark = "." if day.dots else "-"
    return f"{day.a:02}{mark}{day.b:02}{mark}{day.year}"


def _by_steps(runs: Sequence[Ints]) -> Order | None:
    """From one row to the next, over midnight: minutes in one order, weeks in the other."""
    votes = {True: 0, False: 0}
    for run in runs:
        if run.size < 2:
            continue
        steps = {}
        for day_first in (True, False):
            ms, good = unpacked(run, day_first)
            steps[day_first] = np.where(good[1:] & good[:-1], np.abs(np.diff(ms)), 400 * DAY_MS)
        for day_first in (True, False):
            votes[day_first] += int(((steps[day_first] <= DAY_MS // 4) & (steps[not day_first] >= 6 * DAY_MS)).sum())
    for day_first in (True, False):
        if votes[day_first] and votes[not day_first] <= votes[day_first] // 20:
            return Order(day_first, f"read so, the rows run on over midnight ({count(votes[day_first], 'time')})")
    return None


def _by_export(exported: Moment | None, runs: Sequence[Ints]) -> Order | None:
    """No row is later than the export; a day is granted, since titles are in UTC."""
    if exported is None or exported[1] == INSTANT:
        return None
    fits = {}
    for day_first in (True, False):
        last = max((int(unpacked(run, day_first)[0].max(initial=0)) for run in runs), default=0)
        at = exported[0]
        if exported[1] == DAY_MONTH:
            at = int(unpacked(np.array([at], dtype=np.int64), day_first)[0][0])
        fits[day_first] = last <= at + DAY_MS
    if fits[True] == fits[False]:
        return None
    return Order(fits[True], "read otherwise, rows would be later than the export itself")


def unpacked(stamps: Ints, day_first: bool) -> tuple[Ints, Bools]:
    """Wall-clock milliseconds of packed times in this order, and which of them are dates at all."""
    days, clock = np.divmod(stamps, DAY_MS)
    b = days % 100
    a = days // 100 % 100
    year = days // 10_000
    day, month = (a, b) if day_first else (b, a)
    good = (month >= 1) & (month <= 12) & (day >= 1)
    months = (year - 1970) * 12 + np.clip(month, 1, 12) - 1
    start = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    length = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) - start
    good &= day <= length
    return (start + day - 1) * DAY_MS + clock, good
