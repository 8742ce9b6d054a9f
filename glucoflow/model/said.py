"""Texts that are made in English beneath the pages and can be said again in another language at the edge.

A `Said` is an ordinary string, in English, that remembers what it was made from: a message of the catalogues with its
values, or digits. Commands, logs and stored texts use it as it is; a page asks its language to say it again. Messages
are whole sentences or phrases with `%(name)s` in them, never parts to be put together; a percent sign is `%%`.
"""

from collections.abc import Callable, Iterable
from datetime import date, datetime, time
from typing import Protocol


class Speaking(Protocol):
    """What a language can do with a message. `is_source`: it is the English of the source, in which nothing changes."""

    @property
    def is_source(self) -> bool: ...

    def gettext(self, message: str) -> str: ...

    def ngettext(self, one: str, many: str, n: float) -> str: ...

    def in_digits(self, english: str) -> str: ...

    def day(self, day: date, *, year: bool = False, weekday: bool = True) -> str: ...

    def long_day(self, day: date) -> str: ...

    def full_date(self, day: date) -> str: ...

    def days(self, first: date, last: date) -> str: ...

    def clock(self, moment: datetime | time) -> str: ...

    def minute_of_day(self, minute: int) -> str: ...


class Said(str):
    """English, with the way to say the same in another language."""

    __slots__ = ("_again",)
    _again: Callable[[Speaking], str]

    def __new__(cls, english: str, again: Callable[[Speaking], str]) -> "Said":
        made = super().__new__(cls, english)
        made._again = again
        return made

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """What is kept or sent elsewhere is the English text."""
        return str, (str(self),)

    def in_language(self, language: Speaking) -> str:
        return str(self) if language.is_source else self._again(language)


def said(message: str, **values: object) -> Said:
    """The message with its values, which may be texts that can be said again themselves."""
    return Said(message % values, lambda language: language.gettext(message) % told(values, language))


def said_n(one: str, many: str, n: float, **values: object) -> Said:
    """The same for messages that depend on a number, which is written as `%(n)s`."""
    values = {"n": digits(f"{n:,}"), **values}
    english = (one if n == 1 else many) % values
    return Said(english, lambda language: language.ngettext(one, many, n) % told(values, language))


def digits(english: str) -> Said:
    """A text of digits, signs and units only: `1,250`, `62.4 %`."""
    return Said(english, lambda language: language.in_digits(english))


def name(text: str) -> Said:
    """A text that is a name and stays as it is, though it may look like a message."""
    return Said(text, lambda _language: text)


def capital(text: str) -> Said:
    """The text with its first letter large, in whatever language."""
    return Said(_capital(text), lambda language: _capital(again(text, language)))


def joined(separator: str, texts: Iterable[str]) -> Said:
    """Texts beside each other, with a separator that every language writes alike."""
    parts = list(texts)
    return Said(separator.join(parts), lambda language: separator.join(again(one, language) for one in parts))


def unbroken(text: str) -> Said:
    """The text on one line: its blanks do not break."""
    return Said(text.replace(" ", "\u00a0"), lambda language: again(text, language).replace(" ", "\u00a0"))


def day_said(day: date, *, year: bool = False) -> Said:
    """`Sat 21 Nov`, `Sat 21 Nov 2026`."""
    english = f"{day:%a} {day.day} {day:%b}" + (f" {day.year}" if year else "")
    return Said(english, lambda language: language.day(day, year=year))


def long_day_said(day: date) -> Said:
    """`Saturday 21 November`."""
    return Said(f"{day:%A} {day.day} {day:%B}", lambda language: language.long_day(day))


def date_said(day: date) -> Said:
    """`21 November 2026`."""
    return Said(f"{day.day} {day:%B %Y}", lambda language: language.full_date(day))


def days_said(first: date, last: date) -> Said:
    """A span of days, both included: `8 – 21 Nov 2026`, `30 Oct – 2 Nov 2026`, `Sat 21 Nov 2026`."""
    if first == last:
        return day_said(last, year=True)
    start = f"{first.day}"
    if (first.year, first.month) != (last.year, last.month):
        start += f" {first:%b}"
    if first.year != last.year:
        start += f" {first.year}"
    return Said(f"{start} – {last.day} {last:%b} {last.year}", lambda language: language.days(first, last))


def moment_said(local: datetime) -> Said:
    """`Sat 21 Nov, 14:35`, of a moment by its own clock."""
    english = f"{local:%a} {local.day} {local:%b}, {local:%H:%M}"
    return Said(english, lambda language: f"{language.day(local)}, {language.clock(local)}")


def minute_said(minute: float) -> Said:
    """A minute of the day: `02:30`."""
    whole = int(minute)
    return Said(f"{whole // 60:02d}:{whole % 60:02d}", lambda language: language.minute_of_day(whole))


def listed(texts: Iterable[str]) -> str:
    """`a, b and c`."""
    parts = list(texts)
    if len(parts) < 2:
        return parts[0] if parts else ""
    return said("%(some)s and %(last)s", some=joined(", ", parts[:-1]), last=parts[-1])


def told(values: dict[str, object], language: Speaking) -> dict[str, object]:
    """The values of a message in this language; what is no text that can be said again stays as it is."""
    return {key: again(value, language) if isinstance(value, str) else value for key, value in values.items()}


def again(text: str, language: Speaking) -> str:
    return text.in_language(language) if isinstance(text, Said) else text


def plain(value: object) -> str:
    """For encoders that know strings only (msgspec's `enc_hook`): the English text."""
    if isinstance(value, Said):
        return str(value)
    raise NotImplementedError


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
