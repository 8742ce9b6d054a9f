"""The languages that glucoflow speaks: texts from `glucoflow/locale/*.po`, numbers, dates and clocks as CLDR has them.

English is the language of the source; each other one has a catalogue, read when it is first asked for. A region (en-US,
de-CH) changes how numbers, dates and the clock are written, never the texts.
"""

import io
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import NullTranslations, Translations

from glucoflow.kept_texts import KeptTexts
from glucoflow.model.said import Said

FOLDER = Path(__file__).parent / "locale"
DOMAIN = "glucoflow"
ENGLISH_TAG = "en-GB"
NAMES = {"en": "English", "de": "Deutsch", "fr": "Français"}
"""The languages by their code, each as its speakers call it."""

_ENGLISH_DATES = {"MMMEd": "EEE d MMM", "yMMMEd": "EEE d MMM y", "MMMd": "d MMM", "yMMMd": "d MMM y"}
"""Without the comma that CLDR puts after a weekday."""


@dataclass(frozen=True)
class Language:
    """A language with its region. `tag` is as in `lang="…"`; `clock12` says that hours are counted twice to twelve."""

    tag: str
    locale: Locale
    texts: NullTranslations
    clock12: bool

    @property
    def code(self) -> str:
        return str(self.locale.language)

    @property
    def is_source(self) -> bool:
        return self.tag == ENGLISH_TAG

    def gettext(self, message: str) -> str:
        return self.texts.gettext(message) if message else ""

    def ngettext(self, one: str, many: str, n: float) -> str:
        return self.texts.ngettext(one, many, n)  # type: ignore[arg-type]  # a half is many, as it should be

    def of(self, text: str) -> str:
        """A text that was made in English, in this language; what no catalogue has stays English.

        A text that was kept (what went wrong, what a run did) has lost what it was made from: it is known again by the
        message whose form it has, sentence by sentence.
        """
        if isinstance(text, Said):
            return text.in_language(self)
        return text if self.code == "en" else _kept(self.tag).of(text)

    def in_digits(self, english: str) -> str:
        """Digits with point and comma as English writes them, as this language does: `1,250.5` → `1.250,5`."""
        symbols = self.locale.number_symbols["latn"]
        return english.translate({ord(","): symbols["group"], ord("."): symbols["decimal"]})

    def day(self, day: date, *, year: bool = False, weekday: bool = True) -> str:
        """`Sat 21 Nov`, `Sat 21 Nov 2026`, `21 Nov 2026`."""
        skeleton = ("y" if year else "") + ("MMMEd" if weekday else "MMMd")
        if self.tag == ENGLISH_TAG:
            return format_date(day, _ENGLISH_DATES[skeleton], locale=self.locale)
        moment = datetime.combine(day, time())
        return format_skeleton(skeleton, moment, locale=self.locale).replace(".,", ".")

    def long_day(self, day: date) -> str:
        """`Saturday 21 November`."""
        forms = {"de": "EEEE, d. MMMM", "en": "EEEE, MMMM d" if self._month_first else "EEEE d MMMM"}
        return format_date(day, forms.get(self.code, "EEEE d MMMM"), locale=self.locale)

    def full_date(self, day: date) -> str:
        """`21 November 2026`, as a letter has it."""
        return format_date(day, "long", locale=self.locale)

    def days(self, first: date, last: date) -> str:
        """A span of days, both included: `8 – 21 Nov 2026`, `30 Oct – 2 Nov 2026`."""
        if first == last:
            return self.day(last, year=True)
        end = self.day(last, year=True, weekday=False)
        if first.year != last.year:
            return f"{self.day(first, year=True, weekday=False)} – {end}"
        if first.month != last.month or self._month_first:
            return f"{self.day(first, weekday=False)} – {end}"
        dot = "." if self.code == "de" else ""
        return f"{first.day}{dot} – {end}"

    def clock(self, moment: datetime | time) -> str:
        """`14:35`, `2:35 PM`."""
        if not self.clock12:
            return f"{moment:%H:%M}"
        return format_time(moment.replace(tzinfo=None), "h:mm a", locale=self.locale)

    def minute_of_day(self, minute: int) -> str:
        """A minute of the day as a clock shows it; the end of the day is 24:00, or midnight."""
        if minute >= 24 * 60 and not self.clock12:
            return "24:00"
        return self.clock(time(minute // 60 % 24, minute % 60))

    def d3_locale(self) -> dict[str, Any]:
        """How charts write numbers and dates: d3's locale definitions, as Vega takes them in `config.locale`."""
        symbols = self.locale.number_symbols["latn"]
        months, days = self.locale.months["format"], self.locale.days["format"]
        number = {"decimal": symbols["decimal"], "thousands": symbols["group"], "grouping": [3], "currency": ["", ""]}
        week = (6, 0, 1, 2, 3, 4, 5)  # d3 begins on Sunday
        periods = [self.locale.day_periods["format"]["abbreviated"][one] for one in ("am", "pm")]
        when = {
            "dateTime": "%x, %X", "date": "%d.%m.%Y", "time": "%H:%M:%S", "periods": periods,
            "days": [days["wide"][k] for k in week],
            "shortDays": [days["abbreviated"][k].rstrip(".") for k in week],
            "months": [months["wide"][k] for k in range(1, 13)],
            "shortMonths": [months["abbreviated"][k].rstrip(".") for k in range(1, 13)],
        }  # fmt: skip
        return {"number": number, "time": when}

    def d3_date(self, pattern: str) -> str:
        """A d3 pattern of a date or a clock, written as English does, as this language writes it."""
        if self.clock12:
            pattern = self.minute_of_day(24 * 60) if pattern == "24:00" else pattern.replace("%H:%M", "%-I:%M %p")
        if self._month_first:
            return pattern.replace("%e %b", "%b %-d").replace("%e %B", "%B %-d")
        return pattern.replace("%e %b", "%e. %b").replace("%e %B", "%e. %B") if self.code == "de" else pattern

    @property
    def _month_first(self) -> bool:
        return self.tag != ENGLISH_TAG and str(self.locale.datetime_skeletons["yMMMd"].pattern).startswith("M")


@cache
def language(tag: str = ENGLISH_TAG) -> Language:
    """The language of a tag such as `de`, `de-CH` or `en-US`. An unknown region is left out, an unknown one English."""
    code, _, region = tag.partition("-")
    if code not in NAMES or tag == ENGLISH_TAG or (code == "en" and not region):
        return ENGLISH
    try:
        locale = Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return language(code)
    return Language(tag, locale, _texts(code), _counts_to_twelve(locale))


ENGLISH = Language(ENGLISH_TAG, Locale("en", "GB"), NullTranslations(), clock12=False)
"""The language of the source, with dates as the source writes them."""


def by_choice(chosen: str | None, accepted: str) -> Language:
    """The language to speak: what was chosen here, with the region that the browser has for it; else the first that the
    browser asks for (`Accept-Language`) and glucoflow speaks; else English.
    """
    wanted = _wanted(accepted)
    if chosen in NAMES:
        return language(next((tag for tag in wanted if tag.partition("-")[0] == chosen), chosen))
    return language(next((tag for tag in wanted if tag.partition("-")[0] in NAMES), ENGLISH_TAG))


def _wanted(accepted: str) -> list[str]:
    """The tags of `Accept-Language`, the most wanted first: language and region only, nothing longer."""
    found = []
    for at, part in enumerate(accepted[:200].split(",")):
        tag, _, quality = part.strip().partition(";q=")
        code, _, region = tag.strip().partition("-")
        try:
            weight = float(quality or 1)
        except ValueError:
            continue
        if weight > 0 and code.isalpha() and len(code) <= 3:
            short = f"{code.lower()}-{region.upper()}" if region.isalpha() and len(region) == 2 else code.lower()
            found.append((-weight, at, short))
    return [tag for _, _, tag in sorted(found)]


def _counts_to_twelve(locale: Locale) -> bool:
    return "a" in str(locale.time_formats["short"].pattern)


@cache
def _kept(tag: str) -> KeptTexts:
    spoken = language(tag)
    return KeptTexts(spoken, _catalogue(spoken.code))


@cache
def _catalogue(code: str) -> Catalog:
    with (FOLDER / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code, domain=DOMAIN)


@cache
def _texts(code: str) -> NullTranslations:
    path = FOLDER / f"{code}.po"
    if code == "en" or not path.is_file():
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, _catalogue(code))
    compiled.seek(0)
    return Translations(compiled, domain=DOMAIN)
