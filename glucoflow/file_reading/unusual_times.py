"""Times that name their month, or have nothing between their numbers, in the form that most files have."""

import re
import unicodedata

_COMPACT = re.compile(r"((?:19|20|21)\d{2})(\d{2})(\d{2})[T _-]?(\d{2})(\d{2})(\d{2})?(Z|[+-]\d{2}:?\d{2})?")
_NAMED = re.compile(
    r"(?:(?P<d1>\d{1,2})[.]?[ -](?P<m1>[^\W\d]{3,9})[.]?|(?P<m2>[^\W\d]{3,9})[.]? (?P<d2>\d{1,2}))"
    r"[, -]+(?P<y>\d{4})(?P<rest>.*)",
    re.DOTALL,
)
_MONTHS = (
    "jan|januar|january|januari|ene|enero|janv|janvier|gen|gennaio|janeiro",
    "feb|februar|february|februari|febrero|fev|fevr|fevrier|febbraio|fevereiro",
    "mar|marz|march|maart|mrt|marzo|mars|marco|maerz",
    "apr|april|abr|abril|avr|avril|aprile",
    "may|mai|mei|mayo|maj|mag|maggio|maio",
    "jun|juni|june|junio|juin|giu|giugno|junho",
    "jul|juli|july|julio|juil|juillet|lug|luglio|julho",
    "aug|august|augustus|ago|agosto|aout|augusti",
    "sep|sept|september|septiembre|septembre|set|settembre|setembro",
    "oct|okt|october|oktober|octubre|octobre|ott|ottobre|out|outubro",
    "nov|november|noviembre|novembre|novembro",
    "dec|dez|december|dezember|dic|diciembre|decembre|dicembre|dezembro",
)
_NUMBER = {word: number for number, words in enumerate(_MONTHS, 1) for word in words.split("|")}


def as_usual(text: str) -> str | None:
    """The same time as `2025-03-14 08:00:07`, with what stands behind it; None for one in any other form."""
    if (found := _COMPACT.fullmatch(text)) is not None:
        year, month, day, hour, minute, second, zone = found.groups()
        return f"{year}-{month}-{day} {hour}:{minute}:{second or '00'}{zone or ''}"
    if (found := _NAMED.fullmatch(text)) is None:
        return None
    bare = unicodedata.normalize("NFKD", (found["m1"] or found["m2"]).casefold())
    number = _NUMBER.get("".join(c for c in bare if not unicodedata.combining(c)))
    if number is None:
        return None
    return f"{found['y']}-{number:02}-{int(found['d1'] or found['d2']):02} {found['rest'].strip(' ,')}"
