"""The catalogues are whole, and what was made in English can be said in each language."""

import re
from datetime import date, datetime, time
from pathlib import Path

import msgspec
import pytest
from babel.messages.catalog import Catalog

from glucoflow.languages import ENGLISH, NAMES, by_choice, language
from glucoflow.model.said import Said, capital, digits, joined, listed, moment_said, plain, said, said_n
from glucoflow.model.words import NOUNS, count, length, percent
from scripts.messages import catalogue_of, messages, untranslated

ROOT = Path(__file__).parents[2]
OTHERS = sorted(set(NAMES) - {"en"})
PLACEHOLDER = re.compile(r"%\(\w+\)s|[{\[]\w+[}\]]|%%|</?\w+")


@pytest.fixture(scope="module")
def source() -> Catalog:
    """All texts of the source, read once."""
    return messages()


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_is_translated(code: str, source: Catalog) -> None:
    """What fails here is brought in by scripts/messages.py, and wants a translation."""
    kept = catalogue_of(code)
    assert {one.id for one in source} == {one.id for one in kept}
    assert untranslated(kept) == []


@pytest.mark.parametrize("code", OTHERS)
def test_translations_say_the_same_values(code: str) -> None:
    """No placeholder, percent sign or tag is lost, and none is made up; a plural may write its number once."""
    for one in catalogue_of(code):
        if not one.id:
            continue
        sources = [one.id] if isinstance(one.id, str) else list(one.id)
        for text in [one.string] if isinstance(one.string, str) else one.string or ():
            wanted = [sorted(PLACEHOLDER.findall(source)) for source in sources]
            assert sorted(PLACEHOLDER.findall(text)) in wanted, (one.id, text)


def test_what_is_counted_is_known_to_the_catalogues() -> None:
    """`count` puts its message together, so that the extraction cannot see it."""
    known = {str(one).removeprefix("2 ") for one in NOUNS}
    shown = [
        *ROOT.glob("glucoflow/web/**/*.html"),
        *ROOT.glob("glucoflow/web/*.py"),
        *ROOT.glob("glucoflow/analytics/**/*.py"),
    ]
    counted = {
        noun
        for path in shown
        for noun in re.findall(r'\bcount\([^"\n]*"([a-z ]{2,})"\)', path.read_text(encoding="utf-8"))
    }
    assert counted
    assert {f"{noun}s" for noun in counted} <= known


@pytest.mark.parametrize(
    ("tag", "number", "day", "span", "clock"),
    [
        ("en-GB", "1,250.5", "Sat 21 Nov 2026", "8 – 21 Nov 2026", "14:05"),
        ("en-US", "1,250.5", "Sat, Nov 21, 2026", "Nov 8 – Nov 21, 2026", "2:05\u202fPM"),
        ("de", "1.250,5", "Sa. 21. Nov. 2026", "8. – 21. Nov. 2026", "14:05"),
        ("de-CH", "1’250.5", "Sa. 21. Nov. 2026", "8. – 21. Nov. 2026", "14:05"),
        ("fr", "1\u202f250,5", "sam. 21 nov. 2026", "8 – 21 nov. 2026", "14:05"),
        ("es", "1,250.5", "Sat 21 Nov 2026", "8 – 21 Nov 2026", "14:05"),
    ],
)
def test_numbers_dates_and_clocks_are_those_of_the_region(
    tag: str, number: str, day: str, span: str, clock: str
) -> None:
    spoken = language(tag)
    assert spoken.in_digits("1,250.5") == number.replace("’", spoken.in_digits(","))
    assert spoken.day(date(2026, 11, 21), year=True) == day
    assert spoken.days(date(2026, 11, 8), date(2026, 11, 21)) == span
    assert spoken.clock(time(14, 5)).replace(" ", "\u202f") == clock


@pytest.mark.parametrize(
    ("chosen", "accepted", "tag"),
    [
        (None, "", "en-GB"),
        (None, "de-CH,de;q=0.9,en;q=0.8", "de-CH"),
        (None, "es;q=0.9, fr-CA;q=0.5, de;q=0.1", "fr-CA"),
        (None, "en;q=0.1,de", "de"),
        ("fr", "de-CH,fr-CH;q=0.4", "fr-CH"),
        ("fr", "de", "fr"),
        ("xx", "de", "de"),
        (None, "de;q=many,*;q=0.5,,;q=", "en-GB"),
        (None, "de-" + "x" * 500, "de"),
    ],
)
def test_the_browser_is_asked_unless_somebody_chose(chosen: str | None, accepted: str, tag: str) -> None:
    assert by_choice(chosen, accepted).tag == tag


def test_english_stays_what_it_was_and_another_language_says_it_again() -> None:
    text = capital(said("not enough data: no readings"))
    assert text == "Not enough data: no readings"
    assert language("de").of(text) == "Nicht genug Daten: keine Werte"
    assert ENGLISH.of(text) == text
    several = said_n("%(n)s LOW", "%(n)s LOWs", 1250)
    assert (several, ENGLISH.of(several)) == ("1,250 LOWs", "1,250 LOWs")
    assert language("fr").of(count(1, "day")) == "1 jour"
    assert language("fr").of(count(0, "day")) == "0 jour"
    assert [language("de").of(count(n, "day")) for n in (0, 1, 2)] == ["0 Tage", "1 Tag", "2 Tage"]
    assert language("de").of(joined(" · ", (percent(64.96, 1), "mg/dL"))) == "65,0 % · mg/dL"
    assert language("de").of(listed(["a", "b", digits("1.5")])) == "a, b und 1,5"
    local = datetime(2026, 11, 21, 14, 5)  # noqa: DTZ001 - a wall clock
    assert (moment_said(local), language("fr").of(moment_said(local))) == ("Sat 21 Nov, 14:05", "sam. 21 nov., 14:05")
    assert language("de").of(length(datetime(2026, 1, 3) - datetime(2026, 1, 1))) == "2 Tage"  # noqa: DTZ001


def test_what_is_kept_or_sent_elsewhere_is_english() -> None:
    text = said("%(a)s and more", a=digits("1.5"))
    assert type(str(text)) is str
    assert msgspec.json.encode({"text": text}, enc_hook=plain) == b'{"text":"1.5 and more"}'
    assert msgspec.to_builtins([Said("a", lambda _: "b")], enc_hook=plain) == ["a"]
    with pytest.raises(NotImplementedError):
        plain(object())
